"""One-stage pose networks of MMPose (RTMO): everybody's box and keypoints from whole pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poseflow.detect.networks import Network, as_joints, coco_indices
from poseflow.detect.openmmlab import quiet
from poseflow.detect.people import People


class OneStageNetwork:
    """Finds the boxes and poses of everybody in whole pictures.

    Args:
        network: A BottomupPoseEstimator.
        flip_test: Average with the mirrored picture, where the model supports it.

    Raises:
        WeightsError: The model does not give the 17 COCO keypoints.
    """

    def __init__(self, network: Network, *, flip_test: bool) -> None:
        from mmengine.dataset import Compose
        from mmengine.registry import DefaultScope

        self._network = network
        self._indices = coco_indices(network)
        network.model.test_cfg = {**dict(network.model.test_cfg or {}), "flip_test": flip_test}
        with quiet(), DefaultScope.overwrite_default_scope("mmpose"):
            self._prepare = Compose(network.test_pipeline)

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[People]:
        """The people of each picture (H, W, 3) BGR, in one batch; boxes and keypoints in its pixels."""
        import torch

        if not images:
            return []
        meta = dict(self._network.dataset_meta)
        with quiet(), torch.inference_mode():
            ready = [self._prepare({"img": image, **meta}) for image in images]
            found = self._network.model.test_step({key: [item[key] for item in ready] for key in ready[0]})
        return [self._people(sample.pred_instances) for sample in found]

    def _people(self, instances: object) -> People:
        keypoints, scores = as_joints(
            np.asarray(instances.keypoints),  # type: ignore[attr-defined]
            np.asarray(instances.keypoint_scores),  # type: ignore[attr-defined]
            self._indices,
        )
        boxes = np.asarray(instances.bboxes, np.float32).reshape(-1, 4)  # type: ignore[attr-defined]
        box_scores = np.clip(np.asarray(instances.bbox_scores, np.float32), 0, 1)  # type: ignore[attr-defined]
        return People(keypoints, scores, boxes, box_scores)
