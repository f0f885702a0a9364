"""What a real detector gets wrong, beside the benchmark's noise D0 and D1: a check, nothing is fitted to it.

On COCO photographs with labelled people: the classes of Ronchi and Perona, the size of errors, and what confidences
tell. On two calibrated cameras: how far a joint lies from where the other camera's detection allows it to be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.labelled_photos import LabelledPerson, match_people, read_photos
from poseflow_benchmarks.stereo_noise import StereoRow, stereo_rows
from scipy.stats import spearmanr

from poseflow.detect.protocol import PosePredictor
from vvipe.detector_noise import GOOD_KS, JITTER_KS, SIGMA, add_detector_noise, person_scale
from vvipe.errors import NothingToScoreError
from vvipe.geometry import normalize_2d
from vvipe.noise import add_gaussian_noise
from vvipe.skeleton import COCO13

DRAWS = 500
"""How often D0 and D1 are drawn on the same people."""
_CONSTANT = 2 * np.array([SIGMA[j.removeprefix("left_").removeprefix("right_")] for j in COCO13.joints])


@dataclass(frozen=True)
class ErrorRow:
    """Joints of one source by class, as shares of those labelled and reported.

    Attributes:
        people, joints: How many were looked at (for D0 and D1: before drawing repeatedly).
        missing: Share of labelled joints that are not reported.
        similarity: Mean KS.
        median, upper: Median and 90 % quantile of the error; the largest shoulder/hip distance is 0.5.
        rank_correlation: Spearman's, between confidence and error; NaN without confidences.
    """

    source: str
    people: int
    joints: int
    good: float
    jitter: float
    inversion: float
    swap: float
    miss: float
    missing: float
    similarity: float
    median: float
    upper: float
    rank_correlation: float


@dataclass(frozen=True)
class NoiseReport:
    """The check on photographs, and on two cameras where there are such."""

    rows: tuple[ErrorRow, ...]
    stereo: tuple[StereoRow, ...]
    detector: str
    detector_sha256: tuple[str, ...]
    scale_ratio: float
    n_scale: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """NaN as null."""
        content = asdict(self)
        for row in content["rows"]:
            row["rank_correlation"] = None if np.isnan(row["rank_correlation"]) else row["rank_correlation"]
        return content

    def to_markdown(self) -> str:
        """The figures as tables, and under them what made them."""
        shares = ["good", "jitter", "inversion", "swap", "miss", "not reported"]
        heads = [*shares, "mean KS", "median error", "90 %", "confidence ~ error"]
        lines = [f"| source | people | joints | {' | '.join(heads)} |"]
        lines.append("|---" * (3 + len(heads)) + "|")
        for r in self.rows:
            percents = [f"{100 * x:.1f}" for x in (r.good, r.jitter, r.inversion, r.swap, r.miss, r.missing)]
            figures = [*percents, f"{r.similarity:.3f}", f"{r.median:.3f}", f"{r.upper:.3f}"]
            told = "" if np.isnan(r.rank_correlation) else f"{r.rank_correlation:+.2f}"
            lines.append(f"| {r.source} | {r.people} | {r.joints} | {' | '.join(figures)} | {told} |")
        lines.append(
            f"\nClasses in % of the reported joints; errors where the largest shoulder/hip distance is 0.5; D0 and D1 "
            f"drawn {DRAWS} times on the same people (seed {self.seed}); D1's swaps go to people who are not in the "
            f"photograph, and count as misses; {self.detector}. The person's scale taken "
            f"from the keypoints' box is {self.scale_ratio:.2f} of that of COCO's area (median of {self.n_scale} "
            "people labelled whole)."
        )
        if self.stereo:
            lines += ["", "| source | frames | joints | median distance | 90 % |", "|---|---|---|---|---|"]
            lines += [f"| {s.source} | {s.frames} | {s.joints} | {s.median:.4f} | {s.upper:.4f} |" for s in self.stereo]
            lines.append(
                "\nDistance of a joint in the query camera from the epipolar line of the reference camera's detection, "
                "in the same unit; D0 and D1: noise on both ends of exact pairs."
            )
        return "\n".join(lines)


def run_noise_check(
    *,
    get_detector: Callable[[], PosePredictor],
    photos: Path,
    annotations: Path | None = None,
    ref: str | None = None,
    query: str | None = None,
    calibration: Path | None = None,
    seed: int = 0,
) -> NoiseReport:
    """The report of one detector.

    Args:
        photos: Folder of photographs.
        annotations: COCO keypoints; by default the one .json file of the folder.
        ref, query, calibration: Two synchronised films or saved clips, and both cameras; all three or none.

    Raises:
        FileFormatError: Annotations, photographs or calibration are missing or not what they should be.
        NothingToScoreError: The detector found nobody who is labelled.
    """
    if 0 < sum(given is not None for given in (ref, query, calibration)) < 3:
        raise ValueError("ref, query and calibration: expected all three or none")
    people = read_photos(photos, annotations)
    detector = get_detector()
    found = match_people(people, detector)
    if not found:
        raise NothingToScoreError(f"{photos}: {detector.info.name} found none of the {len(people)} labelled people")
    rows = [_row(detector.info.name, found), *(_drawn(source, people, seed) for source in ("D0", "D1"))]
    ratios = [ratio for person in people if (ratio := _scale_ratio(person)) is not None]
    stereo: list[StereoRow] = []
    if ref is not None and query is not None and calibration is not None:
        stereo = stereo_rows(ref, query, calibration, get_detector=get_detector, seed=seed)
    return NoiseReport(
        rows=tuple(rows),
        stereo=tuple(stereo),
        detector=detector.info.signature,
        detector_sha256=tuple(model.sha256 for model in detector.info.models),
        scale_ratio=float(np.median(ratios)) if ratios else float("nan"),
        n_scale=len(ratios),
        seed=seed,
    )


def classify(person: LabelledPerson, keypoints: NDArray[np.floating]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """The class of each of 13 joints ("" = not labelled, "missing" = not reported), and its KS."""
    own = _similarity(keypoints, person.keypoints, person.area)
    inverted = _similarity(keypoints, person.keypoints[COCO13.flip_order], person.area)
    others = [_similarity(keypoints, o, person.area) for o in person.others]
    others += [_similarity(keypoints, o[COCO13.flip_order], person.area) for o in person.others]
    swapped = np.max(np.nan_to_num(np.stack([*others, np.zeros_like(own)])), axis=0)
    labelled, reported = np.isfinite(person.keypoints).all(-1), np.isfinite(keypoints).all(-1)
    classes = np.select(
        [~labelled, ~reported, own >= GOOD_KS, own >= JITTER_KS, inverted >= JITTER_KS, swapped >= JITTER_KS],
        ["", "missing", "good", "jitter", "inversion", "swap"],
        "miss",
    )
    return classes, own


def _similarity(points: NDArray[np.floating], truth: NDArray[np.floating], area: float) -> NDArray[np.float64]:
    squared = ((points - truth) ** 2).sum(-1)
    return np.exp(-squared / (2 * area * _CONSTANT**2))


@dataclass(frozen=True)
class _Sighting:
    person: LabelledPerson
    keypoints: NDArray[np.floating]
    scores: NDArray[np.floating]


def _row(name: str, found: Sequence[tuple[LabelledPerson, NDArray, NDArray]]) -> ErrorRow:
    return _summary(name, [_Sighting(*entry) for entry in found], len(found))


def _drawn(source: str, people: Sequence[LabelledPerson], seed: int) -> ErrorRow:
    """D0 or D1 on the labelled people, in their own pixels."""
    generator = torch.Generator().manual_seed(seed)
    sightings = []
    for person in people:
        truth = torch.from_numpy(person.keypoints).float()[None]
        normalized, valid = normalize_2d(truth)
        if not bool(valid):
            continue
        clean = normalized.expand(DRAWS, -1, -1)
        noisy, scores = (
            add_detector_noise(clean, generator=generator)
            if source == "D1"
            else (add_gaussian_noise(clean, generator=generator), torch.full(clean.shape[:2], torch.nan))
        )
        unit = pixels_per_unit(person)
        moved = person.keypoints + (noisy - clean).numpy() * unit
        scaled = person.with_area((float(person_scale(normalized)[0]) * unit) ** 2)
        sightings += [_Sighting(scaled, k, s) for k, s in zip(moved, scores.numpy(), strict=True)]
    return _summary(source, sightings, len(sightings) // DRAWS)


def _summary(name: str, sightings: Sequence[_Sighting], people: int) -> ErrorRow:
    classified = [classify(s.person, s.keypoints) for s in sightings]
    classes = np.concatenate([c for c, _ in classified] or [np.zeros(0, str)])
    similarity = np.concatenate([k for _, k in classified] or [np.zeros(0)])
    errors = np.concatenate(
        [np.linalg.norm(s.keypoints - s.person.keypoints, axis=-1) / pixels_per_unit(s.person) for s in sightings]
        or [np.zeros(0)]
    )
    scores = np.concatenate([s.scores for s in sightings] or [np.zeros(0)])
    labelled = classes != ""
    reported = labelled & (classes != "missing")
    told = reported & np.isfinite(scores) & np.isfinite(errors)
    finite = errors[reported & np.isfinite(errors)]
    shares = {
        kind: float((classes[reported] == kind).mean()) for kind in ("good", "jitter", "inversion", "swap", "miss")
    }
    return ErrorRow(
        source=name,
        people=people,
        joints=int(labelled.sum()) * people // max(len(sightings), 1),
        **shares,
        missing=float((classes[labelled] == "missing").mean()),
        similarity=float(similarity[reported].mean()),
        median=float(np.median(finite)),
        upper=float(np.quantile(finite, 0.9)),
        rank_correlation=_rank_correlation(scores[told], errors[told]),
    )


def _rank_correlation(scores: NDArray[np.floating], errors: NDArray[np.floating]) -> float:
    """Spearman's; NaN where either does not vary."""
    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(errors) == 0:
        return float("nan")
    return float(spearmanr(scores, errors)[0])


def pixels_per_unit(person: LabelledPerson) -> float:
    """Pixels of the normalised unit (largest shoulder/hip distance 0.5); NaN where it cannot be told."""
    sides = person.keypoints[list(COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))]
    distances = np.linalg.norm(sides[:, None] - sides[None], axis=-1)
    return float(2 * np.nanmax(distances)) if np.isfinite(sides).all(-1).sum() >= 3 else float("nan")


def _scale_ratio(person: LabelledPerson) -> float | None:
    """D1's scale of the person over that of COCO's own area; None unless every joint is labelled."""
    if not np.isfinite(person.keypoints).all():
        return None
    normalized = normalize_2d(torch.from_numpy(person.keypoints).float()[None])[0]
    return float(person_scale(normalized)[0]) * pixels_per_unit(person) / person.area**0.5
