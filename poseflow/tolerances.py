"""How much an angle may differ before it is worth a word: learnt per embedding model, from motion capture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.angle_differences import ALL_ANGLES

TOLERANCES_FILE = Path(__file__).with_name("feedback_tolerances.json")
"""Written by `scripts/learn_feedback_tolerances.py`: model id -> what it learnt, and from what."""


@dataclass(frozen=True)
class Tolerances:
    """Limits by angle (ALL_ANGLES), degrees.

    Attributes:
        offset_deg: Of the median over the whole clip: within it, a constant difference is put down to bodies and
            cameras, and taken off.
        change_deg: Of what is left.
        min_sureness: Least sureness of a line (`poseflow.feedback_records.FeedbackLine`), where that is known.
        typical_uncertainty: Of the two poses together, where these limits hold; they grow, and sureness falls, with it.
        max_uncertainty: Above it nothing is judged.
        origin: What they were learnt from.
    """

    offset_deg: NDArray[np.float64]
    change_deg: NDArray[np.float64]
    min_sureness: float
    typical_uncertainty: float
    max_uncertainty: float
    origin: str

    def __post_init__(self) -> None:
        for name in ("offset_deg", "change_deg"):
            limits = getattr(self, name)
            if limits.shape != (len(ALL_ANGLES),) or not (limits > 0).all():
                raise ValueError(f"Tolerances.{name}: expected {len(ALL_ANGLES)} numbers above 0, got {limits}")
        if not self.min_sureness >= 0:
            raise ValueError(f"Tolerances.min_sureness: expected 0 or more, got {self.min_sureness}")
        if not 0 < self.typical_uncertainty <= self.max_uncertainty:
            raise ValueError(
                "Tolerances: expected 0 < typical_uncertainty <= max_uncertainty, got "
                f"{self.typical_uncertainty} and {self.max_uncertainty}"
            )

    def to_json(self) -> dict[str, Any]:
        """Angles by name."""
        names = [angle.name for angle in ALL_ANGLES]
        return {
            "offset_deg": dict(zip(names, self.offset_deg.round(1).tolist(), strict=True)),
            "change_deg": dict(zip(names, self.change_deg.round(1).tolist(), strict=True)),
            "min_sureness": round(self.min_sureness, 2),
            "typical_uncertainty": round(self.typical_uncertainty, 4),
            "max_uncertainty": round(self.max_uncertainty, 4),
            "origin": self.origin,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Tolerances:
        """What `to_json` made; KeyError where an angle is missing."""
        names = [angle.name for angle in ALL_ANGLES]
        offset, change = (np.array([written[key][n] for n in names], float) for key in ("offset_deg", "change_deg"))
        known = {key: written[key] for key in ("min_sureness", "typical_uncertainty", "max_uncertainty", "origin")}
        return cls(offset_deg=offset, change_deg=change, **known)


def tolerances_of(model: str, *, has_keypoints: bool) -> Tolerances:
    """The learnt limits of a model; of one that has none, those of the model whose limits are widest.

    Args:
        model: Id of the embedding weights.
        has_keypoints: Whether both views are explained together, which tells far more than decoded poses alone.
    """
    known = read_tolerances()
    kind = "keypoints" if has_keypoints else "decoded"
    if model in known:
        return known[model][kind]
    return max((kinds[kind] for kinds in known.values()), key=lambda found: float(found.change_deg.mean()))


@cache
def read_tolerances(path: Path = TOLERANCES_FILE) -> Mapping[str, Mapping[str, Tolerances]]:
    """Model id -> "keypoints" and "decoded" -> limits, as the file has them."""
    written: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {
        model: {kind: Tolerances.from_json(entry) for kind, entry in kinds.items()} for model, kinds in written.items()
    }
