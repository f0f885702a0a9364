"""Synthetic detector noise on normalised 2D keypoints: jitter, outliers, missing joints, confidences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.detector_noise import add_detector_noise
from vvipe.skeleton import COCO13

# Relative spread of each joint's error: limb ends are found worse than shoulders (the order of COCO's OKS sigmas).
_SPREAD = {"nose": 0.6, "shoulder": 1.0, "elbow": 1.1, "wrist": 1.2, "hip": 1.3, "knee": 1.1, "ankle": 1.2}


HIDDEN_PARTS = {
    "legs": COCO13.indices("left_knee", "right_knee", "left_ankle", "right_ankle"),
    "left side": COCO13.indices("left_elbow", "left_wrist", "left_hip", "left_knee", "left_ankle"),
    "right side": COCO13.indices("right_elbow", "right_wrist", "right_hip", "right_knee", "right_ankle"),
    "head and arms": COCO13.indices("nose", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
}
"""What a picture's edge or a body hides at once; three of shoulders and hips always stay, so that 2D has a scale."""


@dataclass(frozen=True)
class NoiseRange:
    """How training keypoints are spoilt; lengths in the units of normalised 2D (largest torso distance 0.5).

    Attributes:
        max_sd: The sample's noise level is uniform in [0, max_sd].
        outlier_fraction, outlier_factor: Joints with `outlier_factor` times the noise.
        sample_dropout: Fraction of samples in which joints go missing.
        joint_dropout: Largest fraction of joints that go missing in such a sample.
        hidden_fraction: Samples in which a part of the body is out of sight (HIDDEN_PARTS).
        swap_fraction: Samples in which one left/right pair of limbs is exchanged.
        detector_fraction: Samples that the detector model of vvipe.detector_noise spoils instead, once in place of all
            of the above but the hidden parts.
        informative_scores: Fraction of samples whose confidences tell of the error; the others are all 1.
    """

    max_sd: float = 0.02
    outlier_fraction: float = 0.08
    outlier_factor: float = 3.5
    sample_dropout: float = 0.25
    joint_dropout: float = 0.35
    hidden_fraction: float = 0.08
    swap_fraction: float = 0.03
    detector_fraction: float = 0.4
    informative_scores: float = 0.5


def add_gaussian_noise(
    keypoints: Float[Tensor, "N 13 2"],
    *,
    generator: torch.Generator,
    sd: float = 0.012,
    outlier_fraction: float = 0.1,
    outlier_factor: float = 3.0,
) -> Float[Tensor, "N 13 2"]:
    """The benchmark's plain noise D0: independent Gaussians, `outlier_factor` times as wide on random joints."""
    shape = keypoints.shape[:2]
    outlier = torch.rand(shape, generator=generator) < outlier_fraction
    spread = torch.where(outlier, sd * outlier_factor, sd)
    return keypoints + spread[..., None] * torch.randn(keypoints.shape, generator=generator)


def spoil(
    keypoints: Float[Tensor, "N 13 2"], noise: NoiseRange, *, generator: torch.Generator
) -> tuple[Float[Tensor, "N 13 2"], Float[Tensor, "N 13"]]:
    """Keypoints as a detector might give them, and their scores in [0, 1]; missing joints are NaN with score 0."""
    n, k = keypoints.shape[:2]
    level = noise.max_sd * torch.rand(n, 1, generator=generator)
    spread = torch.tensor([_SPREAD[j.removeprefix("left_").removeprefix("right_")] for j in COCO13.joints])
    outlier = torch.rand(n, k, generator=generator) < noise.outlier_fraction
    sd = level * spread * torch.where(outlier, noise.outlier_factor, 1.0)
    spoilt = _swap_limbs(keypoints, noise.swap_fraction, generator)
    spoilt = spoilt + sd[..., None] * torch.randn(keypoints.shape, generator=generator)
    scores = _scores((spoilt - keypoints).norm(dim=-1), noise, generator)
    hidden = _hidden(n, noise, generator)
    missing = torch.where(hidden.any(1, keepdim=True), hidden, _missing(n, k, noise, generator))
    detected = torch.rand(n, 1, generator=generator) < noise.detector_fraction
    found, confidence = add_detector_noise(keypoints, generator=generator)
    spoilt, scores = torch.where(detected[..., None], found, spoilt), torch.where(detected, confidence, scores)
    missing = torch.where(detected, hidden | ~torch.isfinite(found).all(-1), missing)
    return spoilt.masked_fill(missing[..., None], torch.nan), scores.masked_fill(missing, 0.0)


def _swap_limbs(
    keypoints: Float[Tensor, "N 13 2"], fraction: float, generator: torch.Generator
) -> Float[Tensor, "N 13 2"]:
    """Keypoints with both arms or both legs exchanged in a fraction of the samples."""
    n = len(keypoints)
    chosen = torch.rand(n, generator=generator) < fraction
    arms = torch.rand(n, generator=generator) < 0.5
    is_arm = torch.tensor([j.endswith(("elbow", "wrist")) for j in COCO13.joints])
    is_leg = torch.tensor([j.endswith(("knee", "ankle")) for j in COCO13.joints])
    swap = chosen[:, None] & torch.where(arms[:, None], is_arm, is_leg)
    return torch.where(swap[..., None], keypoints[:, torch.as_tensor(COCO13.flip_order)], keypoints)


def _scores(error: Float[Tensor, "N 13"], noise: NoiseRange, generator: torch.Generator) -> Float[Tensor, "N 13"]:
    """Confidences that fall with the error at a rate of each sample's own (detectors differ), or are all 1."""
    n = len(error)
    rate = 4 + 26 * torch.rand(n, 1, generator=generator)
    ceiling = 0.7 + 0.3 * torch.rand(n, 1, generator=generator)
    jitter = 0.05 * torch.randn(error.shape, generator=generator)
    informative = torch.rand(n, 1, generator=generator) < noise.informative_scores
    return torch.where(informative, (ceiling * (-rate * error).exp() + jitter).clamp(0.05, 1.0), 1.0)


def _hidden(n: int, noise: NoiseRange, generator: torch.Generator) -> Tensor:
    """(N, 13) bool: the joints of one of HIDDEN_PARTS in some samples."""
    parts = torch.zeros(len(HIDDEN_PARTS), COCO13.n_joints, dtype=torch.bool)
    for row, joints in zip(parts, HIDDEN_PARTS.values(), strict=True):
        row[list(joints)] = True
    chosen = torch.rand(n, 1, generator=generator) < noise.hidden_fraction
    return chosen & parts[torch.randint(len(parts), (n,), generator=generator)]


def _missing(n: int, k: int, noise: NoiseRange, generator: torch.Generator) -> Tensor:
    """(N, 13) bool: joints that go missing, never so many of the torso that a sample could not be normalised."""
    rate = noise.joint_dropout * torch.rand(n, 1, generator=generator)
    rate = rate * (torch.rand(n, 1, generator=generator) < noise.sample_dropout)
    missing = torch.rand(n, k, generator=generator) < rate
    is_torso = torch.tensor([j.endswith(("shoulder", "hip")) for j in COCO13.joints])
    too_few = ((missing & is_torso).sum(1, keepdim=True) > 1) | (missing.sum(1, keepdim=True) > 5)
    return missing & ~(too_few & (is_torso | (missing.sum(1, keepdim=True) > 5)))
