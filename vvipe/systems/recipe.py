"""What a comparison system is trained with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from vvipe.cameras import CameraRange
from vvipe.datasets.pairs import ViewRange
from vvipe.losses import KAPPA
from vvipe.noise import NoiseRange
from vvipe.recipe import Optimization

Kind = Literal["lifter", "l2-vipe", "vipe", "pr-vipe", "vipe-star"]


@dataclass(frozen=True)
class SystemRecipe:
    """Everything that a comparison system depends on besides its data and seed.

    The defaults are Pr-VIPE's as its public code has them; every system sees the same noise.

    Attributes:
        dimension: D of the embedding (a lifter has none).
        views: Cameras and noise; both views of a pair are drawn from it.
        fps: Rate at which the takes are sampled.
        kappa: Below this NP-MPJPE two poses of a batch are no negatives of each other.
        ratio: Pr-VIPE's beta: how many times likelier a positive must match than a negative.
        margin: L2-VIPE's, on squared distances of unit vectors (FaceNet's).
        n_samples: Pr-VIPE's K.
        positive_weight, prior_weight: Of Pr-VIPE's pairwise and KL terms.
    """

    name: str
    kind: Kind
    dimension: int = 32
    width: int = 1024
    blocks: int = 2
    dropout: float = 0.3
    fps: float = 20.0
    views: ViewRange = field(default_factory=lambda: training_views(augmented=True))
    optimization: Optimization = Optimization(iterations=3000, batch_size=256, averages_weights=True)
    kappa: float = KAPPA
    ratio: float = 2.0
    margin: float = 0.2
    n_samples: int = 20
    positive_weight: float = 0.005
    prior_weight: float = 0.001

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"SystemRecipe.kind: expected one of {', '.join(get_args(Kind))}; got {self.kind!r}")
        if self.n_samples < 1:
            raise ValueError(f"SystemRecipe.n_samples: expected 1 or more, got {self.n_samples}")


def training_views(*, augmented: bool, angle_deg: float = 30.0) -> ViewRange:
    """The views that every comparison system trains on, with detector-like noise on all of them.

    The four cameras of TRAINING_RIG; `augmented`, half of each batch is seen by random cameras instead, of any
    azimuth, elevation and roll within `angle_deg` and distance 2 (Pr-VIPE 3.4).
    """
    limits = (-angle_deg, angle_deg)
    return ViewRange(
        augmentation_fraction=0.5 if augmented else 0.0,
        cameras=CameraRange(elevation_deg=limits, roll_deg=limits),
        noise=NoiseRange(),
    )
