import json

import numpy as np
import pytest
from poseflow_benchmarks.sync import (
    SyncSettings,
    angle_distance,
    angle_series,
    keypoint_distance,
    keypoint_series,
    sync_report,
    windows,
)

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, PoseTrack
from poseflow.time_series import TimeSeries
from vvipe.skeleton import COCO17

FRAMES = 100
TIME_S = np.arange(FRAMES) / 60


class DistanceIsError:
    model_id, sha256 = "toy@1", "0" * 64

    def expected_error(self, a, b, uncertainty_a=None, uncertainty_b=None):
        return np.linalg.norm(a - b, axis=1)


def dancer(time_s):
    """(T, 17, 2) pixels of somebody whose arms and legs swing at speeds that do not repeat within two seconds."""
    rest = np.zeros((17, 2))
    for joint, place in {
        "nose": (0, -160), "left_shoulder": (40, -120), "right_shoulder": (-40, -120), "left_elbow": (70, -60),
        "right_elbow": (-70, -60), "left_wrist": (75, 0), "right_wrist": (-75, 0), "left_hip": (25, 0),
        "right_hip": (-25, 0), "left_knee": (30, 90), "right_knee": (-30, 90), "left_ankle": (30, 180),
        "right_ankle": (-30, 180),
    }.items():  # fmt: skip
        rest[COCO17.index(joint)] = place
    points = np.tile(rest, (len(time_s), 1, 1)) + 300
    for number, joint in enumerate(("left_wrist", "right_wrist", "left_elbow", "left_ankle", "right_knee")):
        speed = 1.1 + 0.37 * number
        points[:, COCO17.index(joint)] += 40 * np.stack([np.sin(speed * time_s), np.cos(speed * time_s)], axis=1)
    return points.astype(np.float32)


def clip_of(keypoints, *, vectors=None, name="cam.mp4"):
    frames = len(keypoints)
    track = PoseTrack(
        person_id=1,
        skeleton=COCO17,
        index=np.arange(frames),
        time_s=TIME_S[:frames],
        keypoints=keypoints,
        scores=np.ones((frames, 17), np.float32),
        boxes=np.tile(np.array([150, 100, 450, 550], np.float32), (frames, 1)),
        box_scores=np.ones(frames, np.float32),
    )
    embedding = EmbeddingTrack(
        person_id=1,
        time_s=track.time_s,
        vectors=keypoints.reshape(frames, -1) if vectors is None else vectors,
        uncertainty=np.full(frames, 0.05, np.float32),
        valid=np.ones(frames, bool),
        model="toy@1",
        root_rotation=np.full((frames, 4), np.nan, np.float32),
    )
    info = DetectorInfo("blazepose", (ModelFile("heavy", "1" * 64),), "cpu")
    metadata = ClipMetadata(source=name, frames=frames, size=(1080, 1920), detector=info, is_smoothed=False)
    return EmbeddedClip((track,), (embedding,), metadata)


@pytest.fixture(scope="module")
def report():
    clip = clip_of(dancer(TIME_S))
    return sync_report(clip, clip, embedder=DistanceIsError())


def test_a_film_finds_itself(report):
    for system in ("embedding", "keypoints_2d", "angles_2d"):
        assert report.row(system).mean_error_s < 0.01


def test_windows_start_every_tenth_of_a_second_and_lie_inside():
    cuts = list(windows(TimeSeries(TIME_S, np.zeros((FRAMES, 1)), np.ones(FRAMES, bool)), SyncSettings()))
    np.testing.assert_allclose([cut.time_s[0] for cut in cuts], np.arange(12) / 10)
    assert {len(cut.time_s) for cut in cuts} == {30}


def test_blind_placements_have_the_errors_of_arithmetic(report):
    starts = np.arange(12) / 10
    room = TIME_S[-1] - 29 / 60
    middle = np.abs(starts - room / 2).mean()
    # A uniform start u in [0, room] lies |u - s| away from s: in the mean (s^2 + (room - s)^2) / (2 room).
    uniform = ((starts**2 + (room - starts) ** 2) / (2 * room)).mean()
    assert report.row("middle").mean_error_s == pytest.approx(middle)
    assert report.row("random").mean_error_s == pytest.approx(uniform, rel=0.02)
    assert report.row("middle").mean_error_s == pytest.approx(0.29, abs=0.02)
    assert report.row("random").mean_error_s == pytest.approx(0.38, abs=0.03)


def test_features_that_say_nothing_score_like_the_blind():
    noise = np.random.default_rng(0).normal(size=(2, FRAMES, 8)).astype(np.float32)
    clips = [clip_of(dancer(TIME_S), vectors=vectors) for vectors in noise]
    found = sync_report(*clips, embedder=DistanceIsError())
    assert found.row("embedding").mean_error_s > 0.2
    assert found.row("keypoints_2d").mean_error_s < 0.01


def test_report_is_the_same_twice_and_names_what_made_it(report):
    clip = clip_of(dancer(TIME_S))
    assert sync_report(clip, clip, embedder=DistanceIsError()) == report
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert written["detector"] == "blazepose:heavy" and written["detector_sha256"] == ["1" * 64]
    assert written["model"] == "toy@1" and written["settings"]["seed"] == 0
    assert [row["windows"] for row in written["rows"]] == [24] * 5
    assert report.to_markdown().count("\n| ") == 5 and "blazepose:heavy" in report.to_markdown()


def test_an_unseen_window_is_left_out_and_counted():
    keypoints = dancer(TIME_S)
    keypoints[:40] = np.nan
    found = sync_report(clip_of(keypoints), clip_of(dancer(TIME_S)), embedder=DistanceIsError())
    assert found.row("angles_2d").windows == 24 - 2


def test_angles_are_those_of_the_triangle():
    keypoints = np.full((2, 17, 2), np.nan, np.float32)
    shoulder, elbow, wrist = COCO17.indices("left_shoulder", "left_elbow", "left_wrist")
    keypoints[:, elbow], keypoints[:, shoulder] = (10, 10), (10, 0)
    keypoints[0, wrist], keypoints[1, wrist] = (20, 10), (10 + 10 * np.sqrt(3), 20)
    series = angle_series(clip_of(keypoints).tracks[0])
    np.testing.assert_allclose(series.values[:, 0], [90, 120], atol=1e-4)
    assert np.isnan(series.values[:, 1:]).all()
    assert series.is_seen.all()


def test_angles_and_keypoints_ignore_place_and_size_of_the_picture():
    track, moved = clip_of(dancer(TIME_S)).tracks[0], clip_of(2 * dancer(TIME_S) + 77).tracks[0]
    np.testing.assert_allclose(angle_series(track).values, angle_series(moved).values, atol=1e-3)
    np.testing.assert_allclose(keypoint_series(track).values, keypoint_series(moved).values, atol=1e-5)


def test_distances_take_the_parts_that_both_have():
    a, b = np.array([[1.0, np.nan, 5.0], [np.nan] * 3]), np.array([[2.0, 1.0, 8.0], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(angle_distance(a, b), [2, np.nan])
    a, b = np.array([[0.0, 0.0, 9.0, np.nan]]), np.array([[3.0, 4.0, 1.0, 1.0]])
    np.testing.assert_allclose(keypoint_distance(a, b), [5])
