"""VideoPose3D's archives of Human3.6M: data_3d_h36m.npz (world, metres) and data_2d_h36m_*.npz (pixels)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvipe.datasets.h36m_names import CORRUPT, JOINTS, SUBJECTS, action_name
from vvipe.datasets.plain_pickle import read_object_npz
from vvipe.datasets.viewed_takes import FrameChoice, ViewedTake
from vvipe.errors import FileFormatError
from vvipe.skeleton import COCO13, COCO17, H36M17, conversion_indices

NAME_3D = "data_3d_h36m.npz"
_LAYOUTS = {"h36m": H36M17, "coco": COCO17}
_ADVICE = "VideoPose3D's data preparation for Human3.6M (its DATASETS.md) writes it"


@dataclass(frozen=True)
class Archives:
    """The two files; `name_2d` says where the 2D comes from, e.g. ``cpn_ft_h36m_dbb`` or ``gt``."""

    poses: Path
    keypoints: Path

    @property
    def name_2d(self) -> str:
        return self.keypoints.stem.removeprefix("data_2d_h36m_")

    @property
    def is_detected(self) -> bool:
        """Whether a detector made the 2D, which is projected otherwise."""
        return self.name_2d != "gt"


def find_archives(root: Path) -> Archives | None:
    """The archives of a folder, or those that go with a 2D file; None where there is neither.

    Raises:
        FileFormatError: One of the two is missing, or the folder has several 2D files.
    """
    folder = root.parent if root.is_file() else root
    found = [root] if root.is_file() else sorted(folder.glob("data_2d_h36m_*.npz"))
    poses = folder / NAME_3D
    if not found and not poses.is_file():
        return None
    if not poses.is_file():
        raise FileFormatError(f"{poses}: no such file; {_ADVICE}")
    if not found:
        raise FileFormatError(f"{folder / 'data_2d_h36m_gt.npz'}: no such file, nor any data_2d_h36m_*.npz; {_ADVICE}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise FileFormatError(
            f"{folder}: several 2D files ({names}): give the one that is wanted instead of the folder"
        )
    return Archives(poses, found[0])


def videopose_takes(archives: Archives, choice: FrameChoice) -> Iterator[ViewedTake]:
    """The chosen frames of S9 and S11.

    Raises:
        FileFormatError: A file is damaged, lacks a subject or recording, or has another layout.
    """
    poses = _member(archives.poses, read_object_npz(archives.poses), "positions_3d")
    content = read_object_npz(archives.keypoints)
    keypoints = _member(archives.keypoints, content, "positions_2d")
    order = _to_coco13(archives.keypoints, content)
    for subject in SUBJECTS:
        seen_of = _member(archives.keypoints, keypoints, subject)
        for action, stored in sorted(_member(archives.poses, poses, subject).items()):
            name, positions = action_name(action), np.asarray(stored)
            if (subject, name) == CORRUPT:
                continue
            if positions.ndim != 3 or positions.shape[1:] != (32, 3):
                raise FileFormatError(
                    f"{archives.poses}: {subject} {action}: expected (T, 32, 3), got {positions.shape}"
                )
            rows = choice.rows(subject, name, np.arange(len(positions)))
            views = _views(archives.keypoints, f"{subject} {action}", _member(archives.keypoints, seen_of, action))
            if min(map(len, views)) < len(positions):
                raise FileFormatError(
                    f"{archives.keypoints}: {subject} {action}: {min(map(len, views))} frames, "
                    f"{NAME_3D} has {len(positions)}"
                )
            seen = np.stack([view[rows][:, order] for view in views]).astype(float)
            scores = seen[..., 2] if archives.is_detected else None
            yield ViewedTake(subject, name, positions[rows][:, JOINTS].astype(float), seen[..., :2], scores)


def _views(path: Path, take: str, views: Any) -> list[NDArray[np.floating]]:
    """The arrays (T, 17, 3) of the four cameras: x, y and the detector's score, 1 where the file has none."""
    arrays = [np.asarray(view) for view in views]
    if len(arrays) != 4 or any(array.ndim != 3 or array.shape[1:] not in ((17, 2), (17, 3)) for array in arrays):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise FileFormatError(f"{path}: {take}: expected four arrays (T, 17, 2), got {shapes or 'none'}")
    return [np.concatenate([array, np.ones((*array.shape[:2], 1))], axis=-1)[..., :3] for array in arrays]


def _to_coco13(path: Path, content: dict[str, Any]) -> NDArray[np.int64]:
    layout = _member(path, _member(path, content, "metadata"), "layout_name")
    if layout not in _LAYOUTS:
        raise FileFormatError(f"{path}: keypoints in the layout {layout!r}; known: {', '.join(_LAYOUTS)}")
    return conversion_indices(_LAYOUTS[layout], COCO13)


def _member(path: Path, content: Any, name: str) -> Any:
    if not isinstance(content, dict) or name not in content:
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise FileFormatError(f"{path}: {name!r} missing, found: {found[:200]}; {_ADVICE}")
    return content[name]
