"""Top-down pose networks of MMPose: one person's keypoints in each box, boxes of many pictures in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.detect.networks import Network, as_joints, coco_indices
from poseflow.detect.openmmlab import quiet
from vvipe.errors import WeightsError

_MIN_SIDE_PX = 1.0


@dataclass(frozen=True)
class Crop:
    """A person's box (4,) x0, y0, x1, y1 in a picture (H, W, 3) uint8 BGR."""

    image: NDArray[np.uint8]
    box: NDArray[np.float32]


@dataclass(frozen=True)
class CropGeometry:
    """How a config cuts a box out of the picture.

    Attributes:
        input_size: (width, height) of the network's input in pixels.
        padding: The box is grown by this factor first.
        is_udp: Whether pixels are points (unbiased data processing) instead of areas.
    """

    input_size: tuple[int, int]
    padding: float
    is_udp: bool

    def region(self, box: NDArray) -> tuple[NDArray, NDArray]:
        """Centre (2,) and size (2,) in pixels of the grown box, widened or heightened to the input's aspect."""
        corners = np.asarray(box, dtype=np.float32).reshape(2, 2)
        width, height = np.maximum(corners[1] - corners[0], _MIN_SIDE_PX) * np.float32(self.padding)
        aspect = self.input_size[0] / self.input_size[1]
        size = (width, width / aspect) if width > height * aspect else (height * aspect, height)
        return corners.mean(axis=0), np.array(size, dtype=np.float32)

    def cut(self, image: NDArray[np.uint8], centre: NDArray, size: NDArray) -> NDArray[np.uint8]:
        """(h, w, 3) the region of the picture at the network's input size; black outside the picture."""
        from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

        matrix = (get_udp_warp_matrix if self.is_udp else get_warp_matrix)(centre, size, 0.0, self.input_size)
        return np.asarray(cv2.warpAffine(image, matrix, self.input_size, flags=cv2.INTER_LINEAR), dtype=np.uint8)


def crop_geometry(network: Network) -> CropGeometry:
    """The crop that the config's test pipeline describes.

    Raises:
        WeightsError: The pipeline does something else with the picture.
    """
    steps = {step["type"].split(".")[-1]: step for step in network.test_pipeline}
    foreign = set(steps) - {"LoadImage", "GetBBoxCenterScale", "TopdownAffine", "PackPoseInputs"}
    if foreign or "TopdownAffine" not in steps:
        what = f"also has {', '.join(sorted(foreign))}" if foreign else "lacks TopdownAffine"
        raise WeightsError(
            f"{network.config.filename}: expected a test pipeline of GetBBoxCenterScale and TopdownAffine; it {what}"
        )
    affine = steps["TopdownAffine"]
    width, height = affine["input_size"]
    padding = steps.get("GetBBoxCenterScale", {}).get("padding", 1.25)  # MMPose's own default
    return CropGeometry((int(width), int(height)), float(padding), bool(affine.get("use_udp", False)))


class TopDownNetwork:
    """Finds the pose in each of many boxes.

    Args:
        network: A TopdownPoseEstimator.
        flip_test: Average with the mirrored picture: a little more accurate, twice the time.
        batch_size: Largest number of crops in one forward pass.

    Raises:
        WeightsError: The model does not give the 17 COCO keypoints, or crops in a way that is not known here.
    """

    def __init__(self, network: Network, *, flip_test: bool, batch_size: int) -> None:
        self._network = network
        self._geometry = crop_geometry(network)
        self._indices = coco_indices(network)
        self._batch_size = batch_size
        network.model.test_cfg = {
            **dict(network.model.test_cfg or {}),
            "flip_test": flip_test,
            "output_heatmaps": False,
        }
        self._check_output()

    def predict(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(N, 17, 2) keypoints in pixels of each crop's picture (NaN = not seen) and (N, 17) scores in [0, 1]."""
        parts = [
            self._predict_batch(crops[start : start + self._batch_size])
            for start in range(0, len(crops), self._batch_size)
        ]
        if not parts:
            return np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _predict_batch(self, crops: Sequence[Crop]) -> tuple[NDArray, NDArray]:
        found = self._run(crops)
        keypoints = np.concatenate([sample.pred_instances.keypoints for sample in found])
        scores = np.concatenate([sample.pred_instances.keypoint_scores for sample in found])
        return as_joints(keypoints, scores, self._indices)

    def _run(self, crops: Sequence[Crop]) -> list[Any]:
        """MMPose's own samples with its predictions: its pre-processing, network, decoder and way back to pixels."""
        import torch

        regions = [self._geometry.region(crop.box) for crop in crops]
        pictures = np.stack(
            [self._geometry.cut(crop.image, *region) for crop, region in zip(crops, regions, strict=True)]
        )
        samples = [self._sample(crop.box, *region) for crop, region in zip(crops, regions, strict=True)]
        inputs = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
        with quiet(), torch.inference_mode():
            return self._network.model.test_step({"inputs": inputs, "data_samples": samples})

    def _sample(self, box: NDArray, centre: NDArray, size: NDArray) -> Any:
        from mmengine.structures import InstanceData
        from mmpose.structures import PoseDataSample

        return PoseDataSample(
            metainfo={
                "input_size": self._geometry.input_size,
                "input_center": centre,
                "input_scale": size,
                "flip_indices": self._network.dataset_meta.get("flip_indices"),
            },
            gt_instances=InstanceData(
                bboxes=np.asarray(box, np.float32)[None], bbox_scores=np.ones(1, dtype=np.float32)
            ),
        )

    def _check_output(self) -> None:
        """Runs one black crop, so that a model that cannot work here says so before the video is read."""
        blank = Crop(np.zeros((64, 64, 3), np.uint8), np.array([0, 0, 64, 64], np.float32))
        given = self._run([blank])[0].pred_instances.keypoints.shape[1]
        named = len(self._network.dataset_meta["keypoint_id2name"])
        if given != named:
            raise WeightsError(
                f"{self._network.config.filename} gives {given} keypoints, but its data set names {named}; "
                "poseflow needs a model of the 17 COCO keypoints"
            )
