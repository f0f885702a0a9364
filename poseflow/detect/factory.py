"""Chooses a detector by name; `auto` is MMPose where it can run, else the embedded BlazePose."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from pathlib import Path
from typing import Any

from poseflow.detect.protocol import PosePredictor
from poseflow.detect.registry import DEFAULT_PERSON_MODEL, DEFAULT_POSE_MODEL
from vvipe.errors import PackageError, WeightsError

DETECTORS = ("auto", "mmpose", "blazepose")


def make_detector(
    name: str = "auto",
    *,
    device: str = "auto",
    pose_model: str | None = None,
    pose_checkpoint: str | Path | None = None,
    person_model: str | None = None,
    person_checkpoint: str | Path | None = None,
    detect_every: int | None = None,
    **settings: Any,
) -> PosePredictor:
    """A detector, ready to predict.

    ``auto`` is MMPose where its packages are installed and its weights are at hand or can be downloaded; else
    BlazePose, with one line on stderr that says so and why. A setting that only MMPose has, or a device other than
    the CPU, chooses MMPose, and what keeps it from running is then an error.

    Args:
        name: ``auto``, ``mmpose`` or ``blazepose``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; BlazePose runs on the CPU only.
        pose_model, pose_checkpoint, person_model, person_checkpoint, detect_every: Of `MMPosePredictor`; None = its
            own default.
        settings: Others of `MMPosePredictor` or `BlazePosePredictor`; None = not given.

    Raises:
        ValueError: Unknown name or setting.
        PoseflowError: What the detector itself raises.
    """
    if name not in DETECTORS:
        raise ValueError(f"unknown detector {name!r}; known: {', '.join(DETECTORS)}")
    settings.update(
        device=device,
        pose_model=pose_model,
        pose_checkpoint=pose_checkpoint,
        person_model=person_model,
        person_checkpoint=person_checkpoint,
        detect_every=detect_every,
    )
    given = {key: value for key, value in settings.items() if value is not None}
    if name == "mmpose":
        return _make_mmpose(given)
    if name == "blazepose":
        return _make_blazepose(given)
    _check_known("auto", given, _mmpose_settings() | _blazepose_settings())
    if _blazepose_settings() & given.keys():
        return _make_blazepose(given)
    if (_mmpose_settings() - {"device"}) & given.keys() or device not in ("auto", "cpu"):
        return _make_mmpose(given)
    if reason := _why_not_mmpose():
        sys.stderr.write(f"poseflow: using the BlazePose detector, because {reason}\n")
        return _make_blazepose(given)
    return _make_mmpose(given)


def _make_mmpose(settings: dict[str, Any]) -> PosePredictor:
    from poseflow.detect.mmpose import MMPosePredictor

    _check_known("mmpose", settings, _mmpose_settings())
    return MMPosePredictor(**settings)


def _make_blazepose(settings: dict[str, Any]) -> PosePredictor:
    from poseflow.detect.blazepose import BlazePosePredictor

    _check_known("blazepose", settings, _blazepose_settings() | {"device"})
    if (device := settings.get("device", "auto")) not in ("auto", "cpu"):
        raise ValueError(f"device: the blazepose detector runs on the cpu only, got {device!r}; use --detector mmpose")
    return BlazePosePredictor(**{key: value for key, value in settings.items() if key != "device"})


@cache
def _mmpose_settings() -> frozenset[str]:
    from poseflow.detect.mmpose import MMPosePredictor

    return frozenset(inspect.signature(MMPosePredictor).parameters)


@cache
def _blazepose_settings() -> frozenset[str]:
    from poseflow.detect.blazepose import BlazePosePredictor

    return frozenset(inspect.signature(BlazePosePredictor).parameters)


def _check_known(name: str, settings: dict[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(set(settings) - known):
        raise ValueError(f"the {name} detector has no setting {', '.join(unknown)}; it has {', '.join(sorted(known))}")


def _why_not_mmpose() -> str | None:
    """Why MMPose cannot run with its default models here; None where it can."""
    from poseflow.detect.openmmlab import prepare
    from poseflow.detect.weights import can_get

    try:
        for model in (DEFAULT_PERSON_MODEL, DEFAULT_POSE_MODEL):
            if not can_get(model):
                return (
                    f"the weights of MMPose's {model} are not here and cannot be downloaded "
                    "(`--detector mmpose` says where to put them)"
                )
        prepare()
    except (PackageError, WeightsError) as error:
        return f"MMPose cannot run here: {str(error).splitlines()[0]}"
    return None
