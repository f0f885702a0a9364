from dataclasses import replace

import numpy as np
import pytest

from poseflow.records import PoseTrack
from poseflow.unswap import unswap_track
from vvipe.skeleton import COCO17

ORDER = COCO17.flip_order


def swapped_frames(track):
    """(T,) the frames that `unswap_track` changes."""
    changed = unswap_track(track).keypoints
    return (np.nan_to_num(changed) != np.nan_to_num(track.keypoints)).any((1, 2))


def walker(time_s, *, seed=0):
    """Somebody seen from the front who drifts and swings; pixels with a little noise."""
    time_s = np.asarray(time_s, dtype=float)
    frames = len(time_s)
    keypoints = np.zeros((frames, 17, 2))
    for joint, name in enumerate(COCO17.joints):
        side = name.startswith("left") - float(name.startswith("right"))
        keypoints[:, joint, 0] = 300 + 40 * side + 30 * time_s + 8 * np.sin(3 * time_s + joint)
        keypoints[:, joint, 1] = 100 + 25 * joint + 8 * np.cos(2 * time_s + joint)
    keypoints += np.random.default_rng(seed).normal(size=keypoints.shape)
    return PoseTrack(
        person_id=1,
        skeleton=COCO17,
        index=np.arange(frames),
        time_s=time_s,
        keypoints=keypoints.astype(np.float32),
        scores=np.random.default_rng(seed).uniform(0.5, 1, (frames, 17)).astype(np.float32),
        boxes=np.tile(np.array([200, 80, 400, 600], np.float32), (frames, 1)),
        box_scores=np.ones(frames, np.float32),
    )


def swapped(track, frames):
    keypoints, scores = track.keypoints.copy(), track.scores.copy()
    keypoints[frames], scores[frames] = keypoints[frames][:, ORDER], scores[frames][:, ORDER]
    return replace(track, keypoints=keypoints, scores=scores)


SECONDS = np.arange(100) / 30


@pytest.mark.parametrize("frames", [range(41, 76), [50], [10, 12, 14, 60], range(30), range(80, 100), [0], [99]])
def test_exchanged_frames_are_put_right(frames):
    track, frames = walker(SECONDS), list(frames)
    put_right = unswap_track(swapped(track, frames))
    np.testing.assert_array_equal(put_right.keypoints, track.keypoints)
    np.testing.assert_array_equal(put_right.scores, track.scores)
    assert np.flatnonzero(swapped_frames(swapped(track, frames))).tolist() == frames


def test_what_is_right_is_left_alone():
    track = walker(SECONDS)
    assert unswap_track(track) is track
    assert not swapped_frames(track).any()


def test_the_sides_of_most_frames_are_taken_for_right():
    track = walker(SECONDS)
    mostly_wrong = swapped(track, list(range(20, 95)))
    put_right = unswap_track(mostly_wrong)
    np.testing.assert_array_equal(put_right.keypoints, track.keypoints[:, ORDER])


def test_each_side_of_a_gap_is_judged_alone():
    time_s = np.where(np.arange(100) < 50, SECONDS, SECONDS + 3)
    track = walker(time_s)
    all_of_the_second = swapped(track, list(range(50, 100)))
    assert not swapped_frames(all_of_the_second).any()


def test_somebody_who_turns_around_is_left_alone():
    track = walker(SECONDS)
    middle = track.keypoints.mean(1, keepdims=True)
    turn = np.cos(np.pi * np.clip((SECONDS - 1) / 1.2, 0, 1))[:, None].astype(np.float32)
    keypoints = track.keypoints.copy()
    keypoints[..., 0] = middle[..., 0] + turn * (keypoints[..., 0] - middle[..., 0])
    assert not swapped_frames(replace(track, keypoints=keypoints)).any()


def test_missing_joints_and_frames_do_not_matter():
    track = walker(SECONDS)
    keypoints = swapped(track, list(range(41, 76))).keypoints
    keypoints[60:63] = np.nan
    keypoints[:, [7, 9, 13]] = np.nan
    keypoints[20:25, 5] = np.nan
    found = np.flatnonzero(swapped_frames(replace(track, keypoints=keypoints)))
    assert found.tolist() == [*range(41, 60), *range(63, 76)]


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_shortest_tracks_pass_through(frames):
    track = walker(SECONDS[:frames])
    np.testing.assert_array_equal(unswap_track(track).keypoints, track.keypoints)


def test_nobody_seen_passes_through():
    track = walker(SECONDS[:5])
    unseen = replace(track, keypoints=np.full_like(track.keypoints, np.nan), scores=np.zeros_like(track.scores))
    assert np.isnan(unswap_track(unseen).keypoints).all()
