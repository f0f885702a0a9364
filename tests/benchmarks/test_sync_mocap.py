from __future__ import annotations

import numpy as np
import pytest
from poseflow_benchmarks.mocap_clips import joined
from poseflow_benchmarks.sync import keypoint_distance, keypoint_series
from poseflow_benchmarks.sync_mocap import SeriesSystem, changing_speed, draw_trials, filmed, path_errors
from poses import random_poses

from vvipe.datasets.mocap import MocapSequence
from vvipe.skeleton import H36M17


def _wave(frames: int, phase: float) -> np.ndarray:
    """A person whose arms move smoothly, never twice alike."""
    base = random_poses(1, seed=3).numpy()[0]
    time = np.arange(frames)[:, None, None] / 60
    swing = np.random.default_rng(round(10 * phase)).normal(size=(1, 17, 3)) * 0.12
    return base + swing * np.sin(1.7 * time + phase) + 0.1 * swing[..., ::-1] * time


def _takes() -> list[MocapSequence]:
    return [MocapSequence(f"t{i}", "ab"[i % 2], "l", 60.0, _wave(150, 0.7 * i)) for i in range(6)]


def test_a_changing_speed_arrives_at_the_end_in_time():
    warp, duration_s = changing_speed(1.0, 4.0, 0.5, 2.0)
    assert duration_s == pytest.approx(3.0 / 1.25)
    assert warp(np.array([0.0, duration_s])) == pytest.approx([1.0, 4.0])
    slope = np.diff(warp(np.array([0, 1e-4, duration_s - 1e-4, duration_s])))[[0, 2]] / 1e-4
    assert slope == pytest.approx([0.5, 2.0], rel=1e-3)


def test_joined_clips_face_the_same_way_and_blend_evenly():
    first, second = _wave(60, 0.0), _wave(60, 1.0)
    poses, starts = joined([first, second], 60.0)
    assert starts.tolist() == [0, 60 + 18]
    assert len(poses) == 60 + 18 + 60
    assert np.abs(poses[:, 0]).max() == pytest.approx(0)
    steps = np.linalg.norm(np.diff(poses[59:79], axis=0), axis=(1, 2))
    assert steps.max() == pytest.approx(steps.min(), rel=1e-6)
    hips = np.subtract(*poses[:, list(H36M17.indices("left_hip", "right_hip"))].transpose(1, 0, 2))
    before, after = (np.arctan2(hip[1], hip[0]) for hip in (hips[59], hips[78]))
    assert before == pytest.approx(after)


def test_trials_are_the_same_for_both_choices_of_cameras_but_for_the_query():
    apart, alike = (list(draw_trials(_takes(), 4, is_cross_view=cross, seed=1)) for cross in (True, False))
    for cross, same in zip(apart, alike, strict=True):
        assert cross.ref_view == same.ref_view == same.query_view != cross.query_view
        assert cross.duration_s == same.duration_s
        np.testing.assert_array_equal(cross.poses, same.poses)
    assert {trial.actor for trial in apart} == {"a", "b"}


def test_the_true_path_of_one_camera_is_found_by_keypoints_alone():
    system = SeriesSystem("keypoints", keypoint_series, keypoint_distance)
    errors = []
    for number, trial in enumerate(draw_trials(_takes(), 4, is_cross_view=False, seed=0)):
        ref, query = filmed(trial, None, seed=number)
        errors.append(path_errors(system, ref, query, trial.warp))
    assert float(np.median(np.concatenate(errors))) < 0.04
