"""The JSON that a saved clip carries: how it was made, by what, from what."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import FileFormatError
from poseflow.records import FORMAT_VERSION, ClipMetadata

_PACKAGES = (
    "poseflow",
    "numpy",
    "torch",
    "av",
    "opencv-python",
    "pyarrow",
    "mmpose",
    "mmdet",
    "mmcv-lite",
    "mediapipe",
)


def package_versions() -> dict[str, str]:
    """Name -> version of the packages that shape a result, of those that are installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def metadata_to_json(metadata: ClipMetadata) -> str:
    """The JSON text of `metadata`; what is not known is null."""
    width, height = metadata.size or (None, None)
    return json.dumps(
        {
            "format_version": metadata.format_version,
            "command": metadata.command,
            "versions": dict(metadata.versions),
            "source": metadata.source,
            "frames": metadata.frames,
            "video": {
                "width": width,
                "height": height,
                "rotation_deg": metadata.rotation_deg,
                "duration_s": metadata.duration_s,
                "time_base": metadata.time_base,
            },
            "detector": _detector_to_json(metadata.detector),
            "embedding": _model_to_json(metadata.model),
            "smoothed": metadata.is_smoothed,
        },
        allow_nan=False,
    )


def metadata_from_json(text: str | bytes, *, path: object) -> ClipMetadata:
    """The metadata that `metadata_to_json` wrote.

    Raises:
        FileFormatError: A newer format version wrote the file, or the text is damaged.
    """
    try:
        content = json.loads(text)
        _check_version(content, path)
        video = content["video"]
        size = (int(video["width"]), int(video["height"])) if video["width"] is not None else None
        return ClipMetadata(
            source=content["source"],
            frames=content["frames"],
            size=size,
            rotation_deg=video["rotation_deg"],
            duration_s=video["duration_s"],
            time_base=video["time_base"],
            detector=_detector_from_json(content["detector"]),
            model=_model_from_json(content["embedding"]),
            is_smoothed=content["smoothed"],
            command=content["command"],
            versions=content["versions"],
            format_version=content["format_version"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"{path}: its `poseflow` metadata is damaged ({error!r}); embed the video again"
        ) from error


def _check_version(content: dict[str, Any], path: object) -> None:
    if content["format_version"] > FORMAT_VERSION:
        writer = content.get("versions", {}).get("poseflow", "a newer version")
        raise FileFormatError(
            f"{path}: file format version {content['format_version']}, and this poseflow reads up to {FORMAT_VERSION}; "
            f"the file was written by poseflow {writer}: update with `pip install --upgrade poseflow`"
        )


def _model_to_json(model: ModelFile | None) -> dict[str, str] | None:
    return None if model is None else {"name": model.name, "sha256": model.sha256}


def _model_from_json(content: dict[str, str] | None) -> ModelFile | None:
    return None if content is None else ModelFile(content["name"], content["sha256"])


def _detector_to_json(detector: DetectorInfo | None) -> dict[str, Any] | None:
    if detector is None:
        return None
    models = [{"name": model.name, "sha256": model.sha256} for model in detector.models]
    return {"name": detector.name, "models": models, "device": detector.device}


def _detector_from_json(content: dict[str, Any] | None) -> DetectorInfo | None:
    if content is None:
        return None
    models = tuple(ModelFile(model["name"], model["sha256"]) for model in content["models"])
    return DetectorInfo(content["name"], models, content["device"])
