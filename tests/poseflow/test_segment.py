"""Timelines of invented movements: two periodic curves, one after the other, in an embedding space of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from saved_tracks import FPS, embedding_track
from scipy.spatial.transform import Rotation
from tiny_model import save_tiny_model

from poseflow import segment
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.records import EmbeddingTrack, Segment
from poseflow.segment import Timeline
from poseflow.segmentation.pose_grid import GridSettings
from poseflow.segmentation.settings import METHODS, SegmentSettings
from vvipe import Embedder

A, B, C = 0, 1, 2


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


def cycle(kind: int, seconds: float, *, seed: int = 0) -> np.ndarray:
    """(T, 8) a movement that comes again every second, far from those of other kinds, with a little noise."""
    time_s = np.arange(round(seconds * FPS)) / FPS
    plane = np.zeros((2, 8))
    plane[0, 2 * kind], plane[1, 2 * kind + 1] = 3.0, 3.0
    turn = np.stack([np.sin(2 * np.pi * time_s), np.cos(2 * np.pi * time_s)], axis=1)
    middle = np.eye(8)[2 * kind] * 4
    return middle + turn @ plane + 0.02 * np.random.default_rng(seed).normal(size=(len(time_s), 8))


def track_of(*parts: tuple[int, float], model: str, start_s: float = 0.0) -> EmbeddingTrack:
    return embedding_track(np.concatenate([cycle(*part, seed=i) for i, part in enumerate(parts)]), model=model,
                           start_s=start_s)  # fmt: skip


def lying(track: EmbeddingTrack, from_s: float) -> EmbeddingTrack:
    """The same poses, upright until `from_s` and lying from then on."""
    # Columns: where the body's x, y (hips) and z (spine) point in the camera, whose y points down.
    matrices = [[[0, 1, 0], [0, 0, -1], [-1, 0, 0]], [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]]
    upright, turned = Rotation.from_matrix(matrices).as_quat(scalar_first=True)
    rotation = np.where((track.time_s < from_s)[:, None], upright, turned)
    return replace(track, root_rotation=rotation.astype(np.float32))


def spans(timeline: Timeline) -> list[tuple[str, float, float]]:
    return [(s.label, s.start_s, s.end_s) for s in timeline.segments]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_an_action_that_comes_back(embedder: Embedder, method: str) -> None:
    track = track_of((A, 20), (B, 20), (A, 20), model=embedder.model_id)
    clusters = None if method == "hdbscan" else 2
    found = spans(segment(track, embedder=embedder, settings=SegmentSettings(method=method, clusters=clusters)))
    if method == "twfinch":  # weighs time by design: it may cut a long action into several
        borders = [start for _, start, _ in found[1:]]
        assert min(abs(border - 20) for border in borders) < 1.0 and min(abs(border - 40) for border in borders) < 1.0
        return
    assert [label for label, _, _ in found] == ["1", "2", "1"]
    assert [start for _, start, _ in found[1:]] == pytest.approx([20, 40], abs=0.7)


def test_without_k_the_default_tells_three_actions_apart(embedder: Embedder) -> None:
    track = track_of((A, 15), (B, 15), (C, 15), (B, 15), model=embedder.model_id)
    assert [label for label, _, _ in spans(segment(track, embedder=embedder))] == ["1", "2", "3", "2"]


def test_segments_cover_the_whole_track_to_its_last_frame(embedder: Embedder) -> None:
    track = track_of((A, 15), (B, 15), model=embedder.model_id, start_s=100.0)
    segments = segment(track, embedder=embedder).segments
    assert segments[0].start_s == 100.0
    assert segments[-1].end_s == pytest.approx(130.0)
    assert all(a.end_s == b.start_s for a, b in zip(segments, segments[1:], strict=False))
    assert all(0 <= s.confidence <= 1 for s in segments)


@pytest.mark.parametrize("method", METHODS)
def test_still_person_gives_one_segment(embedder: Embedder, method: str) -> None:
    noise = 0.02 * np.random.default_rng(0).normal(size=(600, 8))
    track = embedding_track(np.ones(8) + noise, model=embedder.model_id)
    timeline = segment(track, embedder=embedder, settings=SegmentSettings(method=method))
    assert spans(timeline) == [("1", 0.0, pytest.approx(20.0))]


@pytest.mark.parametrize("frames", [1, 2, 10, 40])
@pytest.mark.parametrize("method", METHODS)
def test_clip_shorter_than_the_window_is_one_segment(embedder: Embedder, frames: int, method: str) -> None:
    track = embedding_track(cycle(A, 5)[:frames], model=embedder.model_id)
    ((label, start_s, end_s),) = spans(segment(track, embedder=embedder, settings=SegmentSettings(method=method)))
    assert (label, start_s) == ("1", 0.0) and end_s == pytest.approx(max(frames / FPS, 1 / FPS), abs=0.1)


@pytest.mark.parametrize("frames", [0, 50])
def test_nothing_seen_is_told(embedder: Embedder, frames: int) -> None:
    track = embedding_track(np.full((frames, 8), np.nan), model=embedder.model_id)
    with pytest.raises(NothingToScoreError, match="no usable pose"):
        segment(track, embedder=embedder)


def test_a_gap_of_seconds_is_in_no_segment(embedder: Embedder) -> None:
    vectors = cycle(A, 30)
    vectors[300:600] = np.nan
    found = spans(segment(embedding_track(vectors, model=embedder.model_id), embedder=embedder))
    assert [label for label, _, _ in found] == ["1", "1"]
    assert found[0][2] == pytest.approx(10, abs=0.3) and found[1][1] == pytest.approx(20, abs=0.3)


def test_standing_and_lying_are_two_segments_where_orientation_counts(embedder: Embedder) -> None:
    still = np.ones((1200, 8)) + 0.02 * np.random.default_rng(0).normal(size=(1200, 8))
    track = lying(embedding_track(still, model=embedder.model_id), 20.0)
    found = spans(segment(track, embedder=embedder, settings=SegmentSettings(grid=GridSettings(use_orientation=True))))
    assert [label for label, _, _ in found] == ["1", "2"] and found[1][1] == pytest.approx(20, abs=0.7)
    blind = SegmentSettings(grid=GridSettings(use_orientation=False))
    assert len(segment(track, embedder=embedder, settings=blind).segments) == 1


def test_no_segment_is_shorter_than_the_least_duration(embedder: Embedder) -> None:
    parts = [(kind, seconds) for seconds in (8, 3, 8, 5) for kind in (A, B, C)]
    track = track_of(*parts, model=embedder.model_id)
    timeline = segment(track, embedder=embedder, settings=SegmentSettings(min_duration_s=4.0, clusters=3))
    assert min(s.end_s - s.start_s for s in timeline.segments) >= 3.9
    labels = [s.label for s in timeline.segments]
    assert all(a != b for a, b in zip(labels, labels[1:], strict=False)), "equal neighbours are one segment"


def test_key_moments_are_frames_inside_their_segments(embedder: Embedder) -> None:
    track = track_of((A, 15), (B, 15), model=embedder.model_id)
    timeline = segment(track, embedder=embedder)
    assert len(timeline.key_s) == len(timeline.segments)
    for span, key_s in zip(timeline.segments, timeline.key_s, strict=True):
        assert span.start_s <= key_s < span.end_s and key_s in track.time_s


def test_the_same_track_gives_the_same_timeline(embedder: Embedder) -> None:
    track = track_of((A, 10), (B, 10), (C, 10), model=embedder.model_id)
    assert segment(track, embedder=embedder) == segment(track, embedder=embedder)


def test_labels_at_any_time_are_those_of_the_segments() -> None:
    parts = (Segment(1.0, 2.0, "b", 1.0), Segment(2.0, 3.0, "a", 1.0), Segment(4.0, 5.0, "b", 1.0))
    timeline = Timeline(parts, 1, (1.5, 2.5, 4.5), "")
    assert timeline.labels == ("b", "a")
    at = timeline.labels_at(np.array([0.5, 1.0, 1.99, 2.0, 3.0, 4.5, 5.0]))
    assert at.tolist() == [-1, 0, 0, 1, -1, 0, -1]


def test_another_model_is_told(embedder: Embedder) -> None:
    with pytest.raises(ModelMismatchError, match="other@1"):
        segment(track_of((A, 5), model="other@1"), embedder=embedder)


def test_renamed_labels(embedder: Embedder) -> None:
    timeline = segment(track_of((A, 15), (B, 15), model=embedder.model_id), embedder=embedder)
    assert {s.label for s in timeline.renamed({"1": "squat"}).segments} == {"squat", "2"}
    with pytest.raises(ValueError, match="no label 7; there are 1, 2"):
        timeline.renamed({"7": "squat"})


def test_examples_name_moments_and_leave_the_rest_unlabelled(embedder: Embedder) -> None:
    model = embedder.model_id
    track = track_of((A, 15), (C, 15), (B, 15), model=model)
    shown = {"squat": [track_of((A, 5), model=model)], "kick": [track_of((B, 5), model=model)]}
    found = spans(segment(track, embedder=embedder, examples=shown))
    assert [label for label, _, _ in found] == ["squat", "kick"]
    assert (found[0][2], found[1][1]) == (pytest.approx(15, abs=0.7), pytest.approx(30, abs=0.7))


@pytest.mark.parametrize(
    "wrong", [{"method": "magic"}, {"clusters": 0}, {"method": "hdbscan", "clusters": 3}, {"min_duration_s": -1.0}]
)
def test_wrong_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="method|clusters|SegmentSettings"):
        SegmentSettings(**wrong)
