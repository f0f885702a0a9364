from __future__ import annotations

import pytest
import torch
from poses import random_poses, random_rotations, standing
from slow_retrieval import slow_np_mpjpe

from vvipe.fast_procrustes import aligned_errors
from vvipe.geometry import mpjpe, normalize_3d, procrustes_align


def by_singular_values(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    source, target = source.double(), target.double()
    return mpjpe(procrustes_align(source, target), target)


def test_errors_are_those_of_scipy_pose_by_pose():
    source, target = normalize_3d(random_poses(30)), normalize_3d(random_poses(30, seed=1))
    expected = [slow_np_mpjpe(a.numpy(), b.numpy()) for a, b in zip(source, target, strict=True)]
    torch.testing.assert_close(aligned_errors(source, target), torch.tensor(expected).double(), atol=1e-6, rtol=0)


def test_errors_are_those_by_singular_values_in_any_orientation():
    source = normalize_3d(random_poses(20_000))
    target = 2.5 * normalize_3d(random_poses(20_000, seed=1)) @ random_rotations(20_000).transpose(1, 2) + 3
    torch.testing.assert_close(aligned_errors(source, target), by_singular_values(source, target), atol=1e-9, rtol=1e-9)


def test_a_mirror_image_is_not_turned_into_its_original():
    source = random_poses(500)
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0])
    errors = aligned_errors(mirrored, source)
    torch.testing.assert_close(errors, by_singular_values(mirrored, source), atol=1e-9, rtol=1e-9)
    assert errors.min() > 1e-3


def test_the_same_pose_turned_is_no_error():
    pose = random_poses(200).double()
    turned = pose @ random_rotations(200).double().transpose(1, 2)
    assert aligned_errors(turned, pose).max() < 1e-6


@pytest.mark.parametrize("shape", ["flat", "line", "point"])
def test_poses_without_a_clear_rotation_have_the_error_by_singular_values(shape):
    source, target = random_poses(5).double(), standing().expand(5, -1, -1).double().clone()
    lost = {"flat": [0], "line": [0, 1], "point": [0, 1, 2]}[shape]
    source[..., lost] = 0
    torch.testing.assert_close(aligned_errors(source, target), by_singular_values(source, target), atol=1e-7, rtol=0)


def test_half_turns_are_found():
    pose = random_poses(3).double()
    for axis in range(3):
        turn = -torch.ones(3).double()
        turn[axis] = 1
        assert aligned_errors(pose * turn, pose).max() < 1e-6


def test_no_poses_are_no_error():
    assert aligned_errors(torch.zeros(0, 17, 3), torch.zeros(0, 17, 3)).shape == (0,)
