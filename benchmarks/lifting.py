"""How well 3D poses are rebuilt from 3D (the autoencoder) and from one view (lifting), on people kept aside."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from poseflow.metadata import package_versions
from vvipe.cameras import CameraRange
from vvipe.datasets.mocap import read_npz
from vvipe.datasets.pairs import PoseBank, ViewRange, draw_view, iteration_generator
from vvipe.datasets.splits import select
from vvipe.embedder import Embedder
from vvipe.geometry import mpjpe, np_mpjpe

RATE_HZ = 5.0
VIEWS = ViewRange(augmentation_fraction=1.0, cameras=CameraRange((-35.0, 45.0), (-20.0, 20.0), (3.0, 15.0)))
"""Clean keypoints from random cameras, one for each pose."""


@dataclass(frozen=True)
class LiftingReport:
    """Errors in torso lengths and degrees, and everything that is needed to make them again.

    Attributes:
        autoencoder_mpjpe, autoencoder_np_mpjpe: Of 3D poses encoded and decoded.
        mpjpe, np_mpjpe: Of poses decoded from one view's keypoints, in the canonical frame and after Procrustes.
        rotation_deg: Median error of the root rotation.
        uncertainty_correlation: Pearson, between the stated uncertainty and np_mpjpe.
    """

    n_poses: int
    autoencoder_mpjpe: float
    autoencoder_np_mpjpe: float
    mpjpe: float
    np_mpjpe: float
    rotation_deg: float
    uncertainty_correlation: float
    seed: int
    model: str
    model_sha256: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The figures as a table, and under it what made them."""
        return "\n".join(
            [
                "| from | MPJPE | NP-MPJPE | root rotation | uncertainty ~ error |",
                "|---|---|---|---|---|",
                f"| 3D (autoencoder) | {self.autoencoder_mpjpe:.3f} | {self.autoencoder_np_mpjpe:.3f} | | |",
                f"| one view | {self.mpjpe:.3f} | {self.np_mpjpe:.3f} | {self.rotation_deg:.1f} deg | "
                f"r = {self.uncertainty_correlation:.2f} |",
                f"\nTorso lengths, canonical frame; {self.n_poses} poses of CMU people kept aside, {RATE_HZ:g} Hz, "
                f"clean keypoints, random cameras (seed {self.seed}); model {self.model}.",
            ]
        )


def run_lifting(mocap: Path, *, embedder: Embedder, seed: int = 0) -> LiftingReport:
    """The report on the carve-out of the folder `mocap` (cmu.npz, cmu_more.npz)."""
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(mocap / name)]
    bank = PoseBank.from_sequences(select(takes, "carve-out"), fps=RATE_HZ)
    rebuilt = torch.from_numpy(embedder.decode(embedder.embed_3d(bank.canonical.numpy())))
    view = draw_view(bank, VIEWS, generator=iteration_generator(seed, 3, 1))
    prediction = embedder.predict(view.keypoints.numpy(), view.scores.numpy(), "coco13")
    lifted = torch.from_numpy(embedder.decode(prediction.vectors))
    error = np_mpjpe(lifted, bank.world).numpy()
    turned = rotation_errors(prediction.root_rotation, view.rotation.numpy())
    return LiftingReport(
        n_poses=len(bank),
        autoencoder_mpjpe=float(mpjpe(rebuilt, bank.canonical).mean()),
        autoencoder_np_mpjpe=float(np_mpjpe(rebuilt, bank.canonical).mean()),
        mpjpe=float(mpjpe(lifted, bank.canonical).mean()),
        np_mpjpe=float(error.mean()),
        rotation_deg=float(np.median(turned)),
        uncertainty_correlation=float(np.corrcoef(error, prediction.uncertainty)[0, 1]),
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        versions=package_versions(),
    )


def rotation_errors(quaternions: NDArray[np.floating], rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) angles in degrees between quaternions (N, 4), w first, and rotation matrices (N, 3, 3)."""
    predicted = Rotation.from_quat(quaternions, scalar_first=True)
    return np.rad2deg((predicted.inv() * Rotation.from_matrix(rotations)).magnitude())
