"""From keypoints to view-invariant embeddings, and from embeddings to 3D poses and probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vvipe.calibration import Calibration
from vvipe.geometry import normalize_2d
from vvipe.model_file import Model, load_model
from vvipe.models.vvipe import encoder_input
from vvipe.skeleton import COCO13, Skeleton, conversion_indices, get_skeleton

_BATCH = 4096


@dataclass(frozen=True)
class Prediction:
    """What the model says of N sets of keypoints; NaN rows where not valid.

    Attributes:
        vectors: (N, D) embeddings.
        uncertainty: (N,) expected NP-MPJPE of the decoded pose, torso lengths.
        valid: (N,) whether enough joints were seen: three of shoulders and hips, seven of the thirteen.
        root_rotation: (N, 4) quaternion (w, x, y, z) from the canonical to the camera frame (x right, y down,
            z forward) of a camera that looks at the pelvis.
    """

    vectors: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    valid: NDArray[np.bool_]
    root_rotation: NDArray[np.float32]


class Embedder:
    """A trained V-VIPE, for inference; deterministic.

    `from_pretrained` is the way in. The same keypoints give the same embedding alone and in a batch (to float
    rounding).
    """

    def __init__(self, model: Model, *, device: str = "cpu") -> None:
        self._model, self._device = model, torch.device(device)
        self._vae, self._encoder = model.vae.to(device), model.encoder.to(device)

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path | None = None, *, device: str = "cpu") -> Embedder:
        """The shipped model, another by name, or one that you trained by the path of its .safetensors file.

        Raises:
            WeightsError: There is no such model, or its files are damaged.
        """
        return cls(load_model(name_or_path), device=device)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def sha256(self) -> str:
        """Of the weights file."""
        return self._model.sha256

    @property
    def model_id(self) -> str:
        """Name and start of the hash; two embeddings compare only if these are equal."""
        return f"{self.name}@{self.sha256[:8]}"

    @property
    def card(self) -> Mapping[str, Any]:
        """What the weights were made of and what was measured of them."""
        return self._model.card

    @property
    def dimension(self) -> int:
        return self._model.architecture.dimension

    @property
    def calibration(self) -> Calibration:
        """What distances and uncertainties mean."""
        return self._model.calibration

    @property
    def score_anchors(self) -> tuple[float, float]:
        """Expected NP-MPJPE of one pose in two views, and of two unrelated poses, on the training's carve-out."""
        return self._model.calibration.near, self._model.calibration.far

    def embed(
        self,
        keypoints: Float[NDArray, "N K 2"],
        scores: Float[NDArray, "N K"] | None = None,
        skeleton: str | Skeleton = "coco17",
    ) -> Float[NDArray, "N D"]:
        """Embeddings of N people's keypoints (pixels, y down); NaN rows where too little was seen."""
        return self.predict(keypoints, scores, skeleton).vectors

    @torch.inference_mode()
    def predict(
        self,
        keypoints: Float[NDArray, "N K 2"],
        scores: Float[NDArray, "N K"] | None = None,
        skeleton: str | Skeleton = "coco17",
    ) -> Prediction:
        """Embeddings with uncertainty, validity and root rotation.

        Args:
            keypoints: Pixels (or any unit, y down); NaN = not seen.
            scores: Confidences in [0, 1]; 0 = not seen. None = all seen with confidence 1.
            skeleton: ``coco17``, ``coco13``, ``blazepose33`` or ``h36m17``.

        Raises:
            ValueError: Shapes do not fit the skeleton.
        """
        points, confidence = _coco13(keypoints, scores, get_skeleton(skeleton))
        parts = [self._predict_batch(p, c) for p, c in zip(points.split(_BATCH), confidence.split(_BATCH), strict=True)]
        vectors, uncertainty, valid, rotation = (torch.cat(column) for column in zip(*parts, strict=True))
        return Prediction(
            vectors=vectors.numpy(),
            uncertainty=uncertainty.numpy(),
            valid=valid.numpy(),
            root_rotation=_quaternions(rotation),
        )

    def _predict_batch(self, keypoints: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, ...]:
        normalized, valid = normalize_2d(keypoints)
        inputs = encoder_input(normalized, scores, use_scores=self._model.architecture.use_scores)
        prediction = self._encoder(inputs.to(self._device))
        n = len(keypoints)
        unknown = torch.full((n,), self._model.calibration.typical_uncertainty)
        uncertainty = unknown if prediction.log_error is None else prediction.log_error.exp().cpu()
        rotation = torch.full((n, 3, 3), torch.nan) if prediction.rotation is None else prediction.rotation.cpu()
        return (
            prediction.vectors.cpu().masked_fill(~valid[:, None], torch.nan),
            uncertainty.masked_fill(~valid, torch.nan),
            valid,
            rotation.masked_fill(~valid[:, None, None], torch.nan),
        )

    @torch.inference_mode()
    def decode(self, vectors: Float[NDArray, "N D"]) -> Float[NDArray, "N 17 3"]:
        """Canonical 3D poses (H36M-17, torso lengths, person facing -x, z up the spine); NaN rows stay NaN."""
        return self._vae.decode(self._tensor(vectors)).cpu().numpy()

    @torch.inference_mode()
    def embed_3d(self, poses: Float[NDArray, "N 17 3"]) -> Float[NDArray, "N D"]:
        """Embeddings of canonical 3D poses (`vvipe.geometry.to_canonical`) by the 3D encoder's mean.

        Raises:
            ValueError: The poses are no (N, 17, 3).
        """
        if poses.ndim != 3 or poses.shape[1:] != (17, 3):
            raise ValueError(f"poses: expected (N, 17, 3), got {poses.shape}")
        return self._vae.encode(torch.as_tensor(poses, dtype=torch.float32, device=self._device))[0].cpu().numpy()

    def match_probability(
        self,
        a: Float[NDArray, "N D"],
        b: Float[NDArray, "N D"],
        uncertainty_a: Float[NDArray, " N"] | None = None,
        uncertainty_b: Float[NDArray, " N"] | None = None,
        *,
        is_retrieved: bool = False,
    ) -> Float[NDArray, " N"]:
        """Calibrated P(NP-MPJPE <= 0.1) of each pair; NaN where an embedding is.

        Args:
            is_retrieved: Each b was found as one of the nearest to its a, which makes a match less likely than the
                distance alone tells.
        """
        return self._model.calibration.match_probability(
            self._distance(a, b),
            self._uncertainty(uncertainty_a),
            self._uncertainty(uncertainty_b),
            is_retrieved=is_retrieved,
        )

    def expected_error(
        self,
        a: Float[NDArray, "N D"],
        b: Float[NDArray, "N D"],
        uncertainty_a: Float[NDArray, " N"] | None = None,
        uncertainty_b: Float[NDArray, " N"] | None = None,
    ) -> Float[NDArray, " N"]:
        """Calibrated expected NP-MPJPE of each pair, torso lengths; NaN where an embedding is."""
        return self._model.calibration.expected_error(
            self._distance(a, b), self._uncertainty(uncertainty_a), self._uncertainty(uncertainty_b)
        )

    def _distance(self, a: NDArray, b: NDArray) -> NDArray:
        if a.shape[-1] != self.dimension or b.shape[-1] != self.dimension:
            raise ValueError(f"embeddings: expected (N, {self.dimension}), got {a.shape} and {b.shape}")
        return np.linalg.norm(np.asarray(a, float) - np.asarray(b, float), axis=-1)

    def _uncertainty(self, uncertainty: NDArray | None) -> NDArray | float:
        return self._model.calibration.typical_uncertainty if uncertainty is None else np.asarray(uncertainty, float)

    def _tensor(self, vectors: NDArray) -> torch.Tensor:
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors: expected (N, {self.dimension}), got {vectors.shape}")
        return torch.as_tensor(vectors, dtype=torch.float32, device=self._device)


def _coco13(
    keypoints: NDArray, scores: NDArray | None, skeleton: Skeleton
) -> tuple[Float[torch.Tensor, "N 13 2"], Float[torch.Tensor, "N 13"]]:
    """The thirteen joints; a joint of score 0 becomes NaN."""
    if keypoints.ndim != 3 or keypoints.shape[1:] != (skeleton.n_joints, 2):
        raise ValueError(f"keypoints: expected (N, {skeleton.n_joints}, 2) for {skeleton.name}, got {keypoints.shape}")
    if scores is not None and scores.shape != keypoints.shape[:2]:
        raise ValueError(f"scores: expected {keypoints.shape[:2]}, got {scores.shape}")
    order = conversion_indices(skeleton, COCO13)
    points = torch.as_tensor(np.ascontiguousarray(keypoints[:, order]), dtype=torch.float32)
    if scores is None:
        return points, torch.ones(points.shape[:2])
    confidence = torch.as_tensor(np.ascontiguousarray(scores[:, order]), dtype=torch.float32).clamp(0, 1)
    return points.masked_fill(~(confidence > 0)[..., None], torch.nan), confidence


def _quaternions(rotations: Float[torch.Tensor, "N 3 3"]) -> NDArray[np.float32]:
    """(N, 4) quaternions, w first and not negative; NaN rows stay NaN."""
    result = np.full((len(rotations), 4), np.nan, np.float32)
    known = torch.isfinite(rotations).all(-1).all(-1).numpy()
    if known.any():
        result[known] = Rotation.from_matrix(rotations.numpy()[known]).as_quat(canonical=True, scalar_first=True)
    return result
