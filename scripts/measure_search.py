"""Measures `poseflow search` on a synthetic library: how long it takes, and what an index leaves out.

.venv/bin/python scripts/measure_search.py --mocap FOLDER [--hours 10] [--queries 20]

The library is motion capture of CMU, each take filmed by several random cameras and embedded. A query is a cut of one
take as another camera sees it, with simulated detector noise; so every query has its own movement in the library.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from poseflow_benchmarks.machine import this_machine
from poseflow_benchmarks.mocap_clips import film, random_view, with_face

from poseflow.embed import embed_people
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack
from poseflow.search import KEEP, search_folder
from poseflow.search_places import SearchSettings
from poseflow.store import write_clip
from vvipe import Embedder
from vvipe.datasets.mocap import read_npz, resample

RATE_HZ = 30.0
QUERY_S = 3.0
SHORTEST_S = 4.0


@dataclass(frozen=True)
class Take:
    """One recording at RATE_HZ: (T, 17, 3) joints in metres."""

    name: str
    poses: NDArray[np.floating]


def main() -> None:
    """Builds the library, searches it with and without an index, and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with cmu.npz and cmu_more.npz")
    parser.add_argument("--hours", type=float, default=10.0, help="of the library")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--keep", type=int, nargs="+", default=[20, KEEP])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    embedder = Embedder.from_pretrained()
    takes = [take for name in ("cmu.npz", "cmu_more.npz") for take in read_takes(arguments.mocap / name)]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        library.mkdir()
        files, seconds = build_library(takes, library, arguments.hours, embedder=embedder, generator=generator)
        queries = [cut(takes[generator.integers(len(takes))], embedder, generator) for _ in range(arguments.queries)]
        told = {"tracks": files, "hours": seconds / 3600, "queries": arguments.queries, "query_s": QUERY_S}
        told |= measure(queries, library, arguments.keep, embedder=embedder)
    print(json.dumps(told | {"model": embedder.model_id, "machine": asdict(this_machine())}, indent=1))


def read_takes(path: Path) -> list[Take]:
    """The takes of a motion capture file that are long enough for a query, at RATE_HZ."""
    takes = [Take(take.name, resample(take, RATE_HZ).poses) for take in read_npz(path)]
    return [take for take in takes if len(take.poses) >= SHORTEST_S * RATE_HZ]


def build_library(
    takes: list[Take], folder: Path, hours: float, *, embedder: Embedder, generator: np.random.Generator
) -> tuple[int, float]:
    """Saves takes, each time by another camera, until the library has `hours`; files and seconds."""
    count, seconds = 0, 0.0
    while seconds < 3600 * hours:
        take = takes[count % len(takes)]
        write_clip(folder / f"{count:05d} {take.name}.parquet", filmed(take, embedder, generator))
        count, seconds = count + 1, seconds + len(take.poses) / RATE_HZ
    return count, seconds


def filmed(take: Take, embedder: Embedder, generator: np.random.Generator) -> EmbeddedClip:
    """The take as a random camera and a noisy detector see it."""
    time_s = np.arange(len(take.poses)) / RATE_HZ
    seed = int(generator.integers(2**31))
    track = film(take.poses, time_s, random_view(generator), noise="D1", noise_seed=seed)
    return embed_people(
        [with_face(track)], metadata=ClipMetadata(source=take.name, frames=len(time_s)), embedder=embedder
    )


def cut(take: Take, embedder: Embedder, generator: np.random.Generator) -> EmbeddingTrack:
    """QUERY_S of a take, by a camera that is not in the library."""
    frames = round(QUERY_S * RATE_HZ)
    start = int(generator.integers(len(take.poses) - frames + 1))
    return filmed(Take(take.name, take.poses[start : start + frames]), embedder, generator).embeddings[0]


def measure(queries: list[EmbeddingTrack], library: Path, keeps: list[int], *, embedder: Embedder) -> dict[str, object]:
    """Processor seconds a query, exact and with an index, and the share of the exact answers that the index leaves."""
    settings = SearchSettings()
    start = time.process_time()
    exact = [search_folder(query, library, embedder=embedder, settings=settings) for query in queries]
    told: dict[str, object] = {"queries_with_hits": sum(bool(one.hits) for one in exact)}
    told |= {"exact_processor_s": (time.process_time() - start) / len(queries)}
    index = library.parent / "library.index"
    start = time.process_time()
    search_folder(queries[0], library, embedder=embedder, settings=settings, index=index, keep=1)
    told |= {"index_processor_s": time.process_time() - start, "index_bytes": index.stat().st_size}
    for keep in keeps:
        start = time.process_time()
        found = [
            search_folder(query, library, embedder=embedder, settings=settings, index=index, keep=keep)
            for query in queries
        ]
        seconds = (time.process_time() - start) / len(queries)
        pairs = list(zip(exact, found, strict=True))
        told[f"keep {keep}"] = {
            "processor_s": seconds,
            "best_kept": float(np.mean([e.hits[0] in f.hits for e, f in pairs if e.hits])),
            "ten_best_kept": float(np.mean([len(set(e.hits) & set(f.hits)) / len(e.hits) for e, f in pairs if e.hits])),
        }
    return told


if __name__ == "__main__":
    main()
