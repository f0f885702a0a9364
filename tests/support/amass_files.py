"""A small body model and takes in AMASS's structure, with numbers of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19]
JOINTS, VERTICES, SHAPES = 52, 90, 4


def body_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """J_regressor, v_template, shapedirs and kintree_table of a body whose joints lie anywhere."""
    random = np.random.default_rng(seed)
    regressor = random.random((JOINTS, VERTICES))
    # Each hand's joints hang on its wrist; the root's parent is the largest unsigned number.
    parents = PARENTS[1:] + [20] * 15 + [21] * 15
    tree = np.array([[2**32 - 1, *parents], range(JOINTS)], dtype=np.uint32)
    return {
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "v_template": random.normal(size=(VERTICES, 3)),
        "shapedirs": 0.1 * random.normal(size=(VERTICES, 3, SHAPES)),
        "kintree_table": tree,
    }


def write_body_model(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **body_arrays(seed), posedirs=np.zeros(3), weights=np.zeros(3))
    return path


def write_amass(path: Path, *, frames: int = 5, seed: int = 0, still: bool = False, **changes: object) -> Path:
    """A take; `changes` replace arrays, and None leaves one out."""
    random = np.random.default_rng(seed)
    arrays = {
        "poses": np.zeros((frames, 156)) if still else random.normal(size=(frames, 156)),
        "trans": random.normal(size=(frames, 3)),
        "betas": random.normal(size=16),
        "gender": np.array("female"),
        "mocap_framerate": np.array(120.0),
        "dmpls": np.zeros((frames, 8)),
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path
