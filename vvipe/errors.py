"""The error tree of poseflow: the world's faults (files, weights, packages), each with what to do next.

A caller's own mistake is a ``ValueError`` or ``TypeError`` instead.
"""

from __future__ import annotations


class PoseflowError(Exception):
    """Base of every error that a user can mend; the command line prints its message and leaves with `exit_code`."""

    exit_code = 1


class VideoError(PoseflowError):
    """A video is missing, empty, damaged, has no picture, or its timestamps cannot be read."""


class WeightsError(PoseflowError):
    """Model weights are missing, damaged, of another model, or could not be downloaded."""


class PackageError(PoseflowError):
    """A package is missing or its version does not work here."""


class DeviceError(PoseflowError):
    """The device that was asked for is not there."""


class FileFormatError(PoseflowError):
    """A file of keypoints, motion capture or embeddings is not what its format says."""


class OutputError(PoseflowError):
    """A result cannot be written where it was asked for."""


class ModelMismatchError(PoseflowError):
    """Embeddings of two different models were to be compared."""


class TrainingError(PoseflowError):
    """A training run cannot start, continue or resume from what is there."""


class BatchError(PoseflowError):
    """Some files of a batch failed; the others are done."""

    exit_code = 3


class NoSuchPersonError(PoseflowError, ValueError):
    """The person who was asked for is not in this clip, or cannot be told; another clip of a batch may have one."""

    exit_code = 2


class NoPathError(PoseflowError, ValueError):
    """No alignment of two clips keeps to the tempo limit and the band; other clips of a batch may have one."""

    exit_code = 2


class NothingToScoreError(PoseflowError):
    """No person was found, or too little of one was seen to embed or to score."""

    exit_code = 4
