"""MPI-INF-3DHP as cross-view retrieval is measured on it: the training split S1-S8, cameras 0-10.

Two layouts: the official ``S1/Seq1/annot.mat`` with ``camera.calibration`` (MATLAB 5 or HDF5), and MMPose's
``mpi_inf_3dhp_train.npz`` with ``cameras_train.pkl``, which has eight of the eleven cameras. Poses are ``annot3``, the
subjects' own proportions; 2D is ``annot2``. ``univ_annot3``, the universal skeleton, is read by `read_annotations`
too, for training; it does not project onto annot2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.mmpose_body3d import read_body3d, read_cameras, recordings
from vvipe.datasets.mpi_inf_3dhp_files import Extrinsics, read_annotations, read_calibration
from vvipe.datasets.multiview import MultiViewSet
from vvipe.datasets.viewed_takes import (
    EveryTenthFrame,
    FrameChoice,
    FrameKeys,
    ViewedTake,
    multi_view_set,
    read_frame_keys,
)
from vvipe.errors import FileFormatError
from vvipe.skeleton import COCO13, H36M17, MPI_INF_3DHP28, conversion_indices

SUBJECTS = tuple(f"S{number}" for number in range(1, 9))
SEQUENCES = ("Seq1", "Seq2")
CAMERAS = tuple(range(11))
"""Cameras 11, 12 and 13 hang from the ceiling and are left out."""
CHEST_CAMERAS = (0, 2, 4, 7, 8)
_WHERE = "MPI-INF-3DHP is had from vcai.mpi-inf.mpg.de/3dhp-dataset, after registration"
# H36M-17 from the data set's joints, as Pr-VIPE pairs them: its neck is at shoulder level, its head joint in the face.
_NAMES = {"thorax": "neck", "neck_nose": "head", "head": "head_top"}
FROM_28 = MPI_INF_3DHP28.indices(*(_NAMES.get(joint, joint) for joint in H36M17.joints))
_MMPOSE_JOINTS = (
    *("head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head"),
)
FROM_MMPOSE = tuple(_MMPOSE_JOINTS.index(_NAMES.get(joint, joint)) for joint in H36M17.joints)
_TO_COCO13 = conversion_indices(H36M17, COCO13)
_IMAGE = re.compile(r"(?P<subject>S\d+)_(?P<name>Seq\d+)_Cam(?P<camera>\d+)_(?P<number>\d{6})\.jpg")
_MAX_DISAGREEMENT_M = 0.05


def load_3dhp(root: Path, *, keys: Path | None = None) -> MultiViewSet:
    """S1-S8 under cameras 0-10: every tenth frame without near-duplicates, or the frames of `keys`.

    Args:
        root: A folder in one of the two layouts.
        keys: One camera's file of released evaluation keys, such as ``3dhp-train-C0.txt``.

    Raises:
        FileFormatError: The folder is none of the layouts, or incomplete, or a file is damaged.
    """
    listed = read_3dhp_keys(keys) if keys else None
    cameras, takes = _open(root, listed or EveryTenthFrame())
    takes = list(takes)
    found = [(take.subject, take.name) for take in takes]
    if listed:
        listed.check_complete(found, root)
    else:
        _check_complete(found, root)
    chest = tuple(position for position, camera in enumerate(cameras) if camera in CHEST_CAMERAS)
    name = "MPI-INF-3DHP" if cameras == CAMERAS else f"MPI-INF-3DHP (cameras {', '.join(map(str, cameras))})"
    return multi_view_set(name, takes, chest=chest, without_duplicates=listed is None)


def read_3dhp_keys(path: Path) -> FrameKeys:
    """The frames of a file of keys ``SUBJECT:SEQUENCE:VIDEO:CAMERA:FRAME``."""
    return read_frame_keys(path, fields=5)


def _open(root: Path, choice: FrameChoice) -> tuple[tuple[int, ...], Iterable[ViewedTake]]:
    """The cameras and the takes."""
    if not root.is_dir():
        raise FileFormatError(f"{root}: no such folder; {_WHERE}")
    for folder in (root, root / "annotations"):
        if any((folder / name).is_file() for name in ("mpi_inf_3dhp_train.npz", "cameras_train.pkl")):
            return _mmpose_takes(folder, choice)
    for folder in (root, root / "train"):
        if any((folder / subject).is_dir() for subject in SUBJECTS):
            return CAMERAS, _official_takes(folder, choice)
    raise FileFormatError(
        f"{root}: no MPI-INF-3DHP here; expected S1/Seq1/annot.mat with camera.calibration, ..., S8/Seq2, or MMPose's "
        f"mpi_inf_3dhp_train.npz with cameras_train.pkl; {_WHERE}"
    )


def _check_complete(found: Iterable[tuple[str, str]], root: Path) -> None:
    wanted = {(subject, sequence) for subject in SUBJECTS for sequence in SEQUENCES}
    missing = sorted(wanted - set(found))
    if missing:
        names = ", ".join(f"{subject}/{sequence}" for subject, sequence in missing)
        raise FileFormatError(f"{root}: recording(s) missing: {names}; {_WHERE}")


def _official_takes(folder: Path, choice: FrameChoice) -> Iterator[ViewedTake]:
    for subject in SUBJECTS:
        for sequence in SEQUENCES:
            take = folder / subject / sequence
            if not take.is_dir():
                continue
            for name in ("annot.mat", "camera.calibration"):
                if not (take / name).is_file():
                    raise FileFormatError(f"{take / name}: no such file; {_WHERE}")
            yield _official_take(take, subject, sequence, choice)


def _official_take(take: Path, subject: str, sequence: str, choice: FrameChoice) -> ViewedTake:
    calibration = read_calibration(take / "camera.calibration")
    annotations = read_annotations(take / "annot.mat", ("annot2", "annot3"), cameras=CAMERAS)
    missing = [camera for camera in CAMERAS if camera not in calibration]
    if missing:
        raise FileFormatError(f"{take / 'camera.calibration'}: camera(s) {missing} missing")
    rows = choice.rows(subject, sequence, np.arange(len(annotations["annot3"][0])))
    world = np.stack(
        [
            calibration[camera].to_world(poses[rows][:, FROM_28] / 1000)
            for camera, poses in zip(CAMERAS, annotations["annot3"], strict=True)
        ]
    )
    _check_agreement(take, world)
    keypoints = np.stack([points[rows][:, FROM_28][:, _TO_COCO13] for points in annotations["annot2"]])
    return ViewedTake(subject, sequence, world[0], keypoints)


def _check_agreement(take: Path, world: NDArray[np.float64]) -> None:
    """An error where the cameras (first axis) put the person in different places of the room."""
    if world.size == 0:
        return
    apart = float(np.linalg.norm(world - world[:1], axis=-1).max())
    if apart > _MAX_DISAGREEMENT_M:
        raise FileFormatError(
            f"{take / 'camera.calibration'}: by it the cameras see the person up to {apart:.2f} m apart; "
            f"is it the calibration of this recording?"
        )


def _mmpose_takes(folder: Path, choice: FrameChoice) -> tuple[tuple[int, ...], list[ViewedTake]]:
    for name in ("mpi_inf_3dhp_train.npz", "cameras_train.pkl"):
        if not (folder / name).is_file():
            raise FileFormatError(
                f"{folder / name}: no such file; MMPose's data preparation for MPI-INF-3DHP writes it"
            )
    body, cameras = read_body3d(folder / "mpi_inf_3dhp_train.npz"), read_cameras(folder / "cameras_train.pkl")
    takes, used = [], set()
    for take in recordings(body, _IMAGE):
        if take.subject not in SUBJECTS:
            continue
        kept = [position for position, camera in enumerate(take.cameras) if int(camera) in CAMERAS]
        if not kept:
            raise FileFormatError(
                f"{body.path}: {take.subject} {take.name}: cameras {', '.join(take.cameras)}; expected some of 0 to "
                "10, the others hang from the ceiling"
            )
        used.add(tuple(int(take.cameras[position]) for position in kept))
        rows = take.rows[kept][:, choice.rows(take.subject, take.name, take.frames)]
        key = f"{take.subject}_{take.name}_Cam{take.cameras[kept[0]]}"
        if key not in cameras:
            raise FileFormatError(f"{folder / 'cameras_train.pkl'}: no camera {key}")
        world = mmpose_extrinsics(cameras[key]).to_world(body.poses[rows[0]][:, FROM_MMPOSE])
        keypoints = body.keypoints[rows][:, :, FROM_MMPOSE][:, :, _TO_COCO13]
        takes.append(ViewedTake(take.subject, take.name, world, keypoints))
    if len(used) != 1:
        raise FileFormatError(f"{body.path}: expected the same cameras in every recording, got {sorted(used)}")
    return used.pop(), takes


def mmpose_extrinsics(camera: dict[str, Any]) -> Extrinsics:
    """World-to-camera rotation and translation, which MMPose keeps for this data set as the calibration has them."""
    return Extrinsics(np.asarray(camera["R"], float), np.asarray(camera["T"], float).reshape(3))
