"""Progress of long work on stderr; silent where stderr is no terminal, and for the first two seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from tqdm import tqdm


class _Timed(Protocol):
    @property
    def time_s(self) -> float: ...


Item = TypeVar("Item", bound=_Timed)
_DELAY_S = 2.0


def time_progress(frames: Iterable[Item], *, label: str, start_s: float, end_s: float | None) -> Iterator[Item]:
    """Yields `frames`, showing how many seconds of the span are done; an unknown end shows the seconds alone."""
    total = None if end_s is None else round(max(end_s - start_s, 0.0), 1)
    with tqdm(desc=label, unit="s", total=total, disable=None, delay=_DELAY_S, leave=False) as bar:
        for frame in frames:
            yield frame
            done_s = round(frame.time_s - start_s, 1)
            bar.update((done_s if total is None else min(done_s, total)) - bar.n)
