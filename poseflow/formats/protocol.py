"""What every format of other people's keypoints offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from poseflow.formats.sightings import Sightings
from poseflow.formats.source import KeypointSource


@dataclass(frozen=True)
class ImportOptions:
    """What a file may leave open.

    Attributes:
        size: (width, height) of the video in pixels, for coordinates that are fractions of it.
        joint_map: Name of a joint in the file -> its COCO-17 name, for names that are not recognised.
    """

    size: tuple[int, int] | None = None
    joint_map: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.size is not None and (len(self.size) != 2 or min(self.size) <= 0):
            raise ValueError(f"size: expected (width, height) in pixels, got {self.size}")


class KeypointFormat(Protocol):
    """One format of keypoint files; to add one, write a small file and list it in `poseflow.formats.importer`."""

    @property
    def name(self) -> str:
        """Short lower-case name, as in ``import_keypoints(..., format=name)``."""
        ...

    @property
    def description(self) -> str:
        """One line that says which files these are."""
        ...

    def detects(self, source: KeypointSource) -> bool:
        """Whether the file or folder looks like this format; raises FileFormatError only for a damaged file."""
        ...

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        """Everybody in the file; raises FileFormatError that says what was expected and what was found."""
        ...
