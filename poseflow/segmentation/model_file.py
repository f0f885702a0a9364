"""Kept models on disk: one safetensors file whose header holds the settings as JSON; nothing in it is code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from poseflow.errors import FileFormatError
from poseflow.output import atomic_path
from poseflow.segmentation.action_model import ActionModel
from poseflow.segmentation.density import DensityModel
from poseflow.segmentation.pose_grid import GridSettings
from poseflow.segmentation.settings import SegmentSettings
from poseflow.segmentation.words import Codebook, WordSettings

MODEL_VERSION = 1
_KIND = "poseflow action model"
_DENSITY = ("points", "core_distance", "point_cluster", "point_lambda", "cluster_parent", "cluster_lambda",
            "cluster_label", "max_lambda", "exemplars")  # fmt: skip


def write_actions(path: str | Path, model: ActionModel) -> None:
    """Writes the model; the file appears whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    arrays = {name: np.ascontiguousarray(getattr(model.density, name)) for name in _DENSITY}
    arrays |= {"codebook": model.codebook.centres, "evidence": np.ascontiguousarray(model.evidence)}
    header = {
        "kind": _KIND,
        "model_version": MODEL_VERSION,
        "names": model.names,
        "min_samples": model.density.min_samples,
        "spread": model.codebook.spread,
        "settings": asdict(model.settings),
        "embedding_model": model.embedding_model,
        "unit": model.unit,
        "hop_s": model.hop_s,
        "sha256": model.sha256,
    }
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"poseflow": json.dumps(header)})


def read_actions(path: str | Path) -> ActionModel:
    """The model in a file that `write_actions` wrote.

    Raises:
        FileFormatError: There is none, it is damaged, or something else.
    """
    if not Path(path).is_file():
        raise FileFormatError(f"{path}: no such file; make a model with `poseflow segment --fit CLIPS -o {path}`")
    try:
        with safe_open(str(path), framework="numpy") as file:
            text = (file.metadata() or {}).get("poseflow")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        header = _checked_header(path, text)
        model = _model(header, arrays)
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise FileFormatError(
            f"{path}: cannot be read as a kept model ({error}); make it again with `poseflow segment --fit`"
        ) from error
    if model.sha256 != header["sha256"]:
        raise FileFormatError(f"{path}: damaged, its contents are not what was written; fit the model again")
    return model


def _checked_header(path: str | Path, text: str | None) -> dict[str, Any]:
    header = json.loads(text) if text else {}
    if header.get("kind") != _KIND:
        raise FileFormatError(f"{path}: no kept model; make one with `poseflow segment --fit CLIPS -o FILE`")
    if header["model_version"] != MODEL_VERSION:
        raise FileFormatError(
            f"{path}: a model of version {header['model_version']}, this poseflow reads {MODEL_VERSION}: fit it again"
        )
    return dict(header)


def _model(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> ActionModel:
    settings = dict(header["settings"])
    settings |= {"grid": GridSettings(**settings["grid"]), "words": WordSettings(**settings["words"])}
    density = DensityModel(**{name: arrays[name] for name in _DENSITY}, min_samples=header["min_samples"])
    return ActionModel(
        names=tuple(header["names"]),
        density=density,
        codebook=Codebook(arrays["codebook"], header["spread"]),
        evidence=arrays["evidence"],
        settings=SegmentSettings(**settings),
        embedding_model=header["embedding_model"],
        unit=header["unit"],
        hop_s=header["hop_s"],
    )
