"""What every detector offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from poseflow.records import Frame, FramePoses
from vvipe.skeleton import Skeleton


@dataclass(frozen=True)
class ModelFile:
    """A weights file that was used: registry or file name, and the SHA-256 of its content."""

    name: str
    sha256: str


@dataclass(frozen=True)
class DetectorInfo:
    """What really ran; stored in every output and shown by `match`.

    Attributes:
        name: ``mmpose`` or ``blazepose``.
        models: Files in the order of use.
        device: Where it ran, e.g. ``cpu``.
    """

    name: str
    models: tuple[ModelFile, ...]
    device: str

    @property
    def signature(self) -> str:
        """Short text that is equal for two runs of the same detector, e.g. ``mmpose:rtmdet-m+rtmpose-m``."""
        return f"{self.name}:{'+'.join(model.name for model in self.models)}"


class PosePredictor(Protocol):
    """A 2D pose detector: frames in, everybody's keypoints out, in the same order, one result a frame."""

    @property
    def info(self) -> DetectorInfo:
        """What it is made of, as it is stored with a clip."""
        ...

    @property
    def skeleton(self) -> Skeleton:
        """Which joints it gives, and in what order."""
        ...

    def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        """Yields the people of each frame; reads no more frames ahead than one batch."""
        ...
