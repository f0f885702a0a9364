"""Draws docs/report.png: the page of `poseflow match`, of two skeletons of our own; needs Chromium.

.venv/bin/python scripts/draw_report.py [KEPT_PAGE.html]
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from draw_picture import POSES, coco13_joints, pose_of, see
from numpy.typing import NDArray
from poseflow_cli.main import main as poseflow

from poseflow.embed import embed_people
from poseflow.records import ClipMetadata, PoseTrack
from poseflow.store import write_clip
from vvipe import Embedder
from vvipe.skeleton import COCO13, COCO17, conversion_indices

OUT = Path(__file__).parents[1] / "docs" / "report.png"
WIDTH, HEIGHT, AT_S = 1180, 1800, 1.5
FPS = 30
Direction = tuple[float, float, float]
Pose = dict[str, Direction]
STAND: Pose = {
    "trunk": (0, 0, 1),
    "left_arm": (0, -0.25, -1), "left_forearm": (-0.2, -0.1, -1), "right_arm": (0, 0.25, -1),
    "right_forearm": (-0.2, 0.1, -1), "left_thigh": (0, -0.1, -1), "left_shank": (0, 0, -1),
    "right_thigh": (0, 0.1, -1), "right_shank": (0, 0, -1),
}  # fmt: skip
TEACHER = (STAND, POSES["lunge"], STAND, POSES["squat"], STAND)
FOREARM: Pose = {"right_forearm": (-0.5, -0.5, 0.9)}
"""The student's mistake: the right elbow is bent too much in the lunge."""
STUDENT = (STAND, POSES["lunge"] | FOREARM, STAND, POSES["squat"], STAND)


def movement(poses: tuple[Pose, ...], times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T, 13, 2) of a person who goes evenly from pose to pose at the seconds `times_s`, seen by a camera."""
    camera = (205.0, 6.0) if poses is TEACHER else (158.0, 12.0)
    points = []
    for time_s in np.linspace(0, len(poses) - 1, len(times_s)) if poses is TEACHER else _dragged(len(poses), times_s):
        before = min(int(time_s), len(poses) - 2)
        share = (1 - math.cos(math.pi * (time_s - before))) / 2
        mixed = {limb: blend(poses[before][limb], poses[before + 1][limb], share) for limb in STAND}
        points.append(see(coco13_joints(pose_of(mixed)), *camera))
    return np.stack(points).astype(np.float32)


def blend(a: Direction, b: Direction, share: float) -> Direction:
    """The direction `share` of the way from `a` to `b`."""
    x, y, z = ((1 - share) * one + share * other for one, other in zip(a, b, strict=True))
    return x, y, z


def _dragged(n_poses: int, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Progress through the poses of a student who slows down on the way."""
    return np.interp(times_s / times_s[-1], [0, 0.4, 1], [0, 0.5, 1]) * (n_poses - 1)


def save(path: Path, poses: tuple[Pose, ...], duration_s: float, embedder: Embedder) -> None:
    """Writes the saved clip of the movement."""
    times_s = np.arange(round(duration_s * FPS)) / FPS
    seen = movement(poses, times_s) * 900 + np.array([480, 480], np.float32)
    keypoints = np.full((len(times_s), COCO17.n_joints, 2), np.nan, np.float32)
    keypoints[:, conversion_indices(COCO17, COCO13)] = seen
    track = PoseTrack(
        person_id=1,
        skeleton=COCO17,
        index=np.arange(len(times_s)),
        time_s=times_s,
        keypoints=keypoints,
        scores=np.asarray(np.isfinite(keypoints).all(-1), np.float32),
        boxes=np.concatenate([seen.min(1), seen.max(1)], axis=1),
        box_scores=np.ones(len(times_s), np.float32),
    )
    metadata = ClipMetadata(source=f"{path.stem}.mp4", frames=len(times_s), size=(960, 960))
    write_clip(path, embed_people([track], metadata=metadata, embedder=embedder))


def photograph(page: Path, picture: Path) -> None:
    """Writes a PNG of the page at a moment, as Chromium shows it."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("draw_report: no Chromium on PATH; install it, or name one in the variable CHROMIUM")
    command = [chromium, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
    command += ["--virtual-time-budget=3000", f"--screenshot={picture}", f"{page.as_uri()}#at={AT_S}"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Makes the clips, matches them by the command line, and photographs the page."""
    embedder = Embedder.from_pretrained()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(folder / "teacher.parquet", TEACHER, 6.0, embedder)
        save(folder / "student.parquet", STUDENT, 7.0, embedder)
        page = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else folder / "report.html"
        arguments = ["--ref", str(folder / "teacher.parquet"), "--query", str(folder / "student.parquet")]
        code = poseflow(["match", *arguments, "--report", str(page)])
        if code:
            sys.exit(code)
        photograph(page, folder / "page.png")
        image = cv2.resize(np.asarray(cv2.imread(str(folder / "page.png"))), None, fx=0.75, fy=0.75, interpolation=3)
        cv2.imwrite(str(OUT), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(OUT, f"{OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
