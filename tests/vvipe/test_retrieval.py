from __future__ import annotations

import numpy as np
import pytest
import torch
from poses import random_poses, random_rotations
from slow_retrieval import slow_hit_rate

from vvipe.body_frame import body_aligned
from vvipe.cameras import UNSEEN_RIG
from vvipe.datasets.mocap import read_npz
from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.pose_matches import PoseMatcher
from vvipe.retrieval import HitRanks, Representation, hit_ranks, nearest, retrieve, view_poses
from vvipe.systems.matching import MatchProbability, sampled_probability

PAIRS = [(0, 1), (1, 0)]


def random_vectors(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_perfect_embedding_always_hits():
    cameras = [Representation(random_vectors(30, 8))] * 3
    found = hit_ranks(cameras, [(0, 1), (2, 0)], matcher=PoseMatcher(random_poses(30)))
    assert (found.rate(1), found.rate(5)) == (1.0, 1.0)


def test_rate_is_the_share_of_queries_found_among_the_k_nearest():
    ranks = torch.tensor([[0, 4, 20], [5, 0, 1]])
    found = HitRanks(ranks, ranks, 20)
    assert [found.rate(k) for k in (1, 5, 20)] == pytest.approx([2 / 6, 4 / 6, 5 / 6])


@pytest.mark.parametrize("leaves_self_out", [False, True])
def test_hit_rates_are_those_of_a_slow_loop(leaves_self_out):
    poses, vectors = random_poses(40, spread=0.03), random_vectors(2, 40, 3)
    cameras = [Representation(camera) for camera in vectors]
    found = hit_ranks(cameras, PAIRS, matcher=PoseMatcher(poses), depth=20)
    ranks = found.ranks_without_self if leaves_self_out else found.ranks
    for k in (1, 3, 5, 10, 20):
        expected = slow_hit_rate(vectors.numpy(), poses.numpy(), PAIRS, k=k, leaves_self_out=leaves_self_out)
        assert float((ranks < k).double().mean()) == pytest.approx(expected)
    assert 0 < float((ranks < 1).double().mean()) < 1


def test_looking_deeper_only_where_the_nearer_ones_miss_changes_nothing(monkeypatch):
    poses, vectors = random_poses(60, spread=0.03), random_vectors(2, 60, 3)
    cameras, matcher = [Representation(camera) for camera in vectors], PoseMatcher(poses)
    at_once = hit_ranks(cameras, PAIRS, matcher=matcher)
    monkeypatch.setattr("vvipe.retrieval._FEW", 0)
    in_stages = hit_ranks(cameras, PAIRS, matcher=PoseMatcher(poses))
    assert torch.equal(at_once.ranks, in_stages.ranks)
    assert torch.equal(at_once.ranks_without_self, in_stages.ranks_without_self)
    assert len(at_once.ranks.unique()) > 5


def test_leaving_self_out_changes_nothing_else():
    poses, vectors = random_poses(30, spread=0.03), random_vectors(2, 30, 3)
    cameras, matcher = [Representation(camera) for camera in vectors], PoseMatcher(poses)
    both = hit_ranks(cameras, PAIRS, matcher=matcher)
    one = hit_ranks(cameras, PAIRS, matcher=matcher, leave_one_out=False)
    assert torch.equal(both.ranks, one.ranks)
    assert torch.equal(one.ranks, one.ranks_without_self)
    assert (both.ranks_without_self >= 0).all()


def test_more_ks_than_poses_is_no_error():
    cameras = [Representation(camera) for camera in random_vectors(2, 3, 4)]
    assert hit_ranks(cameras, [(0, 1)], matcher=PoseMatcher(random_poses(3))).rate(20) == 1.0


def test_one_pose_finds_itself_and_nothing_without_itself():
    found = hit_ranks([Representation(random_vectors(1, 4))] * 2, PAIRS, matcher=PoseMatcher(random_poses(1)))
    assert found.ranks.tolist() == [[0], [0]]
    assert found.ranks_without_self.tolist() == [[20], [20]]


def test_no_poses_are_no_error():
    cameras = [Representation(torch.zeros(0, 4))] * 2
    assert hit_ranks(cameras, PAIRS, matcher=PoseMatcher(random_poses(0))).ranks.shape == (2, 0)


def test_nearest_sorts_by_distance_far_from_the_origin_too():
    query, index = random_vectors(20, 8) + 100, random_vectors(50, 8, seed=1) + 100
    expected = torch.cdist(query.double(), index.double()).argsort(1)[:, :7]
    assert torch.equal(nearest(query, index, count=7), expected)


def test_rows_without_a_vector_find_nothing_and_are_never_found():
    vectors = random_vectors(6, 4)
    vectors[2] = torch.nan
    found = nearest(vectors, vectors, count=6)
    assert (found[2] == -1).all()
    assert not (found[[0, 1, 3, 4, 5]] == 2).any()
    assert (found[0] == -1).sum() == 1


def test_an_invalid_query_is_a_miss():
    poses, vectors = random_poses(5), random_vectors(5, 4).expand(2, -1, -1).clone()
    vectors[0, 3] = torch.nan
    found = hit_ranks([Representation(camera) for camera in vectors], [(0, 1)], matcher=PoseMatcher(poses))
    assert found.ranks[0].tolist() == [0, 0, 0, 20, 0]


def procrustes(query: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    b, m = candidates.shape[:2]
    return np_mpjpe(candidates.flatten(0, 1), query[:, None].expand(b, m, 17, 3).flatten(0, 1)).reshape(b, m)


def lifted(poses: torch.Tensor, seed: int, *, noise: float = 0.04) -> Representation:
    """What a lifter might give: noisy poses in any orientation, found in the body's frame, sorted by Procrustes."""
    noisy = poses + noise * random_vectors(*poses.shape, seed=seed)
    turned = noisy @ random_rotations(len(poses), seed=seed).transpose(1, 2)
    return Representation(body_aligned(turned).flatten(1), turned)


def test_reranking_all_is_the_exhaustive_search_by_the_finer_distance():
    poses = normalize_3d(random_poses(40))
    query, index = lifted(poses, 1), lifted(poses, 2)
    expected = torch.stack([np_mpjpe(index.details, pose.expand(40, -1, -1)) for pose in query.details]).argsort(1)
    found = retrieve(query, index, count=5, distance=procrustes, pool=40)
    assert torch.equal(found, expected[:, :5])


def test_reranking_two_hundred_agrees_with_the_exhaustive_search():
    poses = normalize_3d(random_poses(1000))
    query, index = lifted(poses[:200], 1), lifted(poses, 2)
    near = retrieve(query, index, count=1, distance=procrustes)
    exhaustive = retrieve(query, index, count=1, distance=procrustes, pool=1000)
    assert (near == exhaustive).float().mean() >= 0.995
    assert (near != nearest(query.vectors, index.vectors, count=1)).any()


def test_reranking_two_hundred_by_sampled_probability_agrees_with_the_exhaustive_search():
    probability, noise = MatchProbability(), random_vectors(2, 20, 16, seed=9)
    means = random_vectors(1000, 16)

    def embedded(seed: int) -> Representation:
        spread = torch.rand(1000, 1, generator=torch.Generator().manual_seed(seed))
        mean = means + 0.3 * random_vectors(1000, 16, seed=seed)
        return Representation(mean, torch.stack([mean, 0.2 + 0.6 * spread.expand(-1, 16)], 1))

    @torch.inference_mode()
    def distance(query, candidates):
        asked, found = (d[..., :1, :] + d[..., 1:, :] * n for d, n in ((query, noise[0]), (candidates, noise[1])))
        likeness = [
            sampled_probability(probability, q[:, None].expand(-1, c.shape[1], -1, -1), c)
            for q, c in zip(asked.split(4), found.split(4), strict=True)
        ]
        return -torch.cat(likeness)

    query, index = embedded(1), embedded(2)
    query = Representation(query.vectors[:100], query.details[:100])
    near = retrieve(query, index, count=1, distance=distance)
    exhaustive = retrieve(query, index, count=1, distance=distance, pool=1000)
    assert (near == exhaustive).float().mean() >= 0.995


@pytest.mark.real_data
def test_reranking_two_hundred_of_a_thousand_real_poses_agrees_with_the_exhaustive_search(real_file):
    frames = np.concatenate([take.poses for take in read_npz(real_file("data/mocap/hdm05.npz"))])
    poses = normalize_3d(torch.from_numpy(frames[:: len(frames) // 1000][:1000]))
    query, index = lifted(poses[::5], 1, noise=0.08), lifted(poses, 2, noise=0.08)
    near = retrieve(query, index, count=1, distance=procrustes)
    exhaustive = retrieve(query, index, count=1, distance=procrustes, pool=1000)
    assert (near == exhaustive).float().mean() >= 0.995


def test_details_without_a_finer_distance_are_compared_by_l2():
    poses = normalize_3d(random_poses(30))
    query, index = lifted(poses, 1), lifted(poses, 2)
    assert torch.equal(retrieve(query, index, count=4), nearest(query.vectors, index.vectors, count=4))


@pytest.mark.parametrize(
    ("vectors", "details"),
    [(torch.zeros(3), None), (torch.zeros(3, 2), torch.zeros(2, 2))],
    ids=["flat", "rows differ"],
)
def test_representations_of_the_wrong_shape_are_refused(vectors, details):
    with pytest.raises(ValueError, match="expected"):
        Representation(vectors, details)


def test_views_differ_but_show_the_same_people():
    views = view_poses(random_poses(4), UNSEEN_RIG)
    assert views.shape == (11, 4, 13, 2)
    assert torch.isfinite(views).all()
    assert not torch.allclose(views[0], views[1])
