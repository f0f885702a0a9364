"""Files of other programs: keypoints of MMPose, COCO, OpenPose, DeepLabCut, SLEAP, MediaPipe, and labelled segments."""

from poseflow.formats.importer import FORMATS, import_keypoints
from poseflow.formats.protocol import ImportOptions, KeypointFormat
from poseflow.formats.segment_files import SEGMENT_FORMATS, read_segments, segment_format, write_segments
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource

__all__ = [
    "FORMATS",
    "SEGMENT_FORMATS",
    "ImportOptions",
    "KeypointFormat",
    "KeypointSource",
    "Sighting",
    "Sightings",
    "import_keypoints",
    "read_segments",
    "segment_format",
    "write_segments",
]
