"""Feedback on a known mistake: one joint bent by 10 to 40 degrees for a while, seen from a second camera.

A line is right if it names the joint that was bent, at the time when it was, and the way in which that angle of the
joint truly differs. Recall is the share of bends that have a right line, precision the share of lines that are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from poseflow_benchmarks.bent_takes import Case, draw_case, film_case
from poseflow_benchmarks.composition_plan import KEYPOINTS, Keypoints

from poseflow.feedback_records import FeedbackLine
from poseflow.joint_angles import ANGLES
from poseflow.tolerances import tolerances_of
from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.splits import select
from vvipe.embedder import Embedder

AMOUNTS_DEG = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0)
MIN_OVERLAP = 0.5
"""Least share of the window, and of the line, that they have in common."""
MIN_TRUE_DEG = 3.0
"""An angle of the bent joint that truly differs by less has no way to be right about."""
DataName = Literal["development", "other-bodies", "test", "hdm05"]
"""CMU's carve-out, on which settings are chosen; the same on other bodies; CMU's test people; HDM05."""


@dataclass(frozen=True)
class FeedbackRow:
    """What was found of bends by one amount, with one kind of keypoints.

    Attributes:
        keypoints: GT = exact, D0 and D1 = with that noise.
        amount_deg: 0 = nothing was bent.
        cases: How many.
        recall, precision: In [0, 1]; NaN where there is nothing to count.
        told_share: Median of told / true difference of the right lines.
        false_per_minute: Lines that are not right, a minute of film.
    """

    keypoints: Keypoints
    amount_deg: float
    cases: int
    recall: float
    precision: float
    told_share: float
    false_per_minute: float


@dataclass(frozen=True)
class FeedbackReport:
    """Precision and recall of feedback by the size of the mistake."""

    data: DataName
    seed: int
    model: str
    model_sha256: str
    tolerances: str
    has_keypoints: bool
    rows: tuple[FeedbackRow, ...]

    def to_json(self) -> dict[str, Any]:
        """The report; NaN is None."""
        content = asdict(self)
        content["rows"] = [{k: None if v != v else v for k, v in row.items()} for row in content["rows"]]
        return content

    def to_markdown(self) -> str:
        """The figures as a table, and under it what made them."""
        lines = [
            "| keypoints | bent by | cases | recall | precision | told / true | false lines a minute |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            bent = f"{row.amount_deg:.0f}°" if row.amount_deg else "nothing"
            shares = " | ".join("–" if x != x else f"{x:.2f}" for x in (row.recall, row.precision, row.told_share))
            lines.append(f"| {row.keypoints} | {bent} | {row.cases} | {shares} | {row.false_per_minute:.2f} |")
        views = "both views explained together" if self.has_keypoints else "decoded poses alone"
        lines.append(
            f"\nData: {self.data}, two random cameras a case, {views}, seed {self.seed}; model {self.model}; "
            f"tolerances: {self.tolerances}."
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class Outcome:
    """One case: whether its bend was found, how many lines were told and right, what they told of what is true."""

    is_found: bool
    told: int
    right: int
    told_shares: tuple[float, ...]
    duration_s: float


def run_feedback(
    mocap: str | Path,
    *,
    embedder: Embedder,
    data: DataName = "hdm05",
    count: int = 40,
    keypoints: Sequence[Keypoints] = KEYPOINTS,
    amounts_deg: Sequence[float] = (0.0, *AMOUNTS_DEG),
    has_keypoints: bool = True,
    seed: int = 0,
) -> FeedbackReport:
    """Precision and recall on `count` cases of each amount and each kind of keypoints.

    Args:
        mocap: Folder with the motion capture .npz files.
        embedder: The model.
        data: Of what movements (DataName).
        count: Cases of each row.
        keypoints: GT, D0, D1.
        amounts_deg: Of the bends; 0 = an unaltered second view.
        has_keypoints: Whether feedback gets the keypoints too, as `poseflow match` gives them.
        seed: Of excerpts, bends, cameras and noise; the same excerpts and bends for each kind of keypoints.
    """
    takes = feedback_takes(mocap, data)
    rows = []
    for kind in keypoints:
        for amount in amounts_deg:
            outcomes = []
            for number in range(count):
                generator = np.random.default_rng((seed, round(amount), number))
                case = draw_case(takes, generator, amount_deg=amount or None, is_varied=data == "other-bodies")
                pair = film_case(case, generator, keypoints=kind, embedder=embedder)
                outcomes.append(judge_lines(pair.feedback(embedder, has_keypoints=has_keypoints).lines, case))
            rows.append(_row(kind, amount, outcomes))
    return FeedbackReport(
        data=data,
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        tolerances=tolerances_of(embedder.model_id, has_keypoints=has_keypoints).origin,
        has_keypoints=has_keypoints,
        rows=tuple(rows),
    )


def feedback_takes(mocap: str | Path, data: DataName) -> list[MocapSequence]:
    """The takes of one set; HDM05's short clips are used as they are."""
    folder = Path(mocap)
    if data == "hdm05":
        return read_npz(folder / "hdm05.npz")
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(folder / name)]
    return select(takes, "test" if data == "test" else "carve-out")


def judge_lines(lines: Sequence[FeedbackLine], case: Case) -> Outcome:
    """Which lines are right about a case."""
    shares = [share for line in lines if (share := _told_share(line, case)) is not None]
    return Outcome(bool(shares), len(lines), len(shares), tuple(shares), case.duration_s)


def _told_share(line: FeedbackLine, case: Case) -> float | None:
    """Told / true difference of a line that is right; None of one that is wrong."""
    names = [angle.name for angle in ANGLES]
    if case.bend is None or line.joint != case.bend.joint or line.angle not in names:
        return None
    common = min(line.end_s, case.bend.end_s) - max(line.start_s, case.bend.start_s)
    longer = max(line.end_s - line.start_s, case.bend.end_s - case.bend.start_s)
    if common < MIN_OVERLAP * longer:
        return None
    inside = (case.time_s >= max(line.start_s, case.bend.start_s)) & (case.time_s < min(line.end_s, case.bend.end_s))
    true = float(case.true_delta_deg[inside, names.index(line.angle)].mean())
    return line.delta_deg / true if abs(true) >= MIN_TRUE_DEG and line.delta_deg * true > 0 else None


def _row(keypoints: Keypoints, amount_deg: float, outcomes: Sequence[Outcome]) -> FeedbackRow:
    told, right = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("told", "right"))
    shares = [share for outcome in outcomes for share in outcome.told_shares]
    minutes = sum(outcome.duration_s for outcome in outcomes) / 60
    return FeedbackRow(
        keypoints=keypoints,
        amount_deg=amount_deg,
        cases=len(outcomes),
        recall=float(np.mean([outcome.is_found for outcome in outcomes])) if amount_deg else float("nan"),
        precision=right / told if told and amount_deg else float("nan"),
        told_share=float(np.median(shares)) if shares else float("nan"),
        false_per_minute=(told - right) / minutes,
    )
