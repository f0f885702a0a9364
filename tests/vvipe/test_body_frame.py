from __future__ import annotations

import torch
from poses import random_poses, random_rotations, standing
from scipy.spatial.transform import Rotation

from vvipe.body_frame import body_aligned, standing_figure
from vvipe.geometry import mirror_3d, normalize_3d


def test_turned_moved_and_scaled_poses_fall_together():
    poses = normalize_3d(random_poses(20))
    moved = 3.5 * poses @ random_rotations(20).transpose(1, 2) + torch.randn(20, 1, 3)
    torch.testing.assert_close(body_aligned(moved), body_aligned(poses), atol=1e-4, rtol=0)


def test_rotation_is_the_one_that_scipy_finds():
    poses = normalize_3d(random_poses(5))
    for pose, aligned in zip(poses, body_aligned(poses), strict=True):
        centred = (pose - pose.mean(0)).double().numpy()
        rotation, _ = Rotation.align_vectors(standing_figure().numpy(), centred)
        expected = rotation.apply(centred) / (centred**2).sum() ** 0.5
        torch.testing.assert_close(aligned, torch.from_numpy(expected).float(), atol=1e-4, rtol=0)


def test_a_mirror_image_is_another_pose():
    poses = normalize_3d(random_poses(3))
    assert (body_aligned(mirror_3d(poses)) - body_aligned(poses)).norm(dim=-1).mean() > 0.01


def test_standing_people_stand_as_the_figure_does():
    aligned, figure = body_aligned(standing())[0], standing_figure()
    assert torch.nn.functional.cosine_similarity(aligned.flatten(), figure.flatten(), dim=0) > 0.95


def test_a_nan_pose_stays_nan_and_spoils_no_other():
    poses = random_poses(3)
    spoilt = poses.clone()
    spoilt[1, 4] = torch.nan
    aligned = body_aligned(spoilt)
    assert aligned[1].isnan().all()
    torch.testing.assert_close(aligned[[0, 2]], body_aligned(poses)[[0, 2]])


def test_no_poses_are_no_error():
    assert body_aligned(torch.zeros(0, 17, 3)).shape == (0, 17, 3)
