"""What a search found, as JSON and as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseflow.errors import PoseflowError


@dataclass(frozen=True)
class Hit:
    """One place in which the query's movement was found.

    Attributes:
        file, person_id: Whose track it is.
        start_s, end_s: Where, in the time of that clip; half-open.
        score: 0 to 100, as `poseflow match` has it for that place.
        match_probability: Mean over the path of P(NP-MPJPE <= 0.1).
        distance: Mean calibrated expected NP-MPJPE along the path outside pauses, torso lengths; lower = nearer.
        tempo: Speed of the place / speed of the query; NaN where too short to tell.
        signature: How the score was made; scores with unequal signatures are not comparable.
    """

    file: Path
    person_id: int
    start_s: float
    end_s: float
    score: float
    match_probability: float
    distance: float
    tempo: float
    signature: str

    def to_json(self) -> dict[str, Any]:
        """The place as JSON values; NaN is None."""
        return {
            "file": str(self.file),
            "person": self.person_id,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "score": self.score,
            "match_probability": self.match_probability,
            "distance": self.distance,
            "tempo": None if math.isnan(self.tempo) else self.tempo,
            "signature": self.signature,
        }


@dataclass(frozen=True)
class SearchResult:
    """The places that were found in a library.

    Attributes:
        query: The query's file, if it has one.
        query_person: Who was searched for.
        hits: Best first.
        tracks: People's tracks in the library, of the files that could be read.
        searched: How many of them were searched; fewer where an index left some out.
        failed: Files that could not be read, with their errors.
        model: Id of the embedding weights.
    """

    query: str | None
    query_person: int
    hits: tuple[Hit, ...]
    tracks: int
    searched: int
    failed: tuple[tuple[Path, PoseflowError], ...]
    model: str

    def to_json(self) -> dict[str, Any]:
        """The object that `poseflow search --json` prints."""
        return {
            "query": self.query,
            "query_person": self.query_person,
            "results": [{"rank": rank, **hit.to_json()} for rank, hit in enumerate(self.hits, start=1)],
            "tracks": self.tracks,
            "searched": self.searched,
            "failed": [{"file": str(file), "error": str(error)} for file, error in self.failed],
            "model": self.model,
        }

    def to_text(self) -> str:
        """A table for the terminal."""
        lines = [f"{'rank':>4}  {'score':>5}  {'from':>8}  {'to':>8}  {'tempo':>5}  {'person':>6}  file"]
        for rank, hit in enumerate(self.hits, start=1):
            tempo = "-" if math.isnan(hit.tempo) else f"{hit.tempo:.2f}"
            times = f"{hit.start_s:>7.2f}s  {hit.end_s:>7.2f}s"
            lines.append(f"{rank:>4}  {hit.score:>5.0f}  {times}  {tempo:>5}  {hit.person_id:>6}  {hit.file}")
        if not self.hits:
            lines = ["nothing like it was found; --min-score 0 tells the nearest places whatever they are"]
        left_out = self.tracks - self.searched
        note = f"; the index left out {left_out} of {self.tracks}" if left_out else ""
        return "\n".join([*lines, f"{self.searched} tracks searched{note}"])
