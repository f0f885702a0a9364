from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline
from scipy.signal import butter, sosfiltfilt

from poseflow.records import PoseTrack
from poseflow.smoothing import smooth_track
from vvipe.skeleton import COCO17

CUTOFF_HZ = 6.0


def track_of(
    path: np.ndarray, *, time_s: np.ndarray | None = None, fps: float = 60, scores: np.ndarray | float = 1.0
) -> PoseTrack:
    """A track whose joints all move along `path` (T,) in x and half as far in y."""
    n_frames = len(path)
    time_s = np.arange(n_frames) / fps if time_s is None else time_s
    keypoints = np.repeat(np.stack([path, path / 2], -1)[:, None], 17, axis=1).astype(np.float32)
    seen = np.isfinite(path)
    scores = np.where(seen, scores, 0)
    boxes = np.where(seen[:, None], [0.0, 0, 100, 200], np.nan)
    return PoseTrack(
        1,
        COCO17,
        np.arange(n_frames),
        time_s,
        keypoints,
        np.repeat(scores[:, None], 17, axis=1).astype(np.float32),
        boxes.astype(np.float32),
        np.where(seen, 0.9, np.nan).astype(np.float32),
    )


def smoothed_x(path: np.ndarray, *, cutoff_hz: float = CUTOFF_HZ, **settings) -> np.ndarray:
    return smooth_track(track_of(path, **settings), cutoff_hz=cutoff_hz).keypoints[:, 3, 0].astype(float)


def uneven_times(n_frames: int, *, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(1 / 90, 1 / 20, n_frames))


@pytest.mark.parametrize("scores", [1.0, 0.05])
def test_straight_motion_at_constant_speed_is_left_alone_at_uneven_times(scores: float):
    time_s = uneven_times(200)
    path = 300 + 250 * time_s
    np.testing.assert_allclose(smoothed_x(path, time_s=time_s, scores=scores), path, rtol=1e-5)


@pytest.mark.parametrize("frequency_hz", [0.5, 3.0, 6.0, 12.0])
def test_sinusoid_keeps_its_phase_and_loses_amplitude_as_stated(frequency_hz: float):
    time_s = np.arange(1200) / 240
    path = 100 * np.sin(2 * np.pi * frequency_hz * time_s)
    smooth = smoothed_x(path, time_s=time_s)
    middle = slice(240, 960)
    waves = np.stack([np.sin(2 * np.pi * frequency_hz * time_s), np.cos(2 * np.pi * frequency_hz * time_s)], -1)
    in_phase, out_of_phase = np.linalg.lstsq(waves[middle], smooth[middle], rcond=None)[0]
    assert in_phase == pytest.approx(100 / (1 + (frequency_hz / CUTOFF_HZ) ** 4), rel=0.005)
    assert abs(out_of_phase) < 0.05


def test_slow_sinusoid_is_kept_at_uneven_times():
    time_s = uneven_times(300)
    path = 100 * np.sin(2 * np.pi * 0.5 * time_s)
    np.testing.assert_allclose(smoothed_x(path, time_s=time_s)[20:-20], path[20:-20], atol=0.2)


def test_variance_of_jitter_falls_by_the_closed_form_factor():
    fps = 240
    jitter = np.random.default_rng(1).normal(size=60_000)
    smooth = smoothed_x(jitter, fps=fps)
    # integral of (1 + (f / cutoff)^4)^-2 over all f, by the band of the samples
    expected = 2 * CUTOFF_HZ / fps * 3 * np.pi / (8 * np.sqrt(2))
    assert smooth.var() / jitter.var() == pytest.approx(expected, rel=0.05)


def test_step_is_not_shifted_in_time():
    path = np.where(np.arange(200) < 100, 0.0, 100.0)
    smooth = smoothed_x(path)
    np.testing.assert_allclose(smooth + smooth[::-1], 100, atol=1e-3)  # point-symmetric about the step
    assert smooth[99] < 50 < smooth[100]


def test_it_equals_the_zero_lag_butterworth_filter_where_that_one_applies():
    fps = 480
    path = np.cumsum(np.random.default_rng(2).normal(size=4800))
    butterworth = sosfiltfilt(butter(2, CUTOFF_HZ, fs=fps, output="sos"), path)
    middle = slice(480, -480)
    np.testing.assert_allclose(smoothed_x(path, fps=fps)[middle], butterworth[middle], atol=0.01 * path.std())


def test_it_equals_scipys_smoothing_spline_at_uneven_times_and_scores():
    rng = np.random.default_rng(3)
    time_s = uneven_times(400, seed=3)
    scores = rng.uniform(0.1, 1, 400)
    path = 100 * np.sin(2 * np.pi * 0.8 * time_s) + rng.normal(size=400)
    steps_s = np.diff(time_s)
    weights = scores * (np.append(steps_s, 0) + np.insert(steps_s, 0, 0)) / 2
    spline = make_smoothing_spline(time_s, path, w=weights, lam=(2 * np.pi * CUTOFF_HZ) ** -4)
    np.testing.assert_allclose(smoothed_x(path, time_s=time_s, scores=scores), spline(time_s), atol=1e-3)


def test_bridged_frames_lie_on_scipys_smoothing_spline_of_the_sightings():
    time_s = uneven_times(100, seed=7)
    path = 100 * np.sin(2 * np.pi * 0.8 * time_s)
    is_seen = np.ones(100, bool)
    is_seen[[30, 31, 60]] = False
    smooth = smoothed_x(np.where(is_seen, path, np.nan), time_s=time_s)
    steps_s = np.diff(time_s[is_seen])
    weights = (np.append(steps_s, 0) + np.insert(steps_s, 0, 0)) / 2
    spline = make_smoothing_spline(time_s[is_seen], path[is_seen], w=weights, lam=(2 * np.pi * CUTOFF_HZ) ** -4)
    np.testing.assert_allclose(smooth, spline(time_s), atol=1e-3)


def test_half_amplitude_is_at_the_cutoff_also_at_30_fps():
    time_s = np.arange(300) / 30
    smooth = smoothed_x(100 * np.sin(2 * np.pi * CUTOFF_HZ * time_s), time_s=time_s)
    wave = np.sin(2 * np.pi * CUTOFF_HZ * time_s)[30:-30]
    assert smooth[30:-30] @ wave / (wave @ wave) == pytest.approx(50, rel=0.01)


def test_less_certain_outlier_pulls_less():
    path = np.zeros(61)
    path[30] = 100
    certain = np.ones(61)
    doubtful = certain.copy()
    doubtful[30] = 0.1
    assert smoothed_x(path, scores=doubtful)[30] < 0.2 * smoothed_x(path, scores=certain)[30]


def test_gap_of_up_to_0_2_s_is_bridged_with_half_the_score():
    time_s = np.arange(90) / 30
    path = 100 * np.sin(2 * np.pi * 0.5 * time_s)
    seen = path.copy()
    seen[40:45] = np.nan  # sightings 39 and 45 lie 0.2 s apart
    scores = np.linspace(0.4, 0.9, 90)
    smooth = smooth_track(track_of(seen, time_s=time_s, scores=scores))
    np.testing.assert_allclose(smooth.keypoints[40:45, 3, 0], path[40:45], atol=0.5)
    np.testing.assert_allclose(smooth.scores[40:45, 3], scores[40:45] / 2, atol=1e-6)
    np.testing.assert_allclose(smooth.scores[45:, 3], scores[45:], atol=1e-6)
    assert np.isnan(smooth.boxes[40:45]).all()


def test_longer_gap_stays_nan_and_splits_the_path():
    time_s = np.arange(90) / 30
    seen = np.where(time_s < 1.5, 0.0, 500.0)
    seen[40:46] = np.nan  # sightings 39 and 46 lie 0.233 s apart
    smooth = smooth_track(track_of(seen, time_s=time_s))
    assert np.isnan(smooth.keypoints[40:46]).all()
    assert (smooth.scores[40:46] == 0).all()
    np.testing.assert_allclose(smooth.keypoints[:40, :, 0], 0, atol=1e-3)
    np.testing.assert_allclose(smooth.keypoints[46:, :, 0], 500, atol=1e-3)


def test_gaps_are_counted_in_seconds_not_in_frames():
    for fps, n_missing, is_bridged in ((240, 47, True), (240, 48, False), (10, 1, True), (10, 2, False), (8, 1, False)):
        path = np.zeros(120)
        path[50 : 50 + n_missing] = np.nan
        assert np.isfinite(smoothed_x(path, fps=fps)).all() == is_bridged, (fps, n_missing)


def test_nothing_is_made_up_before_the_first_and_after_the_last_sighting():
    path = np.zeros(30)
    path[:3] = path[-2:] = np.nan
    smooth = smoothed_x(path)
    assert np.isnan(smooth[[0, 1, 2, -2, -1]]).all()
    assert np.isfinite(smooth[3:-2]).all()


def test_each_joint_has_its_own_gaps():
    track = track_of(np.zeros(60))
    track.keypoints[10:40, 5] = np.nan
    smooth = smooth_track(track)
    assert np.isnan(smooth.keypoints[10:40, 5]).all()
    assert np.isfinite(np.delete(smooth.keypoints, 5, axis=1)).all()


@pytest.mark.parametrize("n_frames", [1, 2])
def test_pieces_of_one_and_two_frames_are_left_alone(n_frames: int):
    path = np.array([7.0, 90.0])[:n_frames]
    np.testing.assert_allclose(smoothed_x(path), path, rtol=1e-6)


def test_lone_sighting_between_gaps_is_left_alone():
    path = np.full(61, np.nan)
    path[30] = 123.0
    np.testing.assert_allclose(smoothed_x(path)[30], 123.0, rtol=1e-6)


def test_never_seen_joints_stay_nan():
    assert np.isnan(smoothed_x(np.full(10, np.nan))).all()


def test_empty_track_stays_empty():
    assert smooth_track(track_of(np.empty(0))).keypoints.shape == (0, 17, 2)


def test_last_frame_is_smoothed_too():
    path = np.zeros(60)
    path[-1] = 100.0
    assert 0 < smoothed_x(path)[-1] < 99


def test_argument_is_not_changed():
    path = np.random.default_rng(4).normal(size=50)
    path[20:23] = np.nan
    track = track_of(path)
    before = track.keypoints.copy(), track.scores.copy()
    smooth_track(track)
    np.testing.assert_array_equal(track.keypoints, before[0])
    np.testing.assert_array_equal(track.scores, before[1])


@pytest.mark.parametrize("settings", [{"cutoff_hz": 0}, {"cutoff_hz": float("nan")}, {"max_gap_s": -1}])
def test_settings_out_of_range_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        smooth_track(track_of(np.zeros(5)), **settings)


def test_an_hour_takes_seconds():
    path = np.random.default_rng(5).normal(size=3600 * 30)
    path[np.random.default_rng(6).random(len(path)) < 0.05] = np.nan
    track = track_of(path, fps=30)
    started_s = time.perf_counter()
    smooth_track(track)
    assert time.perf_counter() - started_s < 20
