from __future__ import annotations

import torch
from poses import random_poses

from vvipe.cameras import UNSEEN_RIG
from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.retrieval import hit_rates, view_poses


def test_perfect_embedding_always_hits():
    poses = normalize_3d(random_poses(30))
    vectors = torch.randn(30, 8).expand(3, -1, -1)
    assert hit_rates(vectors, poses, [(0, 1), (2, 0)], ks=(1, 5)) == {1: 1.0, 5: 1.0}


def test_hit_rates_are_those_of_a_slow_loop():
    poses = normalize_3d(random_poses(40, spread=0.03))
    vectors = torch.randn(2, 40, 3)
    expected = {}
    for k in (1, 3):
        hits = []
        for a, b in ((0, 1), (1, 0)):
            for i in range(40):
                order = sorted(range(40), key=lambda j: float((vectors[a, i] - vectors[b, j]).norm()))[:k]
                hits.append(any(float(np_mpjpe(poses[j : j + 1], poses[i : i + 1])) <= 0.1 for j in order))
        expected[k] = sum(hits) / len(hits)
    assert 0 < expected[1] < 1
    ours = hit_rates(vectors, poses, [(0, 1), (1, 0)], ks=(1, 3))
    torch.testing.assert_close(list(ours.values()), list(expected.values()))


def test_more_ks_than_poses_is_no_error():
    poses = normalize_3d(random_poses(3))
    assert hit_rates(torch.randn(2, 3, 4), poses, [(0, 1)], ks=(20,)) == {20: 1.0}


def test_views_differ_but_show_the_same_people():
    views = view_poses(random_poses(4), UNSEEN_RIG)
    assert views.shape == (11, 4, 13, 2)
    assert torch.isfinite(views).all()
    assert not torch.allclose(views[0], views[1])
