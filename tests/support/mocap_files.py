"""Motion capture files of our own for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from poses import random_poses


def write_npz(path: Path, *, takes: int = 4, frames: int = 60, seed: int = 0) -> Path:
    """A .npz of `takes` takes of random poses at 60 fps, subjects a, b, c, ..."""
    poses = random_poses(takes * frames, seed=seed).numpy().astype(np.float32)
    np.savez(
        path,
        poses=poses,
        lengths=np.full(takes, frames),
        names=np.array([f"take{i}" for i in range(takes)]),
        labels=np.array(["random"] * takes),
        subjects=np.array([chr(ord("a") + i % 26) for i in range(takes)]),
        fps=np.full(takes, 60),
    )
    return path
