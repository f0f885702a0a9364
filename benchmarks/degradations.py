"""A performance made worse by a known amount: shaken keypoints, a limb held still, a late cut, a wrong movement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.mocap_clips import joined, warped

from poseflow.records import PoseTrack
from vvipe.geometry import canonical_rotation, center
from vvipe.skeleton import H36M17

LIMBS = {
    f"{side} {limb}": tuple(
        bone for bone, (_, child) in enumerate(H36M17.bones) if H36M17.joints[child] in (f"{side}_{a}", f"{side}_{b}")
    )
    for side in ("left", "right")
    for limb, a, b in (("arm", "elbow", "wrist"), ("leg", "knee", "ankle"))
}
"""Limb -> its two bones, positions in `H36M17.bones`."""


def shaken(track: PoseTrack, sd: float, *, seed: int) -> PoseTrack:
    """The track with Gaussian noise on its keypoints: `sd` where a frame's largest shoulder/hip distance is 0.5."""
    sides = list(track.skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    torso = track.keypoints[:, sides]
    apart = np.linalg.norm(torso[:, :, None] - torso[:, None], axis=-1).reshape(len(torso), -1)
    scale = 2 * np.where(np.isfinite(apart), apart, 0).max(axis=1, initial=0)
    noise = np.random.default_rng(seed).normal(size=track.keypoints.shape) * (sd * scale)[:, None, None]
    return replace(track, keypoints=(track.keypoints + noise).astype(np.float32))


def towards(
    poses: NDArray[np.floating], targets: NDArray[np.floating], share: float, *, bones: Iterable[int] | None = None
) -> NDArray[np.float64]:
    """Poses whose bones point `share` of the way from their own directions to those of `targets`, lengths kept.

    Args:
        poses, targets: (T, 17, 3) in one frame.
        share: In [0, 1]; directions are mixed straight, then scaled.
        bones: Positions in `H36M17.bones`; None = all. What hangs on a turned bone goes with it.
    """
    chosen = set(range(len(H36M17.bones)) if bones is None else bones)
    moved = np.array(poses, np.float64)
    for bone, (parent, child) in enumerate(H36M17.bones):
        own = np.asarray(poses[:, child] - poses[:, parent], np.float64)
        length = np.linalg.norm(own, axis=1, keepdims=True)
        if bone in chosen:
            own = length * _unit((1 - share) * _unit(own) + share * _unit(targets[:, child] - targets[:, parent]))
        moved[:, child] = moved[:, parent] + own
    return moved


def limb_held(poses: NDArray[np.floating], limb: str, share: float) -> NDArray[np.float64]:
    """(T, 17, 3) poses whose limb moves by 1 - `share` of its own way, and stays as in the first frame at share 1.

    Args:
        limb: One of LIMBS; it is held as the body's own frame (hips and spine) sees it.
    """
    return towards(poses, _held(poses), share, bones=LIMBS[limb])


def busiest_limb(poses: NDArray[np.floating]) -> str:
    """The limb that departs most, in the mean, from how it was in the first frame: holding it takes most away."""
    parents, children = np.array(H36M17.bones).T
    own, held = (_unit(p[:, children] - p[:, parents]) for p in (np.asarray(poses, np.float64), _held(poses)))
    departure = np.linalg.norm(own - held, axis=-1).mean(0)
    return max(LIMBS, key=lambda limb: float(departure[list(LIMBS[limb])].sum()))


def cut_late(
    poses: NDArray[np.floating], fps: float, others: Sequence[NDArray[np.floating]], share: float
) -> NDArray[np.float64]:
    """(T, 17, 3): a cut as long as the performance that begins `share` of its length late, and shows what came next.

    Args:
        others: (., 17, 3) the movements that follow in the recording; the last pose stays where they are too short.
    """
    recording, _ = joined([poses, *others], fps)
    first = round(share * len(poses))
    return recording[np.minimum(np.arange(first, first + len(poses)), len(recording) - 1)]


def wrong_movement(poses: NDArray[np.floating], other: NDArray[np.floating], share: float) -> NDArray[np.float64]:
    """(T, 17, 3): every bone `share` of the way to another movement, played in the same time."""
    played, _ = warped(other, 1.0, lambda t: t * (len(other) - 1) / max(len(poses) - 1, 1), len(poses), rate=1.0)
    return towards(poses, played, share)


def _held(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 17, 3) the first pose in every frame, turned as the body's own frame turns."""
    centred = center(torch.as_tensor(np.asarray(poses), dtype=torch.float64))
    turns = canonical_rotation(centred)
    return (centred[:1] @ turns[0].T @ turns).numpy()


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Vectors of length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros(vectors.shape), where=length > 0)
