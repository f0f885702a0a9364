"""The open table's trained systems as features of a film, for alignments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from poseflow.records import PoseTrack
from poseflow.time_series import TimeSeries
from vvipe.geometry import normalize_2d, np_mpjpe
from vvipe.retrieval import RetrievalSystem
from vvipe.skeleton import COCO13, H36M17, conversion_indices
from vvipe.systems.retrieval import ProbabilisticSystem


def sampled_distance(system: ProbabilisticSystem) -> Callable[[NDArray, NDArray], NDArray[np.float64]]:
    """(N,) -log P(match) of Pr-VIPE, by samples."""

    def distance(a: NDArray, b: NDArray) -> NDArray[np.float64]:
        first, second = (torch.as_tensor(x, dtype=torch.float32).unflatten(1, (2, -1)) for x in (a, b))
        return -np.log(-system.distance(first, second[:, None])[:, 0].double().numpy())

    return distance


def procrustes_distance(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(N,) NP-MPJPE between two (N, 51) rows of poses."""
    first, second = (torch.as_tensor(x, dtype=torch.float32).unflatten(1, (H36M17.n_joints, 3)) for x in (a, b))
    return np_mpjpe(first, second).double().numpy()


def details_series(system: RetrievalSystem, track: PoseTrack) -> TimeSeries:
    """What the system compares exactly: a lifter's poses (T, 51), or Pr-VIPE's Gaussians (T, 2 D), mean, then sd.

    Raises:
        ValueError: The system has no such details.
    """
    order = conversion_indices(track.skeleton, COCO13)
    keypoints, valid = normalize_2d(torch.from_numpy(track.keypoints[:, order]))
    details = system.represent(keypoints, torch.from_numpy(track.scores[:, order])).details
    if details is None:
        raise ValueError(f"{system.name}: expected a system with details")
    return TimeSeries(track.time_s, details.flatten(1).numpy(), valid.numpy())
