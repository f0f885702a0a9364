"""Person detectors of MMDetection: the boxes of the people in pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poseflow.detect.networks import Network
from poseflow.detect.openmmlab import quiet
from vvipe.errors import WeightsError


class PersonDetector:
    """Finds people's boxes with any MMDetection model that knows the class "person".

    Args:
        network: The detector.
        min_score: Boxes below it are dropped.
        max_people: The best-scored boxes that are kept in a picture.

    Raises:
        WeightsError: The model names its classes and "person" is none of them.
    """

    def __init__(self, network: Network, *, min_score: float, max_people: int) -> None:
        from mmengine.dataset import Compose
        from mmengine.registry import DefaultScope

        self._network = network
        self._label = _person_label(network)
        self._min_score = min_score
        self._max_people = max_people
        steps = [step for step in network.test_pipeline if "LoadAnnotations" not in step["type"]]
        with quiet(), DefaultScope.overwrite_default_scope("mmdet"):
            self._prepare = Compose([{"type": "LoadImageFromNDArray"}, *steps[1:]])

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Of each picture (H, W, 3) BGR: boxes (P, 4) x0, y0, x1, y1 in pixels, and scores (P,), best first."""
        import torch

        if not images:
            return []
        with quiet(), torch.inference_mode():
            ready = [self._prepare({"img": image, "img_id": 0}) for image in images]
            found = self._network.model.test_step({key: [item[key] for item in ready] for key in ready[0]})
        return [
            self._select(
                sample.pred_instances.bboxes.cpu().numpy(),
                sample.pred_instances.scores.cpu().numpy(),
                sample.pred_instances.labels.cpu().numpy(),
            )
            for sample in found
        ]

    def _select(self, boxes: NDArray, scores: NDArray, labels: NDArray) -> tuple[NDArray, NDArray]:
        is_person = (labels == self._label) & (scores >= self._min_score) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        order = np.flatnonzero(is_person)
        order = order[np.argsort(-scores[order], kind="stable")][: self._max_people]
        return boxes[order].astype(np.float32), np.clip(scores[order], 0, 1).astype(np.float32)


def _person_label(network: Network) -> int:
    classes = network.dataset_meta.get("classes")
    if classes is None:
        dataset = network.config.test_dataloader.dataset
        classes = (dataset.get("metainfo") or {}).get("classes")
    if classes is None:
        return 0  # COCO's own order, in which person comes first
    names = [str(name) for name in ([classes] if isinstance(classes, str) else classes)]
    if "person" not in names:
        raise WeightsError(f"{network.config.filename} detects {', '.join(names[:5])}, ... but no class 'person'")
    return names.index("person")
