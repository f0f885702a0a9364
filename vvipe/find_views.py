"""2D found by 3D (V-VIPE, Figure 6 and section 5): a pose's embedding is nearest to those of the views that show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from vvipe.embedder import Embedder
from vvipe.geometry import to_canonical
from vvipe.retrieval import nearest


class FoundViews(NamedTuple):
    """For N poses the nearest views, nearest first.

    Attributes:
        rows: (N, count) row numbers of the views; -1 where there are fewer views than asked for.
        distance: (N, count) L2 between embeddings; NaN where there is none.
        probability: (N, count) P(NP-MPJPE <= 0.1) by the model's calibration for retrieved views; NaN likewise.
    """

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]
    probability: NDArray[np.float64]


def find_views(
    poses: Float[NDArray, "N 17 3"], views: Float[NDArray, "M D"], *, embedder: Embedder, count: int = 10
) -> FoundViews:
    """The views that show each 3D pose best.

    Args:
        poses: H36M-17, any unit, any place and facing.
        views: Embeddings of keypoints by the same model; NaN rows are never found.
        embedder: Its 3D encoder embeds the poses.
        count: Views for each pose.

    Raises:
        ValueError: Shapes do not fit, or a pose has no canonical frame (hips and spine that coincide or align).
    """
    if poses.ndim != 3 or poses.shape[1:] != (17, 3):
        raise ValueError(f"poses: expected (N, 17, 3), got {poses.shape}")
    if views.ndim != 2 or views.shape[1] != embedder.dimension:
        raise ValueError(f"views: expected (M, {embedder.dimension}), got {views.shape}")
    if count < 1:
        raise ValueError(f"count: expected at least 1, got {count}")
    if not len(views) or not len(poses):
        empty = np.full((len(poses), count), np.nan)
        return FoundViews(np.full(empty.shape, -1, np.int64), empty, empty.copy())
    asked = embedder.embed_3d(to_canonical(torch.as_tensor(poses, dtype=torch.float32)).numpy())
    rows = nearest(torch.from_numpy(asked), torch.as_tensor(views, dtype=torch.float32), count=count).numpy()
    rows = np.pad(rows, ((0, 0), (0, count - rows.shape[1])), constant_values=-1)
    found = np.where(rows[..., None] >= 0, views[np.maximum(rows, 0)], np.nan)
    repeated = np.repeat(asked[:, None], count, axis=1)
    distance = np.linalg.norm(found - repeated, axis=-1)
    return FoundViews(rows, distance, embedder.match_probability(repeated, found, is_retrieved=True))
