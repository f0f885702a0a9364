"""AMASS: joint angles of SMPL+H bodies, as H36M-17 poses by way of the user's body model.

How SMPL's joints stand for H36M-17's, so that proportions come near those of Human3.6M:

* hips, knees, ankles, shoulders, elbows and wrists are SMPL's own; Pelvis is the middle of the hips;
* Spine lies between spine1 and spine2, one third of the way, about halfway up the trunk;
* Thorax is the middle of the collar joints, at the neck's base;
* Neck/Nose is the middle of neck and head (SMPL's head joint is at the base of the skull);
* Head goes on from the head joint by the vector from neck to head, towards the crown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vvipe.datasets.body_model import BODY_JOINTS, GENDERS, WHERE, find_body_model, read_body_model
from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.plain_pickle import read_object_npz
from vvipe.errors import FileFormatError
from vvipe.skeleton import H36M17

SUBJECT_PREFIX = "amass/"
_ARRAYS = ("poses", "trans", "betas", "gender")
_RATES = ("mocap_framerate", "mocap_frame_rate")
_SMPLX_WIDTH = 165
_BODY_WIDTH = 3 * len(BODY_JOINTS)
_WEIGHTS: dict[str, dict[str, float]] = {
    "pelvis": {"left_hip": 0.5, "right_hip": 0.5},
    "spine": {"spine1": 2 / 3, "spine2": 1 / 3},
    "thorax": {"left_collar": 0.5, "right_collar": 0.5},
    "neck_nose": {"neck": 0.5, "head": 0.5},
    "head": {"head": 2.0, "neck": -1.0},
}


def read_amass(path: Path, *, body_model: Path | None) -> MocapSequence:
    """One take: named after its file, its subject ``amass/DATASET/PERSON`` after its two folders.

    Args:
        path: A SMPL+H .npz of AMASS (``poses``, ``trans``, ``betas``, ``gender``, ``mocap_framerate``).
        body_model: A SMPL or SMPL+H model file, or a folder with one for each gender.

    Raises:
        FileFormatError: The file is damaged or of SMPL-X, or the body model is missing or of another kind.
    """
    content = read_object_npz(path)
    poses, translation, rate = _check(path, content)
    if body_model is None:
        raise FileFormatError(
            f"{path}: AMASS has joint angles, and the joints' places need a body model: give SMPL+H's (or SMPL's) "
            f"with --body-model FILE|FOLDER; it is had from {WHERE}"
        )
    model = read_body_model(find_body_model(body_model, _gender(path, content["gender"])))
    rotations = (
        Rotation.from_rotvec(poses[:, :_BODY_WIDTH].reshape(-1, 3)).as_matrix().reshape(-1, len(BODY_JOINTS), 3, 3)
    )
    joints = model.joints(rotations, np.ravel(np.asarray(content["betas"], float)), translation)
    return MocapSequence(
        name=path.stem,
        subject=SUBJECT_PREFIX + "/".join(path.absolute().parts[-3:-1]),
        label="",
        fps=rate,
        poses=to_h36m17(joints).astype(np.float32),
    )


def _check(path: Path, content: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Angles (T, 156), translations (T, 3) and frames per second of a take of SMPL+H bodies."""
    rate = next((name for name in _RATES if name in content), _RATES[0])
    missing = [name for name in (*_ARRAYS, rate) if name not in content]
    if missing:
        raise FileFormatError(f"{path}: array(s) {', '.join(missing)} missing for a take of AMASS")
    poses, translation = np.asarray(content["poses"], float), np.asarray(content["trans"], float)
    if poses.ndim != 2 or poses.shape[1] < _BODY_WIDTH or translation.shape != (len(poses), 3):
        raise FileFormatError(
            f"{path}: expected poses (T, 156) and trans (T, 3), got {poses.shape} and {translation.shape}"
        )
    if poses.shape[1] == _SMPLX_WIDTH:
        raise FileFormatError(f"{path}: a take of SMPL-X bodies; download the SMPL+H version of AMASS")
    fps = np.asarray(content[rate], float)
    if fps.size != 1 or not 0 < fps.item() < np.inf:
        raise FileFormatError(f"{path}: {rate}: expected frames per second, got {content[rate]}")
    if not (np.isfinite(poses).all() and np.isfinite(translation).all()):
        raise FileFormatError(f"{path}: poses and trans: expected finite numbers, got NaN or infinity")
    return poses, translation, fps.item()


def is_amass(names: frozenset[str]) -> bool:
    """Whether an .npz with these arrays is a take of AMASS."""
    return {"poses", "trans"} <= names and "lengths" not in names


def is_body_shape(names: frozenset[str]) -> bool:
    """Whether an .npz with these arrays is the shape of a person (``shape.npz``), which AMASS puts beside takes."""
    return "betas" in names and "poses" not in names


def to_h36m17(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 17, 3) H36M-17 joints of SMPL's first 22 (T, 22, 3); see the head of this module."""
    weights = np.zeros((H36M17.n_joints, len(BODY_JOINTS)))
    for row, joint in enumerate(H36M17.joints):
        for source, weight in _WEIGHTS.get(joint, {joint: 1.0}).items():
            weights[row, BODY_JOINTS.index(source)] = weight
    return np.einsum("js,tsd->tjd", weights, joints)


def _gender(path: Path, value: Any) -> str:
    text = np.asarray(value).item() if np.asarray(value).ndim == 0 else value
    gender = (text.decode() if isinstance(text, bytes) else str(text)).lower()
    if gender not in GENDERS:
        raise FileFormatError(f"{path}: gender: expected {', '.join(GENDERS)}, got {gender!r}")
    return gender
