"""Draws docs/cameras.png: poses of our own, seen by two cameras, embedded, and decoded to canonical 3D.

.venv/bin/python scripts/draw_picture.py
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vvipe import Embedder
from vvipe.cameras import look_at_rotation, project
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import canonicalize, center, universal_skeleton
from vvipe.skeleton import COCO13, H36M17, Skeleton

OUT = Path(__file__).parents[1] / "docs" / "cameras.png"
CELL, MARGIN = 260, 34
CAMERAS = {"camera A": (200.0, 5.0), "camera B": (120.0, 18.0)}
"""Azimuth and elevation, degrees; the people face azimuth 180."""
LEFT, RIGHT, MIDDLE, INK = (178, 114, 0), (0, 94, 213), (90, 90, 90), (40, 40, 40)

# Directions of the limbs (x back, y right, z up), of the person who faces -x: trunk, arms, legs; left then right.
POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    "lunge": {
        "trunk": (-0.1, 0, 1),
        "left_arm": (-0.1, -1, 0.1), "left_forearm": (-0.2, -1, 0.2),
        "right_arm": (0.1, 1, 0.1), "right_forearm": (-0.5, 0.8, 0.6),
        "left_thigh": (-1, -0.2, -0.4), "left_shank": (0.1, 0, -1),
        "right_thigh": (0.6, 0.1, -0.8), "right_shank": (0.8, 0, -0.6),
    },
    "squat": {
        "trunk": (-0.6, 0, 1),
        "left_arm": (-1, -0.1, 0.2), "left_forearm": (-1, 0.1, 0.2),
        "right_arm": (-1, 0.1, 0.2), "right_forearm": (-1, -0.1, 0.2),
        "left_thigh": (-1, -0.3, -0.2), "left_shank": (0.4, 0, -1),
        "right_thigh": (-1, 0.3, -0.2), "right_shank": (0.4, 0, -1),
    },
    "kick": {
        "trunk": (0.25, -0.1, 1),
        "left_arm": (-0.7, -0.6, -0.2), "left_forearm": (-0.8, 0.2, 0.5),
        "right_arm": (0.5, 0.8, -0.2), "right_forearm": (0.2, 0.9, 0.1),
        "left_thigh": (0, -0.1, -1), "left_shank": (0.15, 0, -1),
        "right_thigh": (-1, 0.15, 0.15), "right_shank": (-1, 0.1, 0.35),
    },
}  # fmt: skip


def pose_of(directions: dict[str, tuple[float, float, float]]) -> torch.Tensor:
    """(1, 17, 3) the pose of those limb directions on the universal skeleton."""
    step = {name: torch.tensor(direction) for name, direction in directions.items()}
    across = torch.tensor([0.0, 1.0, 0.0])
    joints = {"pelvis": torch.zeros(3)}
    for parent, child in (("pelvis", "spine"), ("spine", "thorax"), ("thorax", "neck_nose"), ("neck_nose", "head")):
        joints[child] = joints[parent] + step["trunk"]
    for side, sign in (("left", -1.0), ("right", 1.0)):
        joints[f"{side}_hip"] = joints["pelvis"] + sign * across
        joints[f"{side}_shoulder"] = joints["thorax"] + sign * across - 0.1 * step["trunk"]
        chain = (
            ("hip", "knee", "thigh"),
            ("knee", "ankle", "shank"),
            ("shoulder", "elbow", "arm"),
            ("elbow", "wrist", "forearm"),
        )
        for parent, child, limb in chain:
            joints[f"{side}_{child}"] = joints[f"{side}_{parent}"] + step[f"{side}_{limb}"]
    return universal_skeleton(torch.stack([joints[name] for name in H36M17.joints])[None])


def draw_figure(canvas: NDArray, points: NDArray, skeleton: Skeleton, corner: tuple[int, int]) -> None:
    """Draws points (K, 2), y down, fitted into the cell at `corner`."""
    size = max(np.ptp(points[:, 0]), np.ptp(points[:, 1]))
    middle = (points.max(0) + points.min(0)) / 2
    fitted = (points - middle) / size * (CELL - 2 * MARGIN) + np.array(corner) + CELL / 2
    for parent, child in skeleton.bones:
        name = skeleton.joints[child]
        same_side = name.split("_")[0] == skeleton.joints[parent].split("_")[0] or skeleton is H36M17
        colour = (
            (LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE)
            if same_side
            else MIDDLE
        )
        ends = [tuple(int(v) for v in fitted[joint]) for joint in (parent, child)]
        cv2.line(canvas, ends[0], ends[1], colour, 5, cv2.LINE_AA)
    for x, y in fitted.astype(int):
        cv2.circle(canvas, (int(x), int(y)), 5, INK, -1, cv2.LINE_AA)


def see(points: torch.Tensor, azimuth: float, elevation: float) -> NDArray:
    """(K, 2) image points of (1, K, 3) world points."""
    angles = (torch.tensor([math.radians(angle)]) for angle in (azimuth, elevation, 0.0))
    return project(points, look_at_rotation(*angles), torch.tensor([6.0]))[0][0].numpy()


def write(canvas: NDArray, text: str, place: tuple[int, int], scale: float = 0.55) -> None:
    """Writes a line of text at `place` (its lower left corner)."""
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)


def main() -> None:
    """Draws the picture: a row a pose; the two views, and what the model decodes from each view."""
    embedder = Embedder.from_pretrained()
    heads = [*CAMERAS, "3D from A", "3D from B", "true 3D"]
    canvas = np.full((len(POSES) * CELL + 40, len(heads) * CELL, 3), 255, np.uint8)
    for column, head in enumerate(heads):
        write(canvas, head, (column * CELL + 90, 28))
    for row, (name, directions) in enumerate(POSES.items()):
        pose = pose_of(directions)
        top = 40 + row * CELL
        views = [see(coco13_joints(pose), *camera) for camera in CAMERAS.values()]
        vectors = embedder.embed(np.stack(views), skeleton="coco13")
        decoded = [*torch.from_numpy(embedder.decode(vectors)).split(1), canonicalize(center(pose))]
        for column, view in enumerate(views):
            draw_figure(canvas, view, COCO13, (column * CELL, top))
        for column, figure in enumerate(decoded, start=2):
            draw_figure(canvas, see(figure, 215.0, 12.0), H36M17, (column * CELL, top))
        probability = float(embedder.match_probability(vectors[:1], vectors[1:])[0])
        write(canvas, f"{name}: A and B match with p = {probability:.2f}", (12, top + CELL - 8), 0.5)
    OUT.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(OUT), canvas)
    print(OUT)


if __name__ == "__main__":
    main()
