"""Human3.6M as cross-view retrieval is measured on it: S9 and S11, four cameras, from any of three layouts.

* the official CDF files: ``S9/MyPoseFeatures/D3_Positions/Directions 1.cdf`` and, for the 2D, the first that is there
  of ``D2_Positions``, ``D3_Positions_mono`` and ``D3_Positions_mono_universal`` (``Directions 1.54138969.cdf``; of the
  last two the projection is taken, of the last that of the universal skeleton);
* VideoPose3D's ``data_3d_h36m.npz`` and ``data_2d_h36m_*.npz``;
* MMPose's ``annotation_body3d`` (``cameras.pkl``, ``fps10`` or ``fps50`` with ``h36m_test.npz``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.h36m_names import ACTIONS, CAMERAS, CORRUPT, JOINTS, SUBJECTS, action_name
from vvipe.datasets.h36m_videopose import find_archives, videopose_takes
from vvipe.datasets.mmpose_body3d import read_body3d, read_cameras, recordings
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
from vvipe.skeleton import COCO13, H36M17, conversion_indices

CHEST = (0, 1, 2, 3)
TAKES_PER_ACTION = 2
_VIEWS = ("D2_Positions", "D3_Positions_mono", "D3_Positions_mono_universal")
_WHERE = "Human3.6M is had from vision.imar.ro/human3.6m, after registration"
_TO_COCO13 = conversion_indices(H36M17, COCO13)
_IMAGE = re.compile(r"(?P<subject>S\d+)_(?P<name>.+)\.(?P<camera>\d{8})_(?P<number>\d{6})\.jpg")


def load_h36m(root: Path, *, keys: Path | None = None) -> MultiViewSet:
    """S9 and S11 under the four cameras: every tenth frame without near-duplicates, or the frames of `keys`.

    Args:
        root: A folder in one of the three layouts; where it has several ``data_2d_h36m_*.npz``, the one wanted.
        keys: One camera's file of released evaluation keys, such as ``h36m-val-C0.txt``.

    Raises:
        FileFormatError: The folder is none of the layouts, or incomplete, or a file is damaged.
    """
    listed = read_h36m_keys(keys) if keys else None
    choice = listed or EveryTenthFrame()
    name, takes = _open(root, choice)
    takes = sorted(takes, key=lambda take: (SUBJECTS.index(take.subject), take.name))
    found = [(take.subject, take.name) for take in takes]
    if listed:
        listed.check_complete(found, root)
    else:
        _check_complete(found, root)
    return multi_view_set(name, takes, chest=CHEST, without_duplicates=listed is None)


def read_h36m_keys(path: Path) -> FrameKeys:
    """The frames of a file of keys ``SUBJECT:ACTION:CAMERA:FRAME``, actions named as here."""
    return read_frame_keys(path, fields=4, take_name=action_name)


def _open(root: Path, choice: FrameChoice) -> tuple[str, Iterable[ViewedTake]]:
    """The layout's name and its takes."""
    if not root.exists():
        raise FileFormatError(f"{root}: no such file or folder; {_WHERE}")
    if archives := find_archives(root):
        return f"Human3.6M ({archives.name_2d})", videopose_takes(archives, choice)
    for folder in (root, root / "annotation_body3d"):
        if (folder / "cameras.pkl").is_file() or any(folder.glob("fps*/h36m_test.npz")):
            return "Human3.6M (2D of annotation_body3d)", _mmpose_takes(folder, choice)
    if any(_features(root, subject).is_dir() for subject in SUBJECTS):
        view = _view_folder(root)
        return f"Human3.6M (2D of {view})", _cdf_takes(root, view, choice)
    raise FileFormatError(
        f"{root}: no Human3.6M here; expected S9/MyPoseFeatures/D3_Positions/*.cdf with D2_Positions beside it, or "
        f"VideoPose3D's data_3d_h36m.npz with data_2d_h36m_*.npz, or MMPose's annotation_body3d; {_WHERE}"
    )


def _check_complete(found: Iterable[tuple[str, str]], root: Path) -> None:
    counts = Counter((subject, name.partition(" ")[0]) for subject, name in found)
    missing = []
    for subject in SUBJECTS:
        for action in ACTIONS:
            wanted = TAKES_PER_ACTION - ((subject, action) == CORRUPT)
            if counts[subject, action] < wanted:
                missing.append(f"{subject} {action} ({counts[subject, action]} of {wanted})")
    if missing:
        raise FileFormatError(f"{root}: recording(s) missing: {', '.join(missing)}; {_WHERE}")


def _features(root: Path, subject: str) -> Path:
    """The folder of a subject's pose features, packed as in the download or straight in the subject's folder."""
    packed = root / subject / "MyPoseFeatures"
    return packed if packed.is_dir() else root / subject


def _view_folder(root: Path) -> str:
    """The first kind of 2D that both subjects have; an error that says what is missing."""
    for subject in SUBJECTS:
        if not (_features(root, subject) / "D3_Positions").is_dir():
            raise FileFormatError(f"{_features(root, subject) / 'D3_Positions'}: no such folder; {_WHERE}")
    for view in _VIEWS:
        if all((_features(root, subject) / view).is_dir() for subject in SUBJECTS):
            return view
    raise FileFormatError(
        f"{root}: the 2D is missing: expected one of {', '.join(_VIEWS)} beside D3_Positions of both "
        f"{' and '.join(SUBJECTS)}; {_WHERE}"
    )


def _cdf_takes(root: Path, view: str, choice: FrameChoice) -> Iterator[ViewedTake]:
    for subject in SUBJECTS:
        folder = _features(root, subject)
        for path in sorted((folder / "D3_Positions").glob("*.cdf")):
            name = action_name(path.stem)
            if path.stem.startswith("_") or (subject, name) == CORRUPT:
                continue
            world = read_pose_cdf(path, coordinates=3) / 1000
            rows = choice.rows(subject, name, np.arange(len(world)))
            files = [folder / view / f"{path.stem}.{camera}.cdf" for camera in CAMERAS]
            views = [_cdf_view(file, view, len(world))[rows] for file in files]
            yield ViewedTake(subject, name, world[rows], np.stack(views))


def _cdf_view(path: Path, view: str, count: int) -> NDArray[np.float64]:
    """(T, 13, 2) keypoints of one camera."""
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file; every recording needs its four cameras ({_WHERE})")
    joints = read_pose_cdf(path, coordinates=2 if view == "D2_Positions" else 3)[:count, _TO_COCO13]
    if len(joints) < count:
        raise FileFormatError(f"{path}: {len(joints)} frames, D3_Positions has {count}")
    return joints if joints.shape[-1] == 2 else joints[..., :2] / joints[..., 2:]


def read_pose_cdf(path: Path, *, coordinates: int) -> NDArray[np.float64]:
    """(T, 17, coordinates) H36M-17 joints of a CDF file, millimetres or pixels.

    Raises:
        FileFormatError: The file is damaged or has no variable ``Pose`` of 32 joints.
    """
    import cdflib

    try:
        pose = np.asarray(cdflib.CDF(path).varget("Pose"), dtype=float)
    except (OSError, ValueError, KeyError, IndexError, EOFError, TypeError) as error:
        raise FileFormatError(f"{path}: cannot be read as a CDF file with a variable Pose ({error})") from error
    if pose.ndim < 2 or pose.shape[-1] != 32 * coordinates:
        raise FileFormatError(f"{path}: expected Pose (1, frames, {32 * coordinates}), got {pose.shape}")
    return pose.reshape(-1, 32, coordinates)[:, JOINTS]


def _mmpose_takes(folder: Path, choice: FrameChoice) -> Iterator[ViewedTake]:
    files = [folder / rate / "h36m_test.npz" for rate in ("fps10", "fps50")]
    path = next((file for file in files if file.is_file()), None)
    if path is None or not (folder / "cameras.pkl").is_file():
        missing = " or ".join(map(str, files)) if path is None else str(folder / "cameras.pkl")
        raise FileFormatError(f"{missing}: no such file; MMPose's data preparation for Human3.6M writes it")
    body, cameras = read_body3d(path), read_cameras(folder / "cameras.pkl")
    for take in recordings(body, _IMAGE):
        name = action_name(take.name)
        if take.subject not in SUBJECTS or (take.subject, name) == CORRUPT:
            continue
        if take.cameras != CAMERAS:
            raise FileFormatError(f"{path}: {take.subject} {name}: expected cameras {CAMERAS}, got {take.cameras}")
        if (take.subject, CAMERAS[0]) not in cameras:
            raise FileFormatError(f"{folder / 'cameras.pkl'}: no camera {CAMERAS[0]} of {take.subject}")
        rows = take.rows[:, choice.rows(take.subject, name, take.frames)]
        world = camera_to_world(body.poses[rows[0]], cameras[take.subject, CAMERAS[0]])
        yield ViewedTake(take.subject, name, world, body.keypoints[rows][:, :, _TO_COCO13])


def camera_to_world(poses: NDArray[np.float64], camera: dict) -> NDArray[np.float64]:
    """(T, 17, 3) world points; MMPose keeps camera-to-world rotations and the camera's place for Human3.6M."""
    return poses @ np.asarray(camera["R"]).T + np.asarray(camera["T"]).reshape(3)
