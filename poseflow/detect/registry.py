"""The models known by name: their config inside the OpenMMLab packages and their published weights.

Every file name, URL and hash prefix is as published by OpenMMLab: in the metafiles that mmpose and mmdet install, in
mmpose's ``default_det_models.py``, or in the tables of mmpose's ``projects/rtmpose/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DEFAULT_POSE_MODEL = "rtmpose-m"
DEFAULT_PERSON_MODEL = "rtmdet-nano"

_RTMPOSE = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/"
_RTMPOSE_OLD = "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
_RTMO = "https://download.openmmlab.com/mmpose/v1/projects/rtmo/"


@dataclass(frozen=True)
class ModelEntry:
    """A published model.

    Attributes:
        name: What users call it.
        task: ``person`` finds boxes, ``topdown`` finds the pose in a box, ``onestage`` finds all poses in a picture.
        config: Path inside the ``.mim`` folder of mmpose.
        filename: Name of the weights file.
        urls: Where it is published, tried in order.
        sha256_prefix: First 8 hexadecimal digits of the file's SHA-256, which OpenMMLab writes into the name.
    """

    name: str
    task: Literal["person", "topdown", "onestage"]
    config: str
    filename: str
    urls: tuple[str, ...]
    sha256_prefix: str

    def __post_init__(self) -> None:
        if self.sha256_prefix not in self.filename:
            raise ValueError(f"ModelEntry {self.name}: {self.sha256_prefix} is not in the file name {self.filename}")


def _rtmpose(size: str, prefix: str) -> ModelEntry:
    batch = "8xb256-420e_body8-256x192"
    filename = f"rtmpose-{size}_simcc-body7_pt-body7_420e-256x192-{prefix}_20230504.pth"
    return ModelEntry(
        name=f"rtmpose-{size}",
        task="topdown",
        config=f"configs/body_2d_keypoint/rtmpose/body8/rtmpose-{size}_{batch}.py",
        filename=filename,
        urls=(_RTMPOSE + filename,),
        sha256_prefix=prefix,
    )


def _rtmo(size: str, batch: str, prefix: str) -> ModelEntry:
    config = f"rtmo-{size}_{batch}-600e_body7-640x640"
    filename = f"{config}-{prefix}_20231211.pth"
    return ModelEntry(
        name=f"rtmo-{size}",
        task="onestage",
        config=f"configs/body_2d_keypoint/rtmo/body7/{config}.py",
        filename=filename,
        urls=(_RTMO + filename,),
        sha256_prefix=prefix,
    )


def _rtmdet(size: str, pixels: int, prefix: str, *folders: str) -> ModelEntry:
    filename = f"rtmdet_{size}_8xb32-100e_coco-obj365-person-{prefix}.pth"
    return ModelEntry(
        name=f"rtmdet-{size}",
        task="person",
        config=f"demo/mmdetection_cfg/rtmdet_{size}_{pixels}-8xb32_coco-person.py",
        filename=filename,
        urls=tuple(folder + filename for folder in folders),
        sha256_prefix=prefix,
    )


MODELS = {
    entry.name: entry
    for entry in (
        _rtmdet("nano", 320, "05d8511e", _RTMPOSE_OLD),
        _rtmdet("m", 640, "235e8209", _RTMPOSE, _RTMPOSE_OLD),
        _rtmpose("t", "026a1439"),
        _rtmpose("s", "acd4a1ef"),
        _rtmpose("m", "e48f03d0"),
        _rtmpose("l", "4dba18fc"),
        _rtmo("s", "8xb32", "dac2bf74"),
        _rtmo("m", "16xb16", "39e78cc4"),
        _rtmo("l", "16xb16", "b37118ce"),
    )
}


def get_model(name: str, *tasks: str) -> ModelEntry:
    """The model of that name, of one of `tasks` (all, where none is given); ValueError for another name."""
    known = {entry.name: entry for entry in MODELS.values() if not tasks or entry.task in tasks}
    if name not in known:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(known)}, or the path of a config ending in .py")
    return known[name]
