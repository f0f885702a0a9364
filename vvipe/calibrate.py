"""Calibrates a trained model on people kept aside, as cameras and detectors of three kinds see them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.calibration import Calibration, calibration_error, fit_calibration
from vvipe.cameras import CameraRange
from vvipe.datasets.pairs import PoseBank, ViewRange, draw_view, iteration_generator
from vvipe.detector_noise import add_detector_noise
from vvipe.geometry import normalize_2d, np_mpjpe
from vvipe.models.vvipe import KeypointEncoder, PoseVAE, encoder_input
from vvipe.noise import add_gaussian_noise
from vvipe.pose_matches import deduplicate
from vvipe.recipe import Recipe
from vvipe.view_pairs import EmbeddedViews, ViewPairs, balanced, nearest_pairs, pair_views, random_pairs

FILMING = CameraRange(elevation_deg=(-15.0, 35.0), roll_deg=(-5.0, 5.0), distance=(5.0, 12.0))
"""Where people's cameras stand: training's own range is wider, and its odd views would make all look uncertain."""
_POSES = 1500
_CAMERA_PAIRS = 4
_SOURCES = ("GT", "D0", "D1")


@dataclass(frozen=True)
class CalibrationPairs:
    """Pairs of views of held-out poses.

    Attributes:
        given: Balanced over NP-MPJPE, from clean and noisy 2D.
        retrieved: As many views with their nearest of another camera.
        same: Two views of the same pose.
        unrelated: Two views of any two poses.
    """

    given: ViewPairs
    retrieved: ViewPairs
    same: ViewPairs
    unrelated: ViewPairs

    def fit(self) -> Calibration:
        return fit_calibration(self.given, retrieved=self.retrieved, same=self.same, unrelated=self.unrelated)

    def errors(self) -> dict[str, float]:
        """Expected calibration errors of P(match), fitted on one half of the poses and measured on the other."""
        half = int(self.given.query.max()) // 2
        kinds = {"given": self.given, "retrieved": self.retrieved}
        first = {kind: pairs.take(pairs.query <= half) for kind, pairs in kinds.items()}
        calibration = dataclasses.replace(self, **first).fit()
        errors = {}
        for kind, pairs in kinds.items():
            other = pairs.take(pairs.query > half)
            probability = calibration.match_probability(
                other.distance, other.uncertainty_a, other.uncertainty_b, is_retrieved=kind == "retrieved"
            )
            errors[kind] = calibration_error(probability, other.is_match)
        return errors


@torch.inference_mode()
def sample_pairs(
    vae: PoseVAE, encoder: KeypointEncoder, bank: PoseBank, recipe: Recipe, *, seed: int
) -> CalibrationPairs:
    """Pairs of views of the bank's poses under random cameras: projected 2D, D0 and D1 by turns."""
    generator = iteration_generator(seed, 3, 0)
    kept = deduplicate(bank.world, bank.sequence)
    chosen = kept[torch.sort(torch.randperm(len(kept), generator=generator)[:_POSES]).values]
    poses = PoseBank(*(getattr(bank, field.name)[chosen] for field in dataclasses.fields(bank)))
    rows = torch.arange(len(poses))
    given, retrieved, same, unrelated = [], [], [], []
    for source in _SOURCES:
        near, loose = [], []
        for _ in range(_CAMERA_PAIRS):
            query, index = (_embed_view(vae, encoder, poses, recipe, source, generator) for _ in range(2))
            near.append(nearest_pairs(poses.world, query, index))
            loose.append(random_pairs(poses.world, query, index, generator=generator))
            same.append(pair_views(poses.world, query, index, rows, rows))
        even = balanced(ViewPairs.joined([*near, *loose]), seed=seed)
        close = ViewPairs.joined(near)
        given.append(even)
        retrieved.append(close.take(torch.randperm(len(close), generator=generator)[: len(even)].numpy()))
        unrelated += loose
    return CalibrationPairs(*(ViewPairs.joined(parts) for parts in (given, retrieved, same, unrelated)))


def _embed_view(
    vae: PoseVAE,
    encoder: KeypointEncoder,
    poses: PoseBank,
    recipe: Recipe,
    source: str,
    generator: torch.Generator,
) -> EmbeddedViews:
    """Embeddings and uncertainties; an encoder without an uncertainty head gets its mean error for all."""
    plain = ViewRange(augmentation_fraction=1.0, cameras=FILMING)
    keypoints, scores = _spoil(draw_view(poses, plain, generator=generator).keypoints, source, generator)
    keypoints, valid = normalize_2d(keypoints)
    prediction = encoder(encoder_input(keypoints, scores, use_scores=recipe.architecture.use_scores))
    if prediction.log_error is None:
        error = np_mpjpe(vae.decode(prediction.vectors), poses.canonical)
        uncertainty = error.mean().expand(len(error))
    else:
        uncertainty = prediction.log_error.exp()
    return EmbeddedViews(prediction.vectors.masked_fill(~valid[:, None], torch.nan), uncertainty)


def _spoil(keypoints: Float[Tensor, "N 13 2"], source: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    if source == "D1":
        return add_detector_noise(keypoints, generator=generator)
    noisy = add_gaussian_noise(keypoints, generator=generator) if source == "D0" else keypoints
    return noisy, torch.ones(keypoints.shape[:2])
