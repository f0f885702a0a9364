"""Learns what a match's score means for an embedding model, and writes it to poseflow/match_defaults.json.

.venv/bin/python scripts/learn_match_defaults.py --mocap FOLDER [--model NAME|FILE]

Four minutes. Only CMU takes are read, and of them those that are not kept for tests. Run it whenever the weights
change: the entry of the model is written anew, those of other models stay.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from poseflow_benchmarks.kinship import development_takes, measure_pairs
from poseflow_benchmarks.mirror_pairs import found_share, learn_evidence, measure_mirrors
from poseflow_benchmarks.movement_pairs import Kinship, Pair, cmu_performances, draw_pairs

from poseflow.score import DEFAULTS_FILE, MatchDefaults
from vvipe import Embedder
from vvipe.datasets.mocap import read_npz
from vvipe.datasets.splits import split_of


def main() -> None:
    """Measures the pairs, prints what it found, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz and cmu_more.npz")
    parser.add_argument("--model", help="name or file; default: the shipped one")
    parser.add_argument("--pairs", type=int, default=120, help="of each kinship")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=DEFAULTS_FILE)
    arguments = parser.parse_args()
    embedder = Embedder.from_pretrained(arguments.model)
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_npz(arguments.mocap / name)]
    defaults = learn(embedder, development_takes(takes), pairs=arguments.pairs, seed=arguments.seed)
    file = arguments.output
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known[embedder.model_id] = asdict(defaults)
    file.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def learn(embedder: Embedder, takes: list, *, pairs: int, seed: int) -> MatchDefaults:
    """The defaults of one model: medians over pairs of each kinship, half of them with noise, for unseen people.

    Most repeated movements are of people whom the model was trained on. Two views of one performance are farther apart
    where the person is one of the carve-out; that much is added to every anchor.
    """
    generator = np.random.default_rng(seed)
    mirrors = measure_mirrors(takes, 2 * pairs, embedder=embedder, generator=generator)
    evidence = learn_evidence(mirrors)
    print(f"mirror evidence {evidence:.4f}: found {found_share(mirrors, evidence):.1%} of movements with a side")
    performances = cmu_performances(takes)
    drawn = draw_pairs(performances, pairs, generator=generator)
    medians = _medians(drawn, embedder, generator, evidence)
    unseen = draw_pairs(performances, pairs, generator=generator, keep=_is_unseen)
    same = [pair for pair in unseen if pair.kinship == "same performance"]
    added = _medians(same, embedder, generator, evidence)["same performance"] - medians["same performance"]
    print(f"unseen people: {added:+.4f}")
    return MatchDefaults(
        repeat=round(medians["same person"] + added, 4),
        other_person=round(medians["other person"] + added, 4),
        other_movement=round(medians["other movement"] + added, 4),
        mirror_evidence=round(evidence, 5),
        origin=f"CMU takes not kept for tests, two random cameras, half with noise D0; medians of {pairs} pairs a "
        f"kinship, and {added:+.4f} for people not trained on (carve-out), seed {seed}; "
        "scripts/learn_match_defaults.py",
    )


def _medians(
    pairs: list[Pair], embedder: Embedder, generator: np.random.Generator, evidence: float
) -> dict[Kinship, float]:
    """Median distance of the pairs of each kinship."""
    distances: dict[Kinship, list[float]] = {}
    for noise in (False, True):
        half = pairs[noise::2]
        for measure in measure_pairs(half, embedder=embedder, noise=noise, generator=generator, evidence=evidence):
            distances.setdefault(measure.kinship, []).append(measure.distance)
    for kinship, found in distances.items():
        print(kinship, len(found), np.round(np.percentile(found, [10, 25, 50, 75, 90]), 3))
    return {kinship: float(np.median(found)) for kinship, found in distances.items()}


def _is_unseen(pair: Pair) -> bool:
    """Whether the query is of people whom the model was not trained on."""
    return split_of(pair.query.take) == "carve-out"


if __name__ == "__main__":
    main()
