"""V-VIPE's networks: the 3D pose VAE (section 3.2) and the 2D mapping network (section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vvipe.geometry import rotation_from_6d
from vvipe.models.blocks import ResidualMLP
from vvipe.skeleton import COCO13, H36M17


@dataclass(frozen=True)
class Architecture:
    """Sizes of the networks; the defaults are the paper's.

    Attributes:
        dimension: D of the embedding.
        decoder_width: Of the decoder's layers where it is narrower than the encoders', which saves a third of stage 2.
        use_scores: Whether the 2D encoder also takes a confidence for each joint (0 = missing).
        predicts_uncertainty: Whether it also gives the expected NP-MPJPE of its pose.
        predicts_rotation: Whether it also gives the rotation from the canonical to the camera frame.
    """

    dimension: int = 32
    width: int = 1024
    decoder_width: int | None = None
    blocks: int = 2
    dropout: float = 0.1
    use_scores: bool = False
    predicts_uncertainty: bool = False
    predicts_rotation: bool = False

    def mlp(self, inputs: int, outputs: int, *, width: int | None = None) -> ResidualMLP:
        """A network of these sizes, or of another width."""
        return ResidualMLP(inputs, outputs, width=width or self.width, blocks=self.blocks, dropout=self.dropout)


class PoseVAE(nn.Module):
    """Canonical 3D poses (N, 17, 3) to embeddings (N, D) and back."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        coordinates = 3 * H36M17.n_joints
        self.encoder = a.mlp(coordinates, 2 * a.dimension)
        self.decoder = a.mlp(a.dimension, coordinates, width=a.decoder_width)

    def encode(self, poses: Float[Tensor, "N 17 3"]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
        """Mean and log-variance of q(e | pose)."""
        mean, log_variance = self.encoder(poses.flatten(1)).float().chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N 17 3"]:
        """Canonical poses, torso lengths; the pelvis is at the origin by construction."""
        poses = self.decoder(vectors).float().unflatten(-1, (H36M17.n_joints, 3))
        return poses - poses[:, :1]


class KeypointPrediction(NamedTuple):
    """What the 2D encoder says of N sets of keypoints; a head that the architecture lacks is None."""

    vectors: Float[Tensor, "N D"]
    log_error: Float[Tensor, " N"] | None
    rotation: Float[Tensor, "N 3 3"] | None


class KeypointEncoder(nn.Module):
    """The 2D mapping network: normalised keypoints (N, 13, 2 or 3; x, y[, score]) to embeddings, deterministic.

    Figure 4b shows a mean alone, so there is no variance head; uncertainty and rotation are our additions.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        channels = 3 if a.use_scores else 2
        extras = a.predicts_uncertainty + 6 * a.predicts_rotation
        self.mlp = a.mlp(channels * COCO13.n_joints, a.dimension + extras)

    def forward(self, keypoints: Float[Tensor, "N 13 C"]) -> KeypointPrediction:
        a = self.architecture
        outputs = self.mlp(keypoints.flatten(1)).float()
        vectors, extras = outputs[:, : a.dimension], outputs[:, a.dimension :]
        log_error = extras[:, 0] if a.predicts_uncertainty else None
        rotation = rotation_from_6d(extras[:, -6:]) if a.predicts_rotation else None
        return KeypointPrediction(vectors, log_error, rotation)


def encoder_input(
    keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"], *, use_scores: bool
) -> Float[Tensor, "N 13 C"]:
    """Normalised keypoints as the encoder takes them: missing joints 0, with their scores as a third channel."""
    seen = torch.isfinite(keypoints).all(-1)
    coordinates = torch.where(seen[..., None], keypoints, 0.0)
    if not use_scores:
        return coordinates
    return torch.cat([coordinates, torch.where(seen, scores, 0.0)[..., None]], dim=-1)
