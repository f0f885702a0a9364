"""Learns what a match's score means for an embedding model, and writes it to poseflow/match_defaults.json.

.venv/bin/python scripts/learn_match_defaults.py --mocap FOLDER [--model NAME|FILE]

Two minutes. Only CMU takes are read, and of them those that are not kept for tests. Run it whenever the weights change:
the entry of the model is written anew, those of other models stay.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from poseflow_benchmarks.kinship import development_takes, measure_pairs
from poseflow_benchmarks.mirror_pairs import found_share, learn_evidence, measure_mirrors
from poseflow_benchmarks.movement_pairs import cmu_performances, draw_pairs

from poseflow.score import DEFAULTS_FILE, MatchDefaults
from vvipe import Embedder
from vvipe.datasets.mocap import read_npz


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
    """The defaults of one model: medians over pairs of each kinship, half of them with noise."""
    generator = np.random.default_rng(seed)
    mirrors = measure_mirrors(takes, 2 * pairs, embedder=embedder, generator=generator)
    evidence = learn_evidence(mirrors)
    print(f"mirror evidence {evidence:.4f}: found {found_share(mirrors, evidence):.1%} of movements with a side")
    drawn = draw_pairs(cmu_performances(takes), pairs, generator=generator)
    measures = [
        measure
        for noise in (False, True)
        for measure in measure_pairs(
            drawn[noise::2], embedder=embedder, noise=noise, generator=generator, evidence=evidence
        )
    ]
    medians = {}
    for kinship in ("same performance", "same person", "other person", "other movement"):
        distances = [measure.distance for measure in measures if measure.kinship == kinship]
        medians[kinship] = float(np.median(distances))
        print(kinship, len(distances), np.round(np.percentile(distances, [10, 25, 50, 75, 90]), 3))
    return MatchDefaults(
        repeat=round(medians["same person"], 4),
        other_person=round(medians["other person"], 4),
        other_movement=round(medians["other movement"], 4),
        mirror_evidence=round(evidence, 5),
        origin=f"CMU takes not kept for tests, two random cameras, half with noise D0; medians of {pairs} pairs a "
        f"kinship, seed {seed}; scripts/learn_match_defaults.py",
    )


if __name__ == "__main__":
    main()
