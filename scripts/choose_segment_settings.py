"""Chooses the default settings of segmentation on compositions of CMU, and writes what it saw.

.venv/bin/python scripts/choose_segment_settings.py --mocap FOLDER

About three minutes of one core. Only CMU takes are read, and of them those that are not kept for tests. Each setting
is tried at a few values, the others as they are; a value is taken where the mean of MoF and F1@50, K given and not,
rises by LEAST_GAIN.
The outcome goes to poseflow/segment_defaults.json: put what it chose into poseflow/segmentation, which a test compares.
The windows of the methods that stand beside ours in `poseflow bench segmentation` are chosen in the same way.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from poseflow_benchmarks.mocap_clips import Noise
from poseflow_benchmarks.segmentation_data import LabelledSequence, composed_sequences
from poseflow_benchmarks.segmentation_features import Described, Describer
from poseflow_benchmarks.segmentation_metrics import matched, mean_over_frames, segment_f1
from poseflow_benchmarks.segmentation_rows import OTHERS, Segmenter, cluster_others, segment_ours

from poseflow.records import EmbeddingTrack
from poseflow.segmentation.settings import DEFAULTS_FILE, METHODS, SegmentSettings
from vvipe import Embedder

SOURCES: tuple[Noise | None, ...] = (None, "D1")
LEAST_GAIN = 0.01
"""Less than that is the luck of a dozen sequences."""
WINDOWS_S = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0)
_GRID: Mapping[str, Sequence[Any]] = {"use_orientation": (True, False), "speed_weight": (0.0, 1.0, 2.0)}
_WORDS: Mapping[str, Sequence[Any]] = {
    "words": (32, 64, 128),
    "sharpness": (1.0, 2.0, 4.0),
    "window_s": (1.5, 2.5, 4.0),
}
_PLAIN: Mapping[str, Sequence[Any]] = {
    "method": METHODS,
    "threshold": (0.75, 0.85, 0.95),
    "switch_cost": (10.0, 20.0, 40.0),
}


@dataclass(frozen=True)
class Film:
    """A development sequence as one input shows it."""

    sequence: LabelledSequence
    track: EmbeddingTrack
    describer: Describer

    def described(self, settings: SegmentSettings) -> Described:
        return replace(self.describer, settings=settings.grid).ours(self.track)


def main() -> None:
    """Measures, prints what it finds, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz and cmu_more.npz")
    parser.add_argument("--sequences", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=DEFAULTS_FILE)
    arguments = parser.parse_args()
    embedder = Embedder.from_pretrained()
    describer = Describer(embedder)
    sequences = composed_sequences(arguments.mocap, arguments.sequences, data="development", seed=arguments.seed)
    films = [
        Film(sequence, describer.embed(sequence.filmed(source)), describer)
        for source in SOURCES
        for sequence in sequences
    ]
    windows = {name: choose_window(films, name) for name in OTHERS}
    chosen, tried = choose(films)
    origin = (
        f"{len(sequences)} compositions of single movements of CMU takes not kept for tests, a random camera "
        f"each, exact keypoints and noise D1; mean of MoF and F1@50, K given and not; {embedder.model_id}, "
        f"seed {arguments.seed}; scripts/choose_segment_settings.py"
    )
    written = {"chosen": asdict(chosen), "others_window_s": windows, "tried": tried, "origin": origin}
    arguments.output.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def choose(films: Sequence[Film]) -> tuple[SegmentSettings, dict[str, float]]:
    """The settings after one round over all of them, and every figure that was seen."""
    best = SegmentSettings()
    highest = score_ours(films, best)
    tried = {"before": round(highest, 4)}
    for name, values in {**_WORDS, **_PLAIN, **_GRID}.items():
        for value in values:
            other = changed(best, name, value)
            if other == best:
                continue
            found = score_ours(films, other)
            tried[f"{name}={value}"] = round(found, 4)
            print(f"{name}={value}: {found:.4f} (best {highest:.4f})", flush=True)
            if found > highest + LEAST_GAIN:
                best, highest = other, found
    return best, tried


def changed(settings: SegmentSettings, name: str, value: Any) -> SegmentSettings:
    """The settings with another value of one of them."""
    if name in _GRID:
        return replace(settings, grid=replace(settings.grid, **{name: value}))
    if name in _WORDS:
        return replace(settings, words=replace(settings.words, **{name: value}))
    return replace(settings, **{name: value})


def choose_window(films: Sequence[Film], name: str) -> float:
    """The window of another method, in seconds, with the best figure on our embedding."""
    described = [film.described(SegmentSettings()) for film in films]
    figures = {}
    for window_s in WINDOWS_S:
        way = _other(name, window_s)
        figures[window_s] = score(films, described, way)
        print(f"{name}, window {window_s:g} s: {figures[window_s]:.4f}", flush=True)
    return max(figures, key=lambda window_s: figures[window_s])


def _other(name: str, window_s: float) -> Segmenter:
    return lambda films, k: cluster_others(films, k, chosen=replace(OTHERS[name], window_s=window_s))


def score_ours(films: Sequence[Film], settings: SegmentSettings) -> float:
    """Figure of the pipeline with those settings."""
    described = [film.described(settings) for film in films]
    return score(films, described, lambda own, k: segment_ours(own, k, settings=settings))


def score(
    films: Sequence[Film], described: Sequence[Described], way: Callable[[list[Described], int | None], list]
) -> float:
    """Mean of MoF and F1@50 over the films, K given and not."""
    figures = []
    for film, own in zip(films, described, strict=True):
        truth = film.sequence.truth
        for k in (len(np.unique(truth)), None):
            found = matched(truth, own.at(film.sequence.time_s, way([own], k)[0]))
            figures += [mean_over_frames(truth, found), segment_f1(truth, found, 0.5)]
    return float(np.mean(figures))


if __name__ == "__main__":
    main()
