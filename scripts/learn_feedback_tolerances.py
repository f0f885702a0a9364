"""Learns how much angles may differ before feedback speaks, and writes it to poseflow/feedback_tolerances.json.

.venv/bin/python scripts/learn_feedback_tolerances.py --mocap FOLDER [--model NAME|FILE]

A minute of one core. Only CMU takes are read, and of them those that are not kept for tests. Run it whenever the
weights change: the entry of the model is written anew, those of other models stay.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.bent_takes import FilmedPair, draw_case, film_case, film_movements
from poseflow_benchmarks.composition_plan import KEYPOINTS
from poseflow_benchmarks.kinship import development_takes
from poseflow_benchmarks.mocap_clips import warped
from poseflow_benchmarks.movement_pairs import Pair, cmu_performances, draw_pairs

from poseflow.angle_differences import ALL_ANGLES, AngleDifferences
from poseflow.feedback import changes_of, find_lines, judge
from poseflow.feedback_records import FeedbackSettings
from poseflow.joint_angles import ANGLES, ROOT_ANGLES
from poseflow.tolerances import TOLERANCES_FILE, Tolerances
from vvipe import Embedder
from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.splits import select

VIEW_PERCENTILE = 98
"""Of the largest change of an angle in each clip of an unaltered second view: what is no mistake of anybody. Without
keypoints alone; with them, how surely each difference is known keeps such lines away."""
FALSE_PER_MINUTE = 0.7
"""Lines on unaltered second views that the least sureness leaves."""
PEOPLE_PERCENTILE = 80
"""Of the differences between two people at one movement: most of what people do in ways of their own."""
OFFSET_PERCENTILE = 98
UNCERTAIN_PERCENTILE = 99.5
FLOOR_DEG = 8.0
"""Nobody is corrected by less."""
ROOT_FACTOR = 1.5
"""On the 99th percentile for lean and facing: a camera that is not level reads as lean, and it is told nowhere."""
MAX_S = 8.0


def _other_sides() -> list[int]:
    names = [angle.name for angle in ALL_ANGLES]
    other = [name.replace("left_", "*").replace("right_", "left_").replace("*", "right_") for name in names]
    return [names.index(theirs) if theirs in names else own for own, theirs in enumerate(other)]


_OTHER_SIDE = _other_sides()
"""For each of ALL_ANGLES the same angle of the other side; itself where there is none."""


def main() -> None:
    """Measures the pairs, prints what it found, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz and cmu_more.npz")
    parser.add_argument("--model", help="name or file; default: the shipped one")
    parser.add_argument("--pairs", type=int, default=80, help="of each kind of keypoints; half as many of people")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=TOLERANCES_FILE)
    arguments = parser.parse_args()
    embedder = Embedder.from_pretrained(arguments.model)
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(arguments.mocap / name)]
    generator = np.random.default_rng(arguments.seed)
    views = _second_views(select(takes, "carve-out"), arguments.pairs, embedder, generator)
    people = _two_people(development_takes(takes), arguments.pairs // 2, embedder, generator)
    origin = (
        f"CMU takes not kept for tests: {len(views)} clips of the carve-out on other bodies in two random cameras "
        f"(GT, D0 and D1), {len(people)} pairs of two people at one movement, seed {arguments.seed}; "
        "scripts/learn_feedback_tolerances.py"
    )
    learnt = {
        "keypoints" if has_keypoints else "decoded": _learn(views, people, embedder, origin, has_keypoints)
        for has_keypoints in (True, False)
    }
    file = arguments.output
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known[embedder.model_id] = {kind: tolerances.to_json() for kind, tolerances in learnt.items()}
    file.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def _second_views(
    takes: list[MocapSequence], count: int, embedder: Embedder, generator: np.random.Generator
) -> list[FilmedPair]:
    """`count` unaltered performances on bodies of all kinds, in two cameras, for each kind of keypoints."""
    cases = [
        (kind, draw_case(takes, generator, amount_deg=None, is_varied=True)) for kind in KEYPOINTS for _ in range(count)
    ]
    return [film_case(case, generator, keypoints=kind, embedder=embedder) for kind, case in cases]


def _two_people(
    takes: list[MocapSequence], count: int, embedder: Embedder, generator: np.random.Generator
) -> list[FilmedPair]:
    """`count` pairs of two people at one movement, exact keypoints."""
    pairs = draw_pairs(cmu_performances(takes), count, generator=generator, keep=_is_long_enough)
    films = []
    for pair in (pair for pair in pairs if pair.kinship == "other person"):
        clips = [_excerpt(performance.take) for performance in (pair.ref, pair.query)]
        poses, times = ((clips[0][part], clips[1][part]) for part in (0, 1))
        films.append(film_movements(poses, times, generator, keypoints="GT", embedder=embedder))
    return films


def _is_long_enough(pair: Pair) -> bool:
    return min(len(side.take.poses) / side.take.fps for side in (pair.ref, pair.query)) >= 2.0


def _excerpt(take: MocapSequence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first MAX_S seconds at 30 Hz: poses and times."""
    return warped(take.poses, take.fps, lambda t: t, min(MAX_S, (len(take.poses) - 1) / take.fps))


def _learn(
    views: list[FilmedPair], people: list[FilmedPair], embedder: Embedder, origin: str, has_keypoints: bool
) -> Tolerances:
    def measured(films: list[FilmedPair]) -> list[AngleDifferences]:
        return [film.differences(embedder, has_keypoints=has_keypoints) for film in films]

    seen, others = measured(views), measured(people)
    offsets, changes = zip(*(changes_of(found) for found in seen), strict=True)
    maxima = np.stack([np.abs(np.nan_to_num(change)).max(0) for change in changes])
    between = np.concatenate([np.abs(changes_of(found)[1]) for found in others])
    view = _limits(maxima, VIEW_PERCENTILE)
    person = _both_sides(np.nanpercentile(between, PEOPLE_PERCENTILE, axis=0))
    for angle, of_view, of_person in zip(ALL_ANGLES, view, person, strict=True):
        print(f"{angle.name:24s} another view {of_view:5.1f}  another person {of_person:5.1f}")
    if has_keypoints:
        view[: len(ANGLES)] = 0
    uncertainty = np.concatenate([found.uncertainty for found in seen])
    limits = Tolerances(
        offset_deg=np.maximum(_limits(np.abs(np.stack(offsets)), OFFSET_PERCENTILE), FLOOR_DEG),
        change_deg=np.maximum(np.maximum(view, person), FLOOR_DEG),
        min_sureness=0.0,
        typical_uncertainty=float(np.nanpercentile(uncertainty, 75)),
        max_uncertainty=float(np.nanpercentile(uncertainty, UNCERTAIN_PERCENTILE)),
        origin=origin,
    )
    return replace(limits, min_sureness=_least_sureness(seen, limits) if has_keypoints else 0.0)


def _least_sureness(seen: list[AngleDifferences], limits: Tolerances) -> float:
    """What leaves FALSE_PER_MINUTE of the lines on unaltered performances."""
    settings = FeedbackSettings()
    lines = [line for found in seen for line in find_lines(judge(found, limits, settings), settings, is_mirrored=False)]
    sureness = sorted((line.sureness for line in lines if np.isfinite(line.sureness)), reverse=True)
    minutes = sum(float(found.time_s[-1] - found.time_s[0]) for found in seen) / 60
    kept = int(FALSE_PER_MINUTE * minutes)
    print(f"{len(sureness)} false lines in {minutes:.1f} minutes, the surest {np.round(sureness[: kept + 5], 2)}")
    return sureness[kept] if kept < len(sureness) else 0.0


def _limits(measured: NDArray[np.float64], percentile: float) -> NDArray[np.float64]:
    """(A,) that percentile over clips (C, A), left and right as one; lean and facing by ROOT_FACTOR."""
    limits = np.percentile(np.concatenate([measured, measured[:, _OTHER_SIDE]]), percentile, axis=0)
    roots = [column for column, angle in enumerate(ALL_ANGLES) if angle in ROOT_ANGLES]
    limits[roots] = ROOT_FACTOR * np.percentile(measured[:, roots], 99, axis=0)
    return limits


def _both_sides(limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(A,) the larger one of left and right."""
    return np.maximum(limits, limits[_OTHER_SIDE])


if __name__ == "__main__":
    main()
