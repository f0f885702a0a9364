"""The error tree, re-exported from vvipe so that users of poseflow need one import."""

from vvipe.errors import (
    BatchError,
    DeviceError,
    FileFormatError,
    ModelMismatchError,
    NoPathError,
    NoSuchPersonError,
    NothingToScoreError,
    OutputError,
    PackageError,
    PoseflowError,
    TrainingError,
    VideoError,
    WeightsError,
)

__all__ = [
    "BatchError",
    "DeviceError",
    "FileFormatError",
    "ModelMismatchError",
    "NoPathError",
    "NoSuchPersonError",
    "NothingToScoreError",
    "OutputError",
    "PackageError",
    "PoseflowError",
    "TrainingError",
    "VideoError",
    "WeightsError",
]
