from __future__ import annotations

import numpy as np
import pytest
import torch
from poses import random_poses, random_rotations, standing
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from vvipe import geometry as g
from vvipe.skeleton import COCO13, H36M17


def test_normalized_pose_has_torso_one_and_pelvis_at_origin():
    pose = g.normalize_3d(random_poses(20))
    torch.testing.assert_close(g.torso_length(pose), torch.ones(20))
    assert (pose[:, 0] == 0).all()


def test_pose_without_a_torso_is_an_error():
    with pytest.raises(ValueError, match="torso"):
        g.normalize_3d(torch.zeros(1, 17, 3))


def test_universal_skeleton_keeps_directions_and_sets_lengths():
    poses = random_poses(20)
    universal = g.universal_skeleton(poses)
    for bone, (parent, child) in enumerate(H36M17.bones):
        before, after = poses[:, child] - poses[:, parent], universal[:, child] - universal[:, parent]
        torch.testing.assert_close(after.norm(dim=-1), g.bone_length_table()[bone].expand(20))
        torch.testing.assert_close(torch.cosine_similarity(before, after), torch.ones(20))
    torch.testing.assert_close(g.torso_length(universal), torch.ones(20))


def test_canonical_frame_faces_minus_x_with_hips_on_y_and_spine_on_z():
    turned = g.center(standing()) @ random_rotations(1, seed=3).transpose(1, 2)
    canonical = g.canonicalize(turned)
    torch.testing.assert_close(canonical, g.center(standing()), atol=1e-5, rtol=0)
    hip, head = canonical[0, H36M17.index("left_hip")], canonical[0, H36M17.index("head")]
    assert hip[1] < -0.1 and abs(hip[0]) < 1e-5 and head[2] > 0.5
    assert canonical[0, H36M17.index("neck_nose"), 0] < 0


def test_canonical_pose_ignores_the_global_rotation():
    poses = g.center(random_poses(30))
    turned = poses @ random_rotations(30).transpose(1, 2)
    torch.testing.assert_close(g.canonicalize(turned), g.canonicalize(poses), atol=1e-4, rtol=0)


def test_canonical_rotation_is_scipys_kabsch_without_centroids():
    poses = g.center(random_poses(5))
    ours = g.canonical_rotation(poses).numpy()
    for pose, rotation in zip(poses.numpy(), ours, strict=True):
        expected, _ = Rotation.align_vectors(np.array(g.FRAME_TARGETS), pose[list(g.FRAME_JOINTS)])
        np.testing.assert_allclose(rotation, expected.as_matrix(), atol=1e-4)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)


def test_angle_between_hips_and_spine_is_shared():
    pose = g.center(standing())
    tilt = np.deg2rad(10)
    pose[:, H36M17.index("spine")] = torch.tensor([0.0, np.sin(tilt), np.cos(tilt)]) * 0.24  # as much as both hips
    canonical = g.canonicalize(pose)[0]
    spine = canonical[H36M17.index("spine")]
    assert np.rad2deg(np.arctan2(float(spine[1]), float(spine[2]))) == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("joint", ["spine", "both hips"])
def test_undefined_frame_is_an_error(joint):
    pose = g.center(standing())
    rows = H36M17.indices("left_hip", "right_hip") if joint == "both hips" else H36M17.indices("spine")
    pose[:, list(rows)] = 0
    with pytest.raises(ValueError, match="span a plane"):
        g.canonical_rotation(pose)


def test_hips_parallel_to_the_spine_are_an_error():
    pose = g.center(standing())
    for joint, z in (("left_hip", -0.1), ("right_hip", 0.1), ("spine", 0.3)):
        pose[:, H36M17.index(joint)] = torch.tensor([0.0, 0.0, z])
    with pytest.raises(ValueError, match="span a plane"):
        g.canonical_rotation(pose)


def test_mirror_of_a_symmetric_pose_is_itself():
    turned = standing()[..., [1, 0, 2]]
    torch.testing.assert_close(g.mirror_3d(turned), turned)


def test_np_mpjpe_ignores_similarity():
    poses = random_poses(10)
    moved = 2.5 * poses @ random_rotations(10, seed=1).transpose(1, 2) + torch.tensor([3.0, -1.0, 2.0])
    assert g.np_mpjpe(moved, poses).max() < 1e-5


def test_np_mpjpe_sees_a_mirror_image():
    pose = random_poses(1)
    assert g.np_mpjpe(pose * torch.tensor([-1.0, 1.0, 1.0]), pose) > 0.05


def test_procrustes_is_scipys():
    a, b = random_poses(2, seed=4).double()
    aligned = g.procrustes_align(a[None], b[None])[0]
    scipy_b, scipy_a, _ = procrustes(b.numpy(), a.numpy())
    centred = b - b.mean(0)
    np.testing.assert_allclose((aligned - b.mean(0)).numpy() / centred.norm().item(), scipy_a, atol=1e-8)
    np.testing.assert_allclose(centred.numpy() / centred.norm().item(), scipy_b, atol=1e-8)


def test_np_mpjpe_of_known_displacement():
    pose = g.normalize_3d(standing())
    other = pose.clone()
    other[0, H36M17.index("left_wrist"), 0] += 1e-3
    # The alignment minimises the squares, which without it are 1e-6 / 17 on average; the mean is below their root.
    assert 1e-3 / 17 / 2 < float(g.np_mpjpe(other, pose)) < 1e-3 / 17**0.5


def _square() -> torch.Tensor:
    points = torch.zeros(1, 13, 2)
    for joint, xy in {
        "left_shoulder": (4.0, 0.0),
        "right_shoulder": (0.0, 0.0),
        "left_hip": (3.0, 3.0),
        "right_hip": (1.0, 3.0),
    }.items():
        points[0, COCO13.index(joint)] = torch.tensor(xy)
    return points


def test_2d_normalization_of_a_known_figure():
    normalized, valid = g.normalize_2d(_square())
    diagonal = np.hypot(3, 3)  # the farthest of the six pairs: a shoulder and the other side's hip
    assert valid.all()
    expected = (torch.tensor([4.0, 0.0]) - torch.tensor([2.0, 3.0])) / (2 * diagonal)
    torch.testing.assert_close(normalized[0, COCO13.index("left_shoulder")], expected.float())


def test_2d_normalization_ignores_place_and_size():
    points = torch.randn(5, 13, 2)
    torch.testing.assert_close(g.normalize_2d(7 * points + 100)[0], g.normalize_2d(points)[0], atol=1e-4, rtol=1e-4)


def test_2d_normalization_with_one_torso_joint_missing():
    points = _square()
    points[0, COCO13.index("left_hip")] = torch.nan
    normalized, valid = g.normalize_2d(points)
    assert valid.all()
    torch.testing.assert_close(normalized[0, COCO13.index("right_hip")], torch.zeros(2))
    assert torch.isnan(normalized[0, COCO13.index("left_hip")]).all()


@pytest.mark.parametrize("missing", [("left_hip", "right_hip"), ("left_hip", "left_shoulder")])
def test_2d_normalization_refuses_half_a_torso(missing):
    points = _square()
    points[0, list(COCO13.indices(*missing))] = torch.nan
    normalized, valid = g.normalize_2d(points)
    assert not valid.any() and torch.isnan(normalized).all()


def test_2d_normalization_refuses_too_few_joints_and_a_single_point():
    points = _square()
    points[0, [i for i, joint in enumerate(COCO13.joints) if joint.endswith(("elbow", "wrist", "knee", "ankle"))]] = (
        torch.nan
    )
    assert not g.normalize_2d(points)[1].any()
    assert not g.normalize_2d(torch.ones(1, 13, 2))[1].any()


def test_rotation_from_6d_gives_back_the_rotation():
    rotations = random_rotations(10)
    six = torch.cat([rotations[..., 0], rotations[..., 1]], dim=-1)
    torch.testing.assert_close(g.rotation_from_6d(3 * six), rotations, atol=1e-5, rtol=0)
