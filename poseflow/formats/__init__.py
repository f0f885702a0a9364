"""Readers of other people's keypoints: MMPose, COCO, OpenPose, DeepLabCut, SLEAP, MediaPipe."""

from poseflow.formats.importer import FORMATS, import_keypoints
from poseflow.formats.protocol import ImportOptions, KeypointFormat
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource

__all__ = [
    "FORMATS",
    "ImportOptions",
    "KeypointFormat",
    "KeypointSource",
    "Sighting",
    "Sightings",
    "import_keypoints",
]
