from __future__ import annotations

import dataclasses

import torch

from vvipe.geometry import MIN_JOINTS, MIN_TORSO_JOINTS, normalize_2d
from vvipe.noise import HIDDEN_PARTS, NoiseRange, add_gaussian_noise, spoil
from vvipe.skeleton import COCO13

SILENT = NoiseRange(
    max_sd=0, sample_dropout=0, hidden_fraction=0, swap_fraction=0, detector_fraction=0, informative_scores=0
)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_plain_noise_has_the_stated_mixture_of_spreads():
    noise = add_gaussian_noise(torch.zeros(20_000, 13, 2), generator=_generator())
    # Variance of a mixture: 0.9 sd^2 + 0.1 (3 sd)^2 = 1.8 sd^2.
    torch.testing.assert_close(noise.var(), torch.tensor(1.8 * 0.012**2), rtol=0.02, atol=0)


def test_spoilt_keypoints_can_still_be_normalized():
    keypoints = torch.randn(5000, 13, 2)
    spoilt, scores = spoil(
        keypoints, dataclasses.replace(SILENT, sample_dropout=1.0, joint_dropout=0.9), generator=_generator()
    )
    missing = torch.isnan(spoilt).any(-1)
    torso = list(COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    assert missing.any()
    assert (~missing[:, torso]).sum(1).min() >= MIN_TORSO_JOINTS
    assert (~missing).sum(1).min() >= MIN_JOINTS
    assert (scores[missing] == 0).all() and (scores[~missing] > 0).all()
    assert normalize_2d(spoilt)[1].all()


def test_informative_scores_fall_with_the_error():
    keypoints = torch.zeros(4000, 13, 2)
    noise = NoiseRange(
        max_sd=0.05, sample_dropout=0, hidden_fraction=0, detector_fraction=0, swap_fraction=0, informative_scores=1.0
    )
    spoilt, scores = spoil(keypoints, noise, generator=_generator())
    error = spoilt.norm(dim=-1)
    assert torch.corrcoef(torch.stack([error.flatten(), scores.flatten()]))[0, 1] < -0.5


def test_no_noise_leaves_keypoints_alone():
    keypoints = torch.randn(100, 13, 2)
    spoilt, scores = spoil(keypoints, SILENT, generator=_generator())
    torch.testing.assert_close(spoilt, keypoints)
    assert (scores == 1).all()


def test_swaps_exchange_arms_or_legs_and_nothing_else():
    keypoints = torch.randn(3000, 13, 2)
    only_swaps = NoiseRange(
        max_sd=0, sample_dropout=0, hidden_fraction=0, detector_fraction=0, swap_fraction=1.0, informative_scores=0
    )
    spoilt, _ = spoil(keypoints, only_swaps, generator=_generator())
    mirrored = keypoints[:, torch.as_tensor(COCO13.flip_order)]
    arms = [i for i, joint in enumerate(COCO13.joints) if joint.endswith(("elbow", "wrist"))]
    legs = [i for i, joint in enumerate(COCO13.joints) if joint.endswith(("knee", "ankle"))]
    arms_swapped = (spoilt[:, arms] == mirrored[:, arms]).all((1, 2))
    legs_swapped = (spoilt[:, legs] == mirrored[:, legs]).all((1, 2))
    assert (arms_swapped ^ legs_swapped).all()
    assert 0.4 < arms_swapped.double().mean() < 0.6


def test_same_generator_state_gives_the_same_noise():
    keypoints = torch.randn(50, 13, 2)
    first, second = (spoil(keypoints, NoiseRange(), generator=_generator(7)) for _ in range(2))
    torch.testing.assert_close(first, second, equal_nan=True, rtol=0, atol=0)


def test_hidden_parts_go_missing_as_a_whole():
    noise = dataclasses.replace(SILENT, hidden_fraction=1.0)
    spoilt, _ = spoil(torch.randn(400, 13, 2), noise, generator=_generator())
    missing = torch.isnan(spoilt).any(-1)
    seen = {tuple(row.nonzero().flatten().tolist()) for row in missing}
    assert seen == {tuple(sorted(part)) for part in HIDDEN_PARTS.values()}
    assert normalize_2d(spoilt)[1].all()


def test_a_share_of_samples_comes_from_the_detector_model():
    noise = dataclasses.replace(SILENT, detector_fraction=0.4)
    keypoints = torch.randn(4000, 13, 2)
    spoilt, _ = spoil(keypoints, noise, generator=_generator())
    untouched = ((spoilt - keypoints).abs() < 1e-6).all(-1).all(-1)
    assert abs(float(untouched.double().mean()) - 0.6) < 0.03
