"""D1, the benchmark's detector model: what a 2D pose detector does to keypoints, with published rates of each error.

The taxonomy is Ronchi and Perona's (Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation, ICCV 2017):
a keypoint is good, jittered, missed, inverted (left taken for right) or swapped (another person's), told apart by its
keypoint similarity KS = exp(-d^2 / (2 s^2 (2 sigma)^2)), s^2 the person's area and sigma COCO's constant of the joint.
How errors are drawn within each class follows PoseFix (Moon, Chang and Lee, CVPR 2019, tables in its published code).
Nothing here is fitted to a detector; `poseflow bench noise` compares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from vvipe.skeleton import COCO13

SIGMA = {"nose": 0.026, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107, "knee": 0.087, "ankle": 0.089}
"""COCO's constants of keypoint similarity (cocodataset.org, keypoint evaluation), relative to sqrt(area)."""
GOOD_KS, JITTER_KS, MISS_KS = 0.85, 0.5, 0.1
"""Good: KS >= 0.85 (what annotators reach); jitter: >= 0.5; a miss is drawn down to 0.1 (PoseFix)."""
JITTER_RATE = {"nose": 0.10, "shoulder": 0.15, "elbow": 0.15, "wrist": 0.15, "hip": 0.20, "knee": 0.10, "ankle": 0.10}
"""PoseFix's table for people of more than ten visible joints."""
FAILURE_RATE = {
    "nose": 0.036,
    "shoulder": 0.047,
    "elbow": 0.110,
    "wrist": 0.168,
    "hip": 0.116,
    "knee": 0.160,
    "ankle": 0.204,
}
"""1 - PCKh@0.5 of SimpleBaseline ResNet-50 on MPII's validation set (head for the nose): growing along the limbs.

Misses, inversions and swaps together. With JITTER_RATE 26 % of the joints are wrong; Ronchi and Perona find about 25 %.
"""
INVERSION_RATE = {
    "nose": 0.0,
    "shoulder": 0.03,
    "elbow": 0.03,
    "wrist": 0.03,
    "hip": 0.06,
    "knee": 0.06,
    "ankle": 0.06,
}
"""PoseFix's table. Whole limbs invert here: see `_landing_joints`."""
SWAP_RATE = {"nose": 0.01, "shoulder": 0.06, "elbow": 0.06, "wrist": 0.06, "hip": 0.03, "knee": 0.03, "ankle": 0.03}
"""PoseFix's table for people whose box overlaps with few others."""
CROWDED = 0.25
"""Share of samples with somebody near enough for a swap: our assumption, most films show one person."""
NEIGHBOUR_OFFSET = (0.2, 0.8)
"""How far to the side that person stands, 0.5 = the torso: our assumption."""
MISSING_RATE = 0.05
"""Share of joints that are not reported at all, MotionBERT's mask ratio (ICCV 2023); here in proportion to failures."""
SCORE_SD = 0.2
"""Spread of confidences about MotionBERT's curve a / (d + a), whose `a` is put where KS = 0.5: our assumption, wide
because real confidences tell less of the error than such a curve does."""
DECEPTION = 0.8
"""Confidence of an inverted or swapped joint, relative to a right one as near to a joint: our assumption."""
AREA_OF_BOX = 0.53
"""Area of a person relative to the box of the keypoints; the factor by which CrowdPose is evaluated."""


@dataclass(frozen=True)
class _Errors:
    """What happens to N x 13 joints; `source` is the joint that each lands on, its own number where all is well."""

    source: Int64[Tensor, "N 13"]
    is_swapped: Bool[Tensor, "N 13"]
    is_jittered: Bool[Tensor, "N 13"]
    is_missed: Bool[Tensor, "N 13"]
    is_missing: Bool[Tensor, "N 13"]

    @property
    def is_misplaced(self) -> Bool[Tensor, "N 13"]:
        return self.is_swapped | (self.source != torch.arange(COCO13.n_joints))


def add_detector_noise(
    keypoints: Float[Tensor, "N 13 2"], *, generator: torch.Generator
) -> tuple[Float[Tensor, "N 13 2"], Float[Tensor, "N 13"]]:
    """The benchmark's noise D1: keypoints as a detector gives them, and its confidences in [0, 1].

    Args:
        keypoints: Normalised (largest shoulder/hip distance 0.5); NaN = missing, and stays so.

    Returns:
        Keypoints, in need of a new normalisation, NaN where not reported; and confidences, 0 where not reported.
    """
    if not len(keypoints):
        return keypoints.clone(), keypoints.new_zeros(keypoints.shape[:2])
    reach = radius_at(JITTER_KS, keypoints)
    errors = _draw_errors(len(keypoints), generator)
    place = keypoints.gather(1, errors.source[..., None].expand(-1, -1, 2))
    place = torch.where(errors.is_swapped[..., None], _neighbours(keypoints, generator), place)
    radius = _radii(keypoints, errors, generator)
    angle = 2 * math.pi * torch.rand(radius.shape, generator=generator)
    noisy = place + radius[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    scores = reach / (radius + reach) * torch.where(errors.is_misplaced, DECEPTION, 1.0)
    scores = (scores + SCORE_SD * torch.randn(radius.shape, generator=generator)).clamp(0.05, 1.0)
    is_missing = errors.is_missing | ~torch.isfinite(noisy).all(-1) | ~torch.isfinite(keypoints).all(-1)
    return noisy.masked_fill(is_missing[..., None], torch.nan), scores.masked_fill(is_missing, 0.0)


def person_scale(keypoints: Float[Tensor, "N 13 2"]) -> Float[Tensor, " N"]:
    """sqrt(area) of each person by the box of normalised keypoints, the scale of keypoint similarity."""
    seen = torch.isfinite(keypoints).all(-1, keepdim=True)
    low = torch.where(seen, keypoints, torch.inf).amin(1)
    high = torch.where(seen, keypoints, -torch.inf).amax(1)
    return ((high - low).clamp_min(0).prod(-1) * AREA_OF_BOX).sqrt()


def radius_at(similarity: float, keypoints: Float[Tensor, "N 13 2"]) -> Float[Tensor, "N 13"]:
    """How far from the truth each joint's KS has fallen to `similarity`, in normalised units."""
    return person_scale(keypoints)[:, None] * 2 * _table(SIGMA) * math.sqrt(-2 * math.log(similarity))


def miss_rates() -> Float[Tensor, " 13"]:
    """Share of each joint's detections near no joint at all: the failures that are neither inversion nor swap."""
    return _table(FAILURE_RATE) - _table(INVERSION_RATE) - CROWDED * _table(SWAP_RATE)


def _table(by_kind: dict[str, float]) -> Float[Tensor, " 13"]:
    return torch.tensor([by_kind[joint.removeprefix("left_").removeprefix("right_")] for joint in COCO13.joints])


def _draw_errors(count: int, generator: torch.Generator) -> _Errors:
    def draw() -> Float[Tensor, "N 13"]:
        return torch.rand(count, COCO13.n_joints, generator=generator)

    source = _landing_joints(count, generator)
    is_crowded = torch.rand(count, 1, generator=generator) < CROWDED
    is_swapped = is_crowded & (draw() < _table(SWAP_RATE))
    in_place = (source == torch.arange(COCO13.n_joints)) & ~is_swapped
    # Rates are of all joints, and these are drawn among those in place alone.
    share = (1 - _table(INVERSION_RATE)) * (1 - CROWDED * _table(SWAP_RATE))
    missed, jittered = miss_rates() / share, _table(JITTER_RATE) / share
    kind = draw()
    missing = MISSING_RATE * _table(FAILURE_RATE) / _table(FAILURE_RATE).mean()
    return _Errors(
        source=source,
        is_swapped=is_swapped,
        is_missed=in_place & (kind < missed),
        is_jittered=in_place & (kind >= missed) & (kind < missed + jittered),
        is_missing=draw() < missing,
    )


def _landing_joints(count: int, generator: torch.Generator) -> Int64[Tensor, "N 13"]:
    """For each joint the joint that the detector takes for it, by INVERSION_RATE.

    A sixth of the lower body's inversions are of the whole person, who is seen from behind as from in front; of the
    others half exchange both sides' limbs and half put one side's limb onto the other's (how they share is ours).
    """
    own, counterpart = torch.arange(COCO13.n_joints), torch.as_tensor(COCO13.flip_order)
    is_upper = torch.tensor([j.endswith(("shoulder", "elbow", "wrist")) for j in COCO13.joints])
    is_lower = torch.tensor([j.endswith(("hip", "knee", "ankle")) for j in COCO13.joints])
    is_left = torch.tensor([j.startswith("left") for j in COCO13.joints])
    whole = INVERSION_RATE["hip"] / 6
    inverted = (torch.rand(count, 1, generator=generator) < whole).expand(-1, COCO13.n_joints)
    for part, rate in ((is_upper, INVERSION_RATE["wrist"]), (is_lower, INVERSION_RATE["ankle"])):
        exchange = (rate - whole) / 2 / (1 - whole)
        event = torch.rand(count, 1, generator=generator)
        # A joint of the side that stays is right: for the same rate a joint, twice as many people.
        onto_right = (event >= exchange) & (event < 2 * exchange)
        onto_left = (event >= 2 * exchange) & (event < 3 * exchange)
        chosen = (event < exchange) | (onto_right & is_left) | (onto_left & ~is_left)
        inverted = inverted | (part & chosen)
    return torch.where(inverted, counterpart, own)


def _neighbours(keypoints: Float[Tensor, "N 13 2"], generator: torch.Generator) -> Float[Tensor, "N 13 2"]:
    """Somebody else of the batch standing beside each person."""
    count = len(keypoints)
    other = (torch.arange(count) + torch.randint(count, (count,), generator=generator)) % count
    low, high = NEIGHBOUR_OFFSET
    offset = low + (high - low) * torch.rand(count, 1, generator=generator)
    side = torch.where(torch.rand(count, 1, generator=generator) < 0.5, -1.0, 1.0)
    shift = torch.cat([side * offset, torch.zeros(count, 1)], 1)
    return keypoints[other] + shift[:, None]


def _radii(keypoints: Float[Tensor, "N 13 2"], errors: _Errors, generator: torch.Generator) -> Float[Tensor, "N 13"]:
    """How far from where it belongs, or landed, each joint is: uniform within its class, as PoseFix draws it."""
    good, jitter, miss = (radius_at(ks, keypoints) for ks in (GOOD_KS, JITTER_KS, MISS_KS))
    low = torch.where(errors.is_jittered, good, torch.where(errors.is_missed, jitter, 0.0))
    high = torch.where(errors.is_jittered | errors.is_misplaced, jitter, torch.where(errors.is_missed, miss, good))
    return low + (high - low) * torch.rand(low.shape, generator=generator)
