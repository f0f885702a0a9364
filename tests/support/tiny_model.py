"""A real, small V-VIPE with random weights, for tests in which the weights do not matter."""

from __future__ import annotations

from pathlib import Path

import torch

from vvipe.calibration import Calibration
from vvipe.model_file import save_model
from vvipe.models.vvipe import Architecture, KeypointEncoder, PoseVAE


def save_tiny_model(folder: Path, *, name: str = "tiny", seed: int = 0) -> Path:
    """The path of its .safetensors file; D = 8, with uncertainty and rotation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        architecture = Architecture(
            dimension=8, width=32, blocks=1, use_scores=True, predicts_uncertainty=True, predicts_rotation=True
        )
        calibration = Calibration((0.1, 0.5, 0.01), (-3.0, -2.0, 0.1), (-3.5, -2.0, 0.1), 0.1, 0.05, 0.4)
        return save_model(
            folder,
            name,
            vae=PoseVAE(architecture),
            encoder=KeypointEncoder(architecture),
            calibration=calibration,
            card={"licence": "none: random weights"},
        )
