from __future__ import annotations

import numpy as np
import pytest
import torch
from poses import random_poses
from slow_retrieval import slow_np_mpjpe

from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.pose_matches import PoseMatcher, deduplicate


def test_np_mpjpe_is_scipys_procrustes_joint_by_joint():
    poses = random_poses(12, spread=0.1)
    expected = [[slow_np_mpjpe(a.numpy(), b.numpy()) for a in poses] for b in poses]
    ours = [np_mpjpe(poses, b.expand(12, -1, -1)).tolist() for b in poses]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_np_mpjpe_does_not_mirror():
    pose = random_poses(1)
    mirrored = pose * torch.tensor([-1.0, 1.0, 1.0])
    assert float(np_mpjpe(mirrored, pose)[0]) == pytest.approx(slow_np_mpjpe(mirrored[0].numpy(), pose[0].numpy()))
    assert float(np_mpjpe(mirrored, pose)[0]) > 0.05


def test_matches_are_those_of_the_slow_loop():
    poses = random_poses(25, spread=0.03)
    rows, columns = torch.meshgrid(torch.arange(25), torch.arange(25), indexing="ij")
    expected = [[slow_np_mpjpe(poses[j].numpy(), poses[i].numpy()) <= 0.1 for j in range(25)] for i in range(25)]
    matcher = PoseMatcher(poses)
    assert matcher.is_match(rows, columns).tolist() == expected
    assert 25 < np.sum(expected) < 625
    assert matcher.count_matches().tolist() == np.sum(expected, axis=1).tolist()


def test_asking_again_gives_the_same_answer():
    matcher = PoseMatcher(random_poses(5))
    rows = torch.tensor([[0, 1, 1]])
    assert matcher.is_match(rows, rows).all()
    assert matcher.is_match(rows, rows).all()
    assert not matcher.is_match(torch.tensor([0]), torch.tensor([1])).any()


def test_nothing_retrieved_is_no_match():
    assert PoseMatcher(random_poses(2)).is_match(torch.tensor([0, 1]), torch.tensor([-1, 1])).tolist() == [False, True]


def test_no_poses_have_no_matches():
    assert PoseMatcher(random_poses(0)).count_matches().tolist() == []


def test_near_duplicates_go_but_another_take_may_repeat_them():
    pose = normalize_3d(random_poses(2))
    poses = torch.stack([pose[0], pose[0], pose[1], pose[0], pose[0]])
    assert deduplicate(poses, torch.tensor([0, 0, 0, 0, 1])).tolist() == [0, 2, 4]


def test_duplicates_are_judged_against_what_was_kept_not_against_the_last_frame():
    # A slow drift: each frame is near the one before it, not to the first.
    first, last = normalize_3d(random_poses(2, spread=0.02))
    drift = torch.stack([first + share * (last - first) for share in torch.linspace(0, 1, 13)])
    kept, expected = deduplicate(drift, torch.zeros(13, dtype=torch.long)).tolist(), [0]
    for i in range(1, 13):
        if all(slow_np_mpjpe(drift[j].numpy(), drift[i].numpy()) >= 0.02 for j in expected):
            expected.append(i)
    assert kept == expected
    assert 1 < len(kept) < 13


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_kept_as_they_are(count):
    assert deduplicate(random_poses(count), torch.zeros(count, dtype=torch.long)).tolist() == list(range(count))
