from __future__ import annotations

import dataclasses

import pytest
import torch
from poses import random_poses

from vvipe.datasets.multiview import MultiViewSet, camera_pairs
from vvipe.geometry import normalize_3d


def _set(**changes):
    fields = {
        "name": "two cameras",
        "poses": normalize_3d(random_poses(4)),
        "keypoints": torch.zeros(3, 4, 13, 2),
        "scores": None,
        "chest": (0, 1),
        "take": torch.tensor([0, 0, 1, 1]),
    }
    return MultiViewSet(**(fields | changes))


def test_eleven_cameras_with_five_at_the_chest_give_the_papers_numbers_of_ordered_pairs():
    pairs = camera_pairs(11, (0, 2, 4, 7, 8))
    assert {name: len(found) for name, found in pairs.items()} == {"all": 110, "unseen": 60, "chest": 20}
    assert (0, 1) in pairs["unseen"] and (0, 2) in pairs["chest"] and (1, 3) not in pairs["unseen"]


def test_cameras_that_are_all_at_the_chest_have_no_unseen_pairs():
    assert {name: len(found) for name, found in camera_pairs(4, (0, 1, 2, 3)).items()} == {"all": 12}


def test_set_knows_its_cameras():
    assert _set().n_cameras == 3
    assert _set().camera_pairs()["unseen"] == [(0, 2), (1, 2), (2, 0), (2, 1)]


def test_empty_set_is_a_set():
    empty = _set(poses=torch.zeros(0, 17, 3), keypoints=torch.zeros(2, 0, 13, 2), take=torch.zeros(0, dtype=torch.long))
    assert len(empty.poses) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("poses", torch.zeros(4, 16, 3)),
        ("keypoints", torch.zeros(3, 5, 13, 2)),
        ("scores", torch.zeros(2, 4, 13)),
        ("take", torch.zeros(3)),
        ("poses", torch.full((4, 17, 3), torch.nan)),
        ("chest", (0, 3)),
    ],
)
def test_wrong_shape_or_value_names_the_field(field, value):
    with pytest.raises(ValueError, match=f"MultiViewSet.{field}"):
        _set(**{field: value})


def test_set_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _set().name = "other"
