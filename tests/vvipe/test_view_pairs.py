from __future__ import annotations

import numpy as np
import pytest
import torch
from poses import random_poses

from vvipe.geometry import np_mpjpe
from vvipe.view_pairs import EmbeddedViews, ViewPairs, balanced, nearest_pairs, pair_views, random_pairs


@pytest.fixture
def poses() -> torch.Tensor:
    return random_poses(70, spread=0.08)


def _views(count: int, seed: int) -> EmbeddedViews:
    generator = torch.Generator().manual_seed(seed)
    return EmbeddedViews(
        torch.randn(count, 3, generator=generator), 0.1 * torch.rand(count, generator=generator) + 0.05
    )


def test_pairs_hold_the_distance_and_the_true_error(poses):
    a, b = _views(70, 0), _views(70, 1)
    pairs = pair_views(poses, a, b, torch.tensor([3, 5]), torch.tensor([4, 5]))
    assert pairs.query.tolist() == [3, 5]
    assert pairs.distance[0] == pytest.approx(np.linalg.norm(a.vectors[3].numpy() - b.vectors[4].numpy()), rel=1e-5)
    assert pairs.error[0] == pytest.approx(float(np_mpjpe(poses[4:5], poses[3:4])), rel=1e-4)
    assert pairs.error[1] == pytest.approx(0, abs=1e-4)
    assert pairs.uncertainty_b[1] == pytest.approx(float(b.uncertainty[5]))


def test_views_without_an_embedding_are_in_no_pair(poses):
    a, b = _views(70, 0), _views(70, 1)
    a.vectors[7] = torch.nan
    b.vectors[9] = torch.nan
    near = nearest_pairs(poses, a, b)
    assert 7 not in near.query
    assert len(near) == 69 * 50
    assert np.isfinite(near.distance).all()
    loose = random_pairs(poses, a, b, generator=torch.Generator().manual_seed(0))
    assert np.isfinite(loose.distance).all() and 7 not in loose.query


def test_balanced_pairs_are_uniform_over_the_error():
    rng = np.random.default_rng(0)
    error = np.concatenate([rng.uniform(0, 0.1, 50), rng.uniform(0.1, 0.7, 20_000)])
    column = np.zeros_like(error)
    pairs = balanced(ViewPairs(column, column, column, error, np.arange(len(error))), seed=0)
    counts, _ = np.histogram(pairs.error, bins=25, range=(0, 0.5))
    assert pairs.error.max() < 0.5
    assert len(set(counts.tolist())) == 1 and counts[0] > 3
    assert len(np.unique(pairs.query)) == len(pairs)
