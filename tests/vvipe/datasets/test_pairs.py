from __future__ import annotations

import pytest
import torch
from mocap_files import write_npz
from poses import random_poses, standing

from vvipe.datasets.bodies import BodyRange, coco13_joints, detector_joints, vary_proportions
from vvipe.datasets.mocap import read_npz
from vvipe.datasets.pairs import PoseBank, PoseBatches, PoseVariety, ViewBatches, ViewRange, draw_view
from vvipe.errors import TrainingError
from vvipe.geometry import canonicalize, mirror_3d, normalize_3d, to_canonical
from vvipe.noise import NoiseRange
from vvipe.skeleton import COCO13, H36M17


@pytest.fixture
def bank(tmp_path) -> PoseBank:
    return PoseBank.from_sequences(read_npz(write_npz(tmp_path / "m.npz")), fps=20)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_bank_holds_resampled_canonical_poses(bank):
    assert len(bank) == 4 * 20
    torch.testing.assert_close(bank.canonical, to_canonical(bank.world), atol=1e-5, rtol=0)
    assert bank.sequence.bincount().tolist() == [20] * 4


def test_empty_bank_is_an_error():
    with pytest.raises(TrainingError, match="--data"):
        PoseBank.from_sequences([], fps=20)


def test_mirrored_draws_are_canonical_poses_of_mirrored_people(bank):
    drawn = bank.draw(60, _generator(), PoseVariety(mirror=True))
    torch.testing.assert_close(drawn.canonical, to_canonical(drawn.world), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.det(drawn.rotation), torch.ones(60))
    plain = bank.draw(60, _generator(), PoseVariety(mirror=False))
    flipped = (drawn.world - plain.world).abs().amax((1, 2)) > 1e-6
    torch.testing.assert_close(drawn.world[flipped], mirror_3d(plain.world[flipped]))
    assert 10 < flipped.sum() < 50


def test_stage_1_batches_hold_different_frames(bank):
    batch = PoseBatches(bank, iterations=3, batch_size=80, seed=0, variety=PoseVariety(mirror=False))[0]["poses"]
    assert len(batch.flatten(1).unique(dim=0)) == 80


def _views(bank: PoseBank, seed: int = 0) -> ViewBatches:
    ranges = ViewRange(bodies=BodyRange(), noise=NoiseRange())
    return ViewBatches(
        bank,
        ranges,
        n_views=2,
        use_scores=True,
        iterations=5,
        batch_size=16,
        seed=seed,
        variety=PoseVariety(mirror=True),
    )


def test_batches_are_functions_of_seed_and_iteration(bank):
    first, again = _views(bank), _views(bank)
    first[0]  # drawing another batch before changes nothing
    for key, value in first[3].items():
        assert torch.equal(value, again[3][key])
    assert not torch.equal(first[3]["keypoints"], first[4]["keypoints"])
    assert not torch.equal(first[3]["keypoints"], _views(bank, seed=1)[3]["keypoints"])


def test_encoder_input_is_finite_with_three_channels(bank):
    batch = _views(bank)[0]
    assert batch["keypoints"].shape == (32, 13, 3)
    assert all(torch.isfinite(value).all() for value in batch.values())


def test_view_rotation_turns_the_canonical_pose_into_the_camera(bank):
    poses = bank.draw(20, _generator(), PoseVariety(mirror=True))
    view = draw_view(poses, ViewRange(), generator=_generator())
    # The camera sees the world pose; turned by the view's rotation, the canonical pose projects to the same figure.
    from vvipe.cameras import TRAINING_RIG
    from vvipe.geometry import normalize_2d

    own_canonical = canonicalize(poses.world)
    camera = coco13_joints(own_canonical @ view.rotation.transpose(1, 2))
    fixed = slice(10, 20)
    depth = camera[fixed, :, 2] + TRAINING_RIG.distance
    seen = normalize_2d(camera[fixed, :, :2] / depth[..., None])[0]
    error = (seen - view.keypoints[fixed]).norm(dim=-1)
    # Hips and spine meet at another angle on the universal skeleton: the frames differ by a few degrees.
    assert error.median() < 0.05


def test_half_of_a_batch_is_augmented(bank):
    poses = PoseBank(
        *(x[:1].expand(40, *x.shape[1:]) for x in (bank.world, bank.canonical, bank.rotation, bank.sequence))
    )
    views = draw_view(poses, ViewRange(augmentation_fraction=0.5), generator=_generator()).keypoints
    assert len(views[20:].flatten(1).unique(dim=0)) <= 4
    assert len(views[:20].flatten(1).unique(dim=0)) == 20


def _pair(bank, share: float):
    poses = PoseBank(
        *(x[:1].expand(400, *x.shape[1:]) for x in (bank.world, bank.canonical, bank.rotation, bank.sequence))
    )
    views, generator = ViewRange(augmentation_fraction=share), _generator()
    first = draw_view(poses, views, generator=generator)
    return first, draw_view(poses, views, generator=generator, first=first)


def test_no_camera_of_the_rig_sees_a_pose_twice(bank):
    first, second = _pair(bank, 0.0)
    assert not (first.rig == second.rig).any()
    pairs = torch.stack([first.rig, second.rig], 1).unique(dim=0, return_counts=True)
    assert len(pairs[0]) == 12
    assert pairs[1].min() > 15  # of 33 expected


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_views_of_a_pair_are_augmented_independently(bank, share):
    first, second = _pair(bank, share)
    for view in (first, second):
        assert (view.rig < 0).double().mean() == share
    mixed = ((first.rig < 0) != (second.rig < 0)).double().mean()
    assert mixed == pytest.approx(2 * share * (1 - share))


def test_plain_bodies_are_the_benchmarks_joints():
    poses = normalize_3d(random_poses(10))
    plain = detector_joints(poses, BodyRange(detector_fraction=0), generator=_generator())
    torch.testing.assert_close(plain, coco13_joints(poses))


def test_detector_bodies_have_a_nose_in_front_and_wide_hips():
    pose = normalize_3d(standing()).expand(200, -1, -1)
    joints = detector_joints(pose, BodyRange(detector_fraction=1, joint_sd=0), generator=_generator())
    nose, neck = joints[:, COCO13.index("nose")], pose[:, H36M17.index("neck_nose")]
    assert (nose[:, 0] < neck[:, 0]).all() and (nose[:, 2] > neck[:, 2]).all()
    width = (joints[:, COCO13.index("left_hip")] - joints[:, COCO13.index("right_hip")]).norm(dim=-1)
    captured = (pose[:, 4] - pose[:, 1]).norm(dim=-1)
    assert (width / captured).mean() > 1.15


def test_varied_people_are_symmetric_and_pose_alike():
    pose = normalize_3d(standing()).expand(50, -1, -1)
    varied = vary_proportions(pose, BodyRange(), generator=_generator())
    for bone in ("knee", "wrist"):
        left, right = H36M17.indices(f"left_{bone}", f"right_{bone}")
        parents = {child: parent for parent, child in H36M17.bones}
        lengths = [(varied[:, j] - varied[:, parents[j]]).norm(dim=-1) for j in (left, right)]
        torch.testing.assert_close(*lengths)
        assert lengths[0].std() > 0.01
    torch.testing.assert_close(to_canonical(varied), to_canonical(pose), atol=1e-5, rtol=0)


def test_mixed_poses_keep_their_torso_and_take_whole_limbs_of_others(bank):
    drawn = bank.draw(40, _generator(), PoseVariety())
    mixed = drawn.mix_limbs(1.0, _generator())
    torso = H36M17.indices("pelvis", "spine", "thorax", "left_hip", "right_hip", "left_shoulder", "right_shoulder")
    torch.testing.assert_close(mixed.world[:, torso], drawn.world[:, torso])
    torch.testing.assert_close(mixed.canonical, to_canonical(mixed.world), atol=1e-4, rtol=0)
    shins = H36M17.indices("left_knee", "left_ankle")
    length = (mixed.world[:, shins[1]] - mixed.world[:, shins[0]]).norm(dim=-1)
    lent = (drawn.world[:, shins[1]] - drawn.world[:, shins[0]]).norm(dim=-1)
    torch.testing.assert_close(torch.cdist(length[:, None], lent[:, None]).amin(1), torch.zeros(40), atol=1e-4, rtol=0)
    assert ((mixed.canonical - drawn.canonical).abs().amax((1, 2)) > 1e-3).float().mean() > 0.5


def test_nothing_is_mixed_by_default(bank):
    drawn = bank.draw(40, _generator(), PoseVariety())
    torch.testing.assert_close(drawn.mix_limbs(0.0, _generator()).world, drawn.world)
