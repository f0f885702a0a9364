"""A trained model on disk: NAME.safetensors (half precision) and NAME.json, its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vvipe.calibration import Calibration
from vvipe.errors import WeightsError
from vvipe.models.vvipe import Architecture, KeypointEncoder, PoseVAE

CARD_VERSION = 3
SHIPPED = Path(__file__).with_name("weights")
DEFAULT_MODEL = "vvipe-cmu-v2"


@dataclass(frozen=True)
class Model:
    """The networks in eval mode, with what it takes to use them.

    Attributes:
        name, sha256: Of the weights file.
        card: The model card: data, licence, recipe, measured figures.
    """

    name: str
    sha256: str
    architecture: Architecture
    vae: PoseVAE
    encoder: KeypointEncoder
    calibration: Calibration
    card: Mapping[str, Any]


def save_model(
    folder: Path,
    name: str,
    *,
    vae: PoseVAE,
    encoder: KeypointEncoder,
    calibration: Calibration,
    card: Mapping[str, Any],
) -> Path:
    """Writes the model into `folder` and returns the weights' path; `card` is kept word for word beside our fields."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    states = {"vae": vae.state_dict(), "encoder": encoder.state_dict()}
    tensors = {
        f"{part}.{key}": _compact(key, tensor)
        for part, state in states.items()
        for key, tensor in state.items()
        if not key.endswith("num_batches_tracked")
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.replace(path)
    fields = {
        "card_version": CARD_VERSION,
        "name": name,
        "sha256": file_sha256(path),
        "skeleton_2d": "coco13",
        "skeleton_3d": "h36m17",
        "normalization_2d": "hips' middle at the origin, largest of the six shoulder/hip distances 0.5",
        "normalization_3d": "universal skeleton, pelvis at the origin, torso length 1, canonical rotation",
        "architecture": asdict(encoder.architecture),
        "calibration": asdict(calibration),
    }
    _card_path(path).write_text(json.dumps(fields | dict(card), indent=2) + "\n", encoding="utf-8")
    return path


def _compact(key: str, tensor: torch.Tensor) -> torch.Tensor:
    """Half precision, but for batch norm's statistics, which are few and may be large."""
    return tensor.contiguous() if "running_" in key else tensor.half().contiguous()


def load_model(name_or_path: str | Path | None = None) -> Model:
    """A shipped model by name, or any by the path of its .safetensors file (the card lies beside it).

    Raises:
        WeightsError: Unknown name, missing or damaged file, weights that are not the card's.
    """
    path = _find(name_or_path)
    card = _read_card(path)
    try:
        name, stated = str(card["name"]), card["sha256"]
        architecture, calibration = Architecture(**card["architecture"]), Calibration.from_dict(card["calibration"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{_card_path(path)}: the model's card is incomplete ({error!r}); restore it") from error
    sha256 = file_sha256(path)
    if sha256 != stated:
        raise WeightsError(f"{path}: SHA-256 is {sha256}, its card says {stated}: restore both files together")
    vae, encoder = PoseVAE(architecture), KeypointEncoder(architecture)
    try:
        tensors = {key: tensor.float() for key, tensor in load_file(path).items()}
        for part, network in (("vae", vae), ("encoder", encoder)):
            state = {key.removeprefix(f"{part}."): t for key, t in tensors.items() if key.startswith(f"{part}.")}
            counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
            network.load_state_dict(state | counters, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(f"{path}: weights do not fit the card's architecture ({error})") from error
    return Model(
        name=name,
        sha256=sha256,
        architecture=architecture,
        vae=vae.eval().requires_grad_(False),
        encoder=encoder.eval().requires_grad_(False),
        calibration=calibration,
        card=card,
    )


def shipped_models() -> list[str]:
    """Names that `load_model` knows."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _find(name_or_path: str | Path | None) -> Path:
    name = str(name_or_path or DEFAULT_MODEL)
    path = Path(name) if name.endswith(".safetensors") else SHIPPED / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(shipped_models()) or "none"
        raise WeightsError(
            f"no model {name!r}: give a shipped model's name ({known}) or the path of a .safetensors file"
        )
    return path


def _read_card(path: Path) -> dict[str, Any]:
    card_path = _card_path(path)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{card_path}: the model's card cannot be read ({error}); it belongs beside the weights"
        ) from error
    if not isinstance(card, dict):
        raise WeightsError(f"{card_path}: no card of a model; restore the one that belongs to the weights")
    if card.get("card_version") != CARD_VERSION:
        raise WeightsError(
            f"{card_path}: card version {card.get('card_version')}, this poseflow reads {CARD_VERSION}: train it "
            "again, or use the poseflow that trained it"
        )
    return card
