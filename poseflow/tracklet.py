"""One person's sightings while a clip is being read: the last ones as they are, all of them packed.

An hour of video has a hundred thousand sightings a person, so the past is rows in one buffer (about 240 bytes each for
17 joints), not objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_VELOCITY_SPAN_S = 0.25  # a person's velocity is measured over the sightings of this span
_COASTING_S = 0.5  # extrapolated motion dies out with this time constant


@dataclass(frozen=True)
class Sighting:
    """One person in one frame, K joints.

    Attributes:
        position: Number of the frame among the processed ones.
        time_s: Presentation time of the frame.
        keypoints: (K, 2) float32 pixels; NaN = not seen.
        scores: (K,) float32.
        box: (4,) float32: x0, y0, x1, y1.
        box_score: Confidence of the box.
    """

    position: int
    time_s: float
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    box: NDArray[np.float32]
    box_score: float


class Tracklet:
    """A person's sightings so far, in order of time, at least one."""

    def __init__(self, first: Sighting) -> None:
        self.first = first
        self._recent = [first]  # those that the velocity is measured with
        joints = len(first.scores)
        self._row_type = np.dtype(
            [
                ("position", np.int64),
                ("keypoints", np.float32, (joints, 2)),
                ("scores", np.float32, (joints,)),
                ("box", np.float32, (4,)),
                ("box_score", np.float32),
            ]
        )
        self._packed = bytearray(self._pack(first))

    @property
    def last(self) -> Sighting:
        return self._recent[-1]

    @property
    def rows(self) -> NDArray[np.void]:
        """(S,) every sighting: position, keypoints (K, 2), scores (K,), box (4,), box_score.

        While somebody holds the array, nothing can be added.
        """
        return np.frombuffer(self._packed, self._row_type)

    @property
    def n_sightings(self) -> int:
        return len(self._packed) // self._row_type.itemsize

    def add(self, sighting: Sighting) -> None:
        """Appends a sighting that is later than all others."""
        self._packed += self._pack(sighting)
        self._recent.append(sighting)
        while len(self._recent) > 2 and sighting.time_s - self._recent[0].time_s > _VELOCITY_SPAN_S:
            del self._recent[0]

    def join(self, later: Self) -> None:
        """Appends the sightings of a tracklet that starts when this one has ended."""
        self._packed += later._packed
        self._recent = list(later._recent)

    def predicted_shift_px(self, time_s: float) -> NDArray[np.float64]:
        """(2,) how far the body has moved since the last sighting, its velocity dying out."""
        unseen_s = time_s - self.last.time_s
        return self._velocity_px_s() * _COASTING_S * (1 - np.exp(-unseen_s / _COASTING_S))

    def _velocity_px_s(self) -> NDArray[np.float64]:
        earlier = self._recent[0]
        moved = self.last.keypoints.astype(np.float64) - earlier.keypoints
        is_shared = np.isfinite(moved).all(-1)
        if earlier is self.last or not is_shared.any():
            return np.zeros(2)
        return np.median(moved[is_shared], axis=0) / (self.last.time_s - earlier.time_s)

    def _pack(self, sighting: Sighting) -> bytes:
        row = (sighting.position, sighting.keypoints, sighting.scores, sighting.box, sighting.box_score)
        return np.array(row, self._row_type).tobytes()
