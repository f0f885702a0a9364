from __future__ import annotations

import torch
from poses import random_poses

from vvipe.geometry import normalize_3d
from vvipe.pose_matches import PoseMatcher, deduplicate


def test_match_is_decided_once_a_pair():
    poses = normalize_3d(random_poses(5))
    matcher = PoseMatcher(poses)
    rows = torch.tensor([[0, 1, 1]])
    first = matcher.is_match(rows, rows)
    assert first.all()
    assert (matcher.is_match(rows, rows) == first).all()


def test_near_duplicates_go_but_another_take_may_repeat_them():
    pose = normalize_3d(random_poses(2))
    poses = torch.stack([pose[0], pose[0], pose[1], pose[0], pose[0]])
    kept = deduplicate(poses, torch.tensor([0, 0, 0, 0, 1]))
    assert kept.tolist() == [0, 2, 4]
