"""Two people who walk through a picture of 640 x 480, as every format is to say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poseflow.records import PoseTrack
from vvipe.skeleton import COCO17

N_FRAMES, FPS, SIZE = 12, 30.0, (640, 480)


@dataclass(frozen=True)
class Walk:
    """The truth: keypoints (T, P, 17, 2) in pixels, NaN where not seen, and scores (T, P, 17), 0 where not seen."""

    keypoints: np.ndarray
    scores: np.ndarray

    def check(self, tracks: Sequence[PoseTrack], *, joints: Sequence[str] = COCO17.joints, atol: float = 1e-3) -> None:
        """The tracks hold these keypoints and scores at `FPS`; joints other than `joints` are not seen."""
        assert [track.person_id for track in tracks] == list(range(1, self.keypoints.shape[1] + 1))
        seen = [COCO17.index(joint) for joint in joints]
        unseen = [i for i in range(17) if i not in seen]
        for person, track in enumerate(tracks):
            assert track.skeleton == COCO17
            np.testing.assert_array_equal(track.index, np.arange(len(self.keypoints)))
            np.testing.assert_allclose(track.time_s, np.arange(len(self.keypoints)) / FPS)
            np.testing.assert_allclose(track.keypoints[:, seen], self.keypoints[:, person, seen], atol=atol)
            np.testing.assert_allclose(track.scores[:, seen], self.scores[:, person, seen], atol=1e-5)
            assert np.isnan(track.keypoints[:, unseen]).all()
            assert (track.scores[:, unseen] == 0).all()
            inside = track.keypoints[:, seen]
            assert (np.nanmin(inside, axis=1) >= track.boxes[:, :2] - 1e-3).all()
            assert (np.nanmax(inside, axis=1) <= track.boxes[:, 2:] + 1e-3).all()

    def without_scores(self) -> Walk:
        """The same where a format states no confidence: 1 for each joint that was seen."""
        return Walk(self.keypoints, (self.scores > 0).astype(float))


def make_walk(people: int) -> Walk:
    generator = np.random.default_rng(7)
    body = generator.uniform([0, 0], [60, 180], (people, 17, 2))
    start = np.array([[40.0, 60.0], [420.0, 200.0]])[:people]
    speed = np.array([[4.0, 1.0], [-3.0, 0.5]])[:people]
    time = np.arange(N_FRAMES)[:, None, None, None]
    keypoints = body + start[:, None] + speed[:, None] * time
    scores = generator.uniform(0.3, 1, keypoints.shape[:3])
    left_wrist = COCO17.index("left_wrist")
    keypoints[3:5, 0, left_wrist], scores[3:5, 0, left_wrist] = np.nan, 0
    return Walk(keypoints, scores)


@pytest.fixture
def walk() -> Walk:
    return make_walk(2)


@pytest.fixture
def lone_walk() -> Walk:
    return make_walk(1)


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any, name: str = "keypoints.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write
