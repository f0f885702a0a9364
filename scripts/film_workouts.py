"""Makes saved tracks of people who exercise, for trying `segment` and `count` without a film of one's own.

.venv/bin/python scripts/film_workouts.py --mocap FOLDER -o workouts [--count 6] [--seed 1]

Each is composed of movements of CMU's motion capture that recur, one to six repetitions at a time, on one body,
as a random camera and a noisy detector see them. What is done when stands beside it, as `segment` writes it (.csv).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from poseflow_benchmarks.mocap_clips import with_face
from poseflow_benchmarks.segmentation_data import LabelledSequence, composed_sequences
from poseflow_benchmarks.segmentation_metrics import runs

from poseflow.embed import embed_people
from poseflow.formats.segment_files import write_segments
from poseflow.records import ClipMetadata, Segment
from poseflow.store import write_clip
from vvipe import Embedder


def main() -> None:
    """Writes the tracks and their true labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz and cmu_more.npz")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder, made where it does not exist")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    embedder = Embedder.from_pretrained()
    made = composed_sequences(arguments.mocap, arguments.count, data="development", seed=arguments.seed)
    for number, sequence in enumerate(made, start=1):
        name = f"workout{number}"
        track = with_face(sequence.filmed("D1"))  # smooth already
        metadata = ClipMetadata(source=name, frames=len(track.time_s))
        clip = embed_people([track], metadata=metadata, embedder=embedder, smooth=False)
        write_clip(arguments.output / f"{name}.parquet", clip)
        write_segments(arguments.output / f"{name}.csv", true_segments(sequence))
        print(f"{name}.parquet: {sequence.time_s[-1]:.0f} s")


def true_segments(sequence: LabelledSequence) -> list[Segment]:
    """What is done when."""
    until_s = [*sequence.time_s, sequence.time_s[-1]]
    return [
        Segment(float(until_s[start]), float(until_s[stop]), sequence.actions[action], 1.0)
        for start, stop, action in runs(sequence.truth)
    ]


if __name__ == "__main__":
    main()
