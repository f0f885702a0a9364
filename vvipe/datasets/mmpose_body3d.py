"""MMPose's annotation files of Human3.6M and MPI-INF-3DHP: one row an image, poses in the camera's frame."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import Pattern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.plain_pickle import read_plain_pickle
from vvipe.errors import FileFormatError


@dataclass(frozen=True)
class Body3D:
    """N annotated images.

    Attributes:
        images: (N,) names.
        keypoints: (N, 17, 2) pixels.
        poses: (N, 17, 3) metres in the camera's frame.
    """

    path: Path
    images: NDArray[np.str_]
    keypoints: NDArray[np.float64]
    poses: NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """What all cameras of one recording see together.

    Attributes:
        frames: (T,) numbers of the frames that every camera has, first 0, rising.
        rows: (C, T) rows of the annotations.
    """

    subject: str
    name: str
    cameras: tuple[str, ...]
    frames: NDArray[np.int64]
    rows: NDArray[np.int64]


def read_body3d(path: Path) -> Body3D:
    """The arrays ``imgname``, ``part`` and ``S`` of an annotation file.

    Raises:
        FileFormatError: The file cannot be read, lacks an array, or has another shape.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ("imgname", "part", "S") if name not in archive]
            if missing:
                raise FileFormatError(f"{path}: array(s) {', '.join(missing)} missing; is it one of MMPose's files?")
            images, part, poses = archive["imgname"], archive["part"], archive["S"]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: cannot be read as MMPose's annotations ({error})") from error
    count = len(images)
    if part.shape != (count, 17, 3) or poses.shape != (count, 17, 4):
        raise FileFormatError(
            f"{path}: expected part ({count}, 17, 3) and S ({count}, 17, 4), got {part.shape} and {poses.shape}"
        )
    return Body3D(path, images, part[..., :2].astype(float), poses[..., :3].astype(float))


def read_cameras(path: Path) -> dict[Any, dict[str, Any]]:
    """Camera parameters by MMPose's key: ``R`` (3, 3), ``T`` (3, 1) metres, ``f``, ``c`` (2, 1), and more.

    Raises:
        FileFormatError: The file cannot be read or is no dict of cameras.
    """
    cameras = read_plain_pickle(path)
    if not isinstance(cameras, dict) or not all(isinstance(camera, dict) for camera in cameras.values()):
        raise FileFormatError(f"{path}: expected a dict of cameras, got {type(cameras).__name__}")
    return cameras


def recordings(body: Body3D, pattern: Pattern[str]) -> Iterator[Recording]:
    """The recordings that image names tell, in the order of the file; frames that a camera lacks are left out.

    Args:
        pattern: With groups ``subject``, ``name``, ``camera`` and ``number`` (the first frame is 1).

    Raises:
        FileFormatError: A name does not fit.
    """
    rows: dict[tuple[str, str], dict[str, dict[int, int]]] = {}
    for row, image in enumerate(body.images.tolist()):
        found = pattern.fullmatch(image.rpartition("/")[2])
        if not found:
            raise FileFormatError(f"{body.path}: image name {image!r} is not as MMPose writes it")
        take = rows.setdefault((found["subject"], found["name"]), {})
        take.setdefault(found["camera"], {})[int(found["number"]) - 1] = row
    for (subject, name), by_camera in rows.items():
        cameras = tuple(sorted(by_camera, key=int))
        frames = sorted(set.intersection(*(set(by_camera[camera]) for camera in cameras)))
        table = np.array([[by_camera[camera][frame] for frame in frames] for camera in cameras], dtype=np.int64)
        yield Recording(subject, name, cameras, np.array(frames, dtype=np.int64), table)
