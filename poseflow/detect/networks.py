"""Opens a model of MMPose or MMDetection by registry name or config file, with its weights, on a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.detect.checkpoints import sha256_of
from poseflow.detect.openmmlab import build_model, installed_config, load_config, load_weights, quiet
from poseflow.detect.protocol import ModelFile
from poseflow.detect.registry import get_model
from poseflow.detect.weights import find_weights
from vvipe.errors import WeightsError
from vvipe.skeleton import COCO17


@dataclass(frozen=True)
class Network:
    """A model ready to predict.

    Attributes:
        model: The OpenMMLab module, in evaluation mode on its device.
        config: Its mmengine Config.
        dataset_meta: What the checkpoint says of its training data, else what the config says; may be empty.
        file: The weights.
    """

    model: Any
    config: Any
    dataset_meta: Mapping[str, Any]
    file: ModelFile

    @property
    def is_onestage(self) -> bool:
        """Whether it finds everybody's pose in a whole picture, instead of one person's in a box."""
        return type(self.model).__name__ == "BottomupPoseEstimator"

    @property
    def test_pipeline(self) -> list[Any]:
        """The picture transforms that the config names for prediction."""
        return list(self.config.test_dataloader.dataset.pipeline)


def open_pose_network(model: str, checkpoint: str | Path | None, *, device: str) -> Network:
    """A pose model by registry name or config path; see `open_network`. `dataset_meta` is never empty.

    Raises:
        WeightsError: Besides `open_network`'s reasons: the config is of no 2D pose model.
    """
    network = open_network(model, checkpoint, tasks=("topdown", "onestage"), scope="mmpose", device=device)
    kind = type(network.model).__name__
    if kind not in ("TopdownPoseEstimator", "BottomupPoseEstimator"):
        raise WeightsError(f"{network.config.filename} describes a {kind}, expected a top-down or one-stage pose model")
    if network.dataset_meta.get("keypoint_id2name"):
        return network
    meta = _pose_meta_of_config(network.config)
    return Network(network.model, network.config, meta, network.file)


def open_network(
    model: str, checkpoint: str | Path | None, *, tasks: tuple[str, ...], scope: str, device: str
) -> Network:
    """A model by registry name (its weights are found or downloaded) or by config path (ends in ``.py``).

    Args:
        model: Registry name or config path.
        checkpoint: Weights file; None = the registry's.
        tasks: Tasks of the registry's models to choose from.
        scope: ``mmpose`` or ``mmdet``.
        device: From `resolve_device`.

    Raises:
        ValueError: Unknown name, or a config path without a checkpoint.
        WeightsError: A file is missing, damaged, or does not fit the config.
        PackageError: MMPose or a package that it needs is missing.
    """
    if model.endswith(".py"):
        if checkpoint is None:
            raise ValueError(f"the model config {model} needs a checkpoint file beside it")
        config_path, name = Path(model), Path(checkpoint).stem
    else:
        entry = get_model(model, *tasks)
        config_path, name = installed_config("mmpose", entry.config), entry.name
        if checkpoint is not None:
            name = Path(checkpoint).stem
    config = load_config(config_path)
    built = build_model(config, scope=scope)
    path = find_weights(model) if checkpoint is None else Path(checkpoint)
    meta = load_weights(built, path).get("dataset_meta") or {}
    return Network(built.to(device), config, meta, ModelFile(name, sha256_of(path)))


def _pose_meta_of_config(config: Any) -> Mapping[str, Any]:
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import DATASETS

    try:
        dataset = config.test_dataloader.dataset
        with quiet():
            return parse_pose_metainfo(dict(dataset.get("metainfo") or DATASETS.get(dataset.type).METAINFO))
    except (AttributeError, KeyError, FileNotFoundError) as error:
        raise WeightsError(f"{config.filename} and its checkpoint do not say which keypoints they give") from error


def coco_indices(network: Network) -> NDArray[np.int64]:
    """(17,) where each COCO-17 joint stands among the model's keypoints, by name.

    Raises:
        WeightsError: The model lacks one.
    """
    names = {str(name): int(index) for index, name in network.dataset_meta["keypoint_id2name"].items()}
    missing = [joint for joint in COCO17.joints if joint not in names]
    if missing:
        raise WeightsError(
            f"{network.config.filename} gives {len(names)} keypoints without the COCO joints {', '.join(missing)}; "
            "poseflow needs a model of the 17 COCO keypoints"
        )
    return np.array([names[joint] for joint in COCO17.joints])


def as_joints(keypoints: Any, scores: Any, indices: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """(P, 17, 2) and (P, 17) float32 of a model's output; scores cut to [0, 1], a joint scored 0 is NaN."""
    points = np.asarray(keypoints, dtype=np.float32)[:, indices, :2]
    certainty = np.clip(np.asarray(scores, dtype=np.float32)[:, indices], 0, 1)
    certainty = np.where(np.isfinite(points).all(-1) & np.isfinite(certainty), certainty, 0)
    return np.where(certainty[..., None] > 0, points, np.nan).astype(np.float32), certainty
