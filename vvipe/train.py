"""`train`: from motion capture files and a recipe to a calibrated model on disk."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vvipe.calibrate import sample_pairs
from vvipe.datasets.licences import licence_entries
from vvipe.datasets.mocap import MocapSequence, read_mocap
from vvipe.datasets.pairs import PoseBank
from vvipe.datasets.splits import select
from vvipe.errors import DeviceError, TrainingError
from vvipe.model_file import file_sha256, save_model
from vvipe.pose_matches import deduplicate
from vvipe.recipe import Recipe, load_recipe
from vvipe.run_folder import claim_folder
from vvipe.train_stages import train_stages

CALIBRATION_FPS = 5.0
_HELD_OUT_TAKES = 20
_MIN_CALIBRATION_POSES = 2


def train(
    recipe: str | Recipe,
    data: Sequence[Path],
    *,
    work_dir: Path,
    seed: int = 0,
    device: str = "auto",
    stage1_iterations: int | None = None,
    stage2_iterations: int | None = None,
    body_model: Path | None = None,
    data_licence: str | None = None,
) -> Path:
    """Trains both stages, calibrates, and returns the path of the model (``work_dir/NAME.safetensors``).

    A run that was interrupted continues from its last checkpoints when called again with the same arguments; on a
    CPU it ends with the very weights that an unbroken run gives.

    Args:
        recipe: A recipe, its name, or the path of a Python file that defines one.
        data: Motion capture: .npz (AMASS's too), .bvh or .amc files, or folders of them.
        work_dir: For checkpoints, logs and the model; created where it does not exist.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``mps``.
        stage1_iterations, stage2_iterations: Override the recipe's, e.g. for a trial run.
        body_model: SMPL+H or SMPL model, or a folder with one for each gender; AMASS needs it.
        data_licence: For the card: the licence of data whose source is not known here.

    Raises:
        ValueError: Unknown recipe.
        FileFormatError: A data file cannot be read.
        TrainingError: No poses or none to calibrate on, a work_dir of another run, or a loss that left the finite
            numbers.
        DeviceError: The device is not there.
    """
    recipe = _with_iterations(
        load_recipe(recipe) if isinstance(recipe, str) else recipe, stage1_iterations, stage2_iterations
    )
    device = _device(device)
    by_path = [read_mocap(path, body_model=body_model) for path in data]
    training, held_out = hold_out([take for takes in by_path for take in takes])
    files = [*data, body_model] if body_model else data
    claim_folder(work_dir, {"recipe": repr(recipe), "data": [_path_sha256(path) for path in files], "seed": seed})
    bank = PoseBank.from_sequences(training, fps=recipe.fps, universal=recipe.universal, canonical=recipe.canonical)
    kept_aside = _calibration_bank(held_out)
    vae, encoder = train_stages(recipe, bank, work_dir=work_dir, seed=seed, device=device)
    pairs = sample_pairs(vae, encoder, kept_aside, recipe, seed=seed)
    card = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "torch": torch.__version__,
        "training_poses": len(bank),
        "training_takes": len(training),
        "held_out_takes": len(held_out),
        "data": [
            {
                "file": path.name,
                "sha256": _path_sha256(path),
                "sources": licence_entries(takes, stated=data_licence),
            }
            for path, takes in zip(data, by_path, strict=True)
        ],
        "calibration_error": {kind: round(error, 4) for kind, error in pairs.errors().items()},
    }
    return save_model(work_dir, recipe.name, vae=vae, encoder=encoder, calibration=pairs.fit(), card=card)


def hold_out(takes: Sequence[MocapSequence]) -> tuple[list[MocapSequence], list[MocapSequence]]:
    """(training, held-out) takes: the CMU carve-out where it is there, else every 20th take or so, by name.

    CMU's test takes are in neither. A single take serves as both.
    """
    training, held_out = select(takes, "train"), select(takes, "carve-out")
    if not held_out:
        ordered = sorted(training, key=lambda take: zlib.crc32(f"{take.subject}/{take.name}".encode()))
        count = max(1, len(ordered) // _HELD_OUT_TAKES) if len(ordered) > 1 else 0
        held_out, training = ordered[:count] or ordered, ordered[count:]
    if not training:
        raise TrainingError("no takes to train on: every take given belongs to the carve-out or the test split")
    return training, held_out


def _calibration_bank(held_out: Sequence[MocapSequence]) -> PoseBank:
    """The poses to calibrate on; an error, before the long work, where they are too few to fit and to judge."""
    bank = PoseBank.from_sequences(held_out, fps=CALIBRATION_FPS)
    count = len(deduplicate(bank.world, bank.sequence))
    if count < _MIN_CALIBRATION_POSES:
        names = ", ".join(take.name for take in held_out[:3])
        raise TrainingError(
            f"the takes kept aside to calibrate on ({names}) show {count} different pose(s), at least "
            f"{_MIN_CALIBRATION_POSES} are needed: give more takes, or longer ones"
        )
    return bank


def _with_iterations(recipe: Recipe, stage1: int | None, stage2: int | None) -> Recipe:
    changes: dict[str, Any] = {}
    if stage1 is not None:
        changes["stage1"] = dataclasses.replace(recipe.stage1, iterations=stage1)
    if stage2 is not None:
        changes["stage2"] = dataclasses.replace(recipe.stage2, iterations=stage2)
    return dataclasses.replace(recipe, **changes)


def _device(device: str) -> str:
    """`device` if it is there; ``auto`` takes CUDA where there is one."""
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if has["cuda"] else "cpu"
    if device not in has:
        raise ValueError(f"device: expected auto, {', '.join(has)}; got {device!r}")
    if not has[device]:
        raise DeviceError(
            f"device {device} is not available here; torch {torch.__version__} sees none: use --device cpu"
        )
    return device


def _path_sha256(path: Path) -> str | dict[str, str]:
    """SHA-256 of a file, or of each file in a folder."""
    if path.is_file():
        return file_sha256(path)
    return {str(file.relative_to(path)): file_sha256(file) for file in sorted(path.rglob("*")) if file.is_file()}
