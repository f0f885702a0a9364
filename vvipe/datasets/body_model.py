"""The joints of a SMPL or SMPL+H body, from the model file that its user has: places at rest, shape, and the tree.

Only J_regressor, v_template, shapedirs and kintree_table are read, from .npz or .pkl; nothing in a .pkl is run, and
chumpy is not needed.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.kinematics import accumulate_rotations, accumulate_steps
from vvipe.datasets.plain_pickle import Shell, read_object_npz, read_plain_pickle
from vvipe.errors import FileFormatError

BODY_JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
)
"""The first joints of SMPL, which SMPL+H has too; the hands come after them."""
GENDERS = ("female", "male", "neutral")
WHERE = "mano.is.tue.mpg.de (Extended SMPL+H) or smpl.is.tue.mpg.de, after registration"
_ARRAYS = ("J_regressor", "v_template", "shapedirs", "kintree_table")
_TREE_SIZES = {24: "SMPL", 52: "SMPL+H"}


@dataclass(frozen=True)
class BodyModel:
    """Joints of a body in metres, y up.

    Attributes:
        rest: (22, 3) joints of the mean body in the rest pose.
        shape: (22, 3, B) how they move with each shape coefficient.
        parents: (22,) index of each joint's parent, -1 for the pelvis.
    """

    rest: NDArray[np.float64]
    shape: NDArray[np.float64]
    parents: tuple[int, ...]

    def joints(
        self, rotations: NDArray[np.float64], betas: NDArray[np.float64], translation: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(T, 22, 3) joints, in the frame of the pelvis's rotation.

        Args:
            rotations: (T, 22, 3, 3) of each joint relative to its parent.
            betas: (B,) shape coefficients; those beyond the model's are left out.
            translation: (T, 3) metres, added to the pelvis's place.
        """
        count = min(len(betas), self.shape.shape[-1])
        rest = self.rest + self.shape[..., :count] @ betas[:count]
        world = accumulate_rotations(rotations, self.parents)
        steps = np.empty((len(rotations), len(rest), 3))
        steps[:, 0] = rest[0] + translation
        for joint, parent in enumerate(self.parents[1:], 1):
            steps[:, joint] = world[:, parent] @ (rest[joint] - rest[parent])
        return accumulate_steps(steps, self.parents)


def find_body_model(path: Path, gender: str) -> Path:
    """The model file for a gender: `path` itself, or the one file below the folder `path` that is named after it.

    Raises:
        FileFormatError: Nothing is there, or the folder has no such file, or several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileFormatError(f"{path}: no such body model; it is had from {WHERE}")
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in (".npz", ".pkl")]
    fitting = [file for file in files if _gender_of(file.relative_to(path)) == gender]
    if len(fitting) != 1:
        found = ", ".join(str(file.relative_to(path)) for file in (fitting or files)) or "none"
        raise FileFormatError(
            f"{path}: expected one body model for {gender!r} ({gender}/model.npz, SMPLH_{gender.upper()}.npz), "
            f"found {found}; give a file to use it for everybody"
        )
    return fitting[0]


def _gender_of(path: Path) -> str | None:
    """The gender that a model's name or folder says; SMPL's own files say it by one letter."""
    words = re.split(r"[\W_]+", str(path).lower())
    short = {"f": "female", "m": "male", "n": "neutral"}
    named = [short.get(word, word) for word in words]
    return next((word for word in reversed(named) if word in GENDERS), None)


@functools.lru_cache(maxsize=len(GENDERS))
def read_body_model(path: Path) -> BodyModel:
    """The joints of a SMPL or SMPL+H model file.

    Raises:
        FileFormatError: The file cannot be read, lacks an array, or is of another model.
    """
    content = read_plain_pickle(path) if path.suffix.lower() == ".pkl" else read_object_npz(path)
    missing = [name for name in _ARRAYS if not isinstance(content, dict) or name not in content]
    if missing:
        raise FileFormatError(f"{path}: no body model, {', '.join(missing)} missing; one is had from {WHERE}")
    regressor, template, directions, tree = (_array(path, name, content[name]) for name in _ARRAYS)
    if tree.ndim != 2 or tree.shape[1] not in _TREE_SIZES:
        known = " or ".join(f"{name} ({size})" for size, name in _TREE_SIZES.items())
        raise FileFormatError(f"{path}: expected the tree of {known} joints, got kintree_table {tree.shape}")
    vertices, count = len(template), len(BODY_JOINTS)
    if regressor.shape != (tree.shape[1], vertices) or directions.shape[:2] != (vertices, 3):
        raise FileFormatError(
            f"{path}: arrays do not go together: J_regressor {regressor.shape}, v_template {template.shape}, "
            f"shapedirs {directions.shape}"
        )
    regressor = regressor[:count]
    shape = np.einsum("jv,vdb->jdb", regressor, directions)
    return BodyModel(regressor @ template, shape, (-1, *(int(parent) for parent in tree[0, 1:count])))


def _array(path: Path, name: str, value: Any) -> NDArray[np.float64]:
    """An array out of what model files wrap it in."""
    from scipy.sparse import csc_matrix, csr_matrix

    if isinstance(value, Shell):
        state = value.state
        if value.kind == "Ch" and "x" in state:
            return np.asarray(state["x"], dtype=float)
        if value.kind != "Ch":
            kind = csc_matrix if value.kind == "csc_matrix" else csr_matrix
            return kind((state["data"], state["indices"], state["indptr"]), shape=state["_shape"]).toarray()
        raise FileFormatError(f"{path}: {name} is a chumpy expression, not an array: use the model's .npz version")
    return np.asarray(value, dtype=float)
