from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from poseflow.records import Frame, FramePoses, PoseTrack
from poseflow.tracking import track_people
from vvipe.skeleton import BLAZEPOSE33, COCO17

RealFile = Callable[[str], Path]
METRE_PX = 200.0
# A standing figure: x to the right and y down in metres from the ankles' middle, joints in COCO order.
STANDING_M = np.array(
    [[0, -1.6], [0.03, -1.63], [-0.03, -1.63], [0.08, -1.61], [-0.08, -1.61], [0.18, -1.4], [-0.18, -1.4]]
    + [[0.25, -1.12], [-0.25, -1.12], [0.27, -0.88], [-0.27, -0.88], [0.12, -0.9], [-0.12, -0.9]]
    + [[0.13, -0.48], [-0.13, -0.48], [0.14, -0.05], [-0.14, -0.05]]
)


def figure(time_s: float, x_m: float, *, y_m: float = 4.0, swing_hz: float = 1.0, size: float = 1.0) -> np.ndarray:
    """(17, 2) pixels of a walking figure: elbows, wrists, knees and ankles swing by up to 0.35 m."""
    pose = STANDING_M * size
    swing = np.sin(2 * np.pi * swing_hz * time_s)
    for joint, reach_m in ((7, 0.15), (9, 0.35), (14, 0.15), (16, 0.35)):
        pose[joint, 0] += reach_m * swing
        pose[joint + (1 if joint < 11 else -1), 0] -= reach_m * swing
    return ((pose + (x_m, y_m)) * METRE_PX).astype(np.float32)


def frame_poses(people: list[np.ndarray], index: int, time_s: float, *, order: np.random.Generator | None = None):
    """The record of one frame, its people in random order if asked for."""
    if order is not None:
        people = [people[i] for i in order.permutation(len(people))]
    keypoints = np.array(people, np.float32).reshape(-1, 17, 2)
    margin = 0.1 * METRE_PX
    boxes = [np.concatenate([p.min(0) - margin, p.max(0) + margin]) for p in people]
    return FramePoses(
        index,
        time_s,
        keypoints,
        np.full(keypoints.shape[:2], 0.9, np.float32),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(people), 0.8, np.float32),
    )


Scene = Callable[[float], list[np.ndarray]]


def film(scene: Scene, times_s: np.ndarray, *, seed: int | None = 0) -> list[FramePoses]:
    order = None if seed is None else np.random.default_rng(seed)
    return [frame_poses(scene(t), i, float(t), order=order) for i, t in enumerate(times_s)]


def even_times(duration_s: float, fps: float) -> np.ndarray:
    return np.arange(round(duration_s * fps)) / fps


def track(frames: list[FramePoses], **settings) -> list[PoseTrack]:
    return track_people(frames, skeleton=COCO17, **settings)


def assert_follows(person: PoseTrack, where: Callable[[float], np.ndarray]) -> None:
    """Every sighting of the track is the figure that `where` draws at that time."""
    seen = person.is_seen
    expected = np.array([where(t) for t in person.time_s])
    np.testing.assert_array_equal(person.keypoints[seen], expected[seen])


@pytest.mark.parametrize("fps", [10, 15, 30, 60, 120])
def test_two_people_who_cross_keep_their_ids_though_one_is_hidden_meanwhile(fps: float):
    def left_to_right(t: float) -> np.ndarray:
        return figure(t, 1 + 1.4 * t)

    def right_to_left(t: float) -> np.ndarray:
        return figure(t, 6.5 - 1.2 * t, swing_hz=0.9)

    def scene(t: float) -> list[np.ndarray]:
        near, far = left_to_right(t), right_to_left(t)
        is_hidden = abs(near[0, 0] - far[0, 0]) < 0.4 * METRE_PX
        return [near] if is_hidden else [near, far]

    first, second = sorted(track(film(scene, even_times(4, fps))), key=lambda p: p.boxes[0, 0])
    assert_follows(first, left_to_right)
    assert_follows(second, right_to_left)
    assert first.is_seen.all()
    assert not second.is_seen.all()
    assert len(second.time_s) == round(4 * fps)


@pytest.mark.parametrize("fps", [15, 60])
def test_a_runner_has_one_id_at_any_frame_rate(fps: float):
    (runner,) = track(film(lambda t: [figure(t, 1 + 5 * t, swing_hz=1.5)], even_times(3, fps)))
    assert runner.is_seen.all()


def test_variable_frame_rate_keeps_the_ids():
    times_s = np.cumsum(np.random.default_rng(1).choice([1 / 60, 1 / 30, 1 / 10], 120))

    def walker(t: float) -> np.ndarray:
        return figure(t, 1 + 1.5 * t)

    def stander(t: float) -> np.ndarray:
        return figure(t, 5.0, swing_hz=0.4)

    people = track(film(lambda t: [walker(t), stander(t)], times_s))
    assert len(people) == 2
    for person in people:
        assert_follows(person, walker if person.boxes[0, 0] < 3 * METRE_PX else stander)
        np.testing.assert_array_equal(person.time_s, times_s)


@pytest.mark.parametrize(("away_s", "n_ids"), [(0.6, 1), (3.0, 2)])
def test_who_comes_back_soon_keeps_the_id(away_s: float, n_ids: int):
    def walker(t: float) -> np.ndarray:
        return figure(t, 3 + 0.5 * np.sin(t))

    people = track(film(lambda t: [] if 2 <= t < 2 + away_s else [walker(t)], even_times(7, 30)))
    assert [p.person_id for p in people] == list(range(1, n_ids + 1))
    for person in people:
        assert_follows(person, walker)


def test_max_gap_is_kept_to():
    frames = film(lambda t: [] if 2 <= t < 2.51 else [figure(t, 3)], even_times(4, 30))
    assert len(track(frames, max_gap_s=0.5)) == 2
    assert len(track(frames, max_gap_s=0.6)) == 1


def test_gap_frames_hold_nan_and_score_0_and_no_joint_is_invented():
    missing = set(range(10, 15))
    frames = [
        frame_poses([] if i in missing else [figure(i / 30, 3)], index=100 + 2 * i, time_s=5 + i / 30)
        for i in range(40)
    ]
    (person,) = track(frames)
    gap = slice(10, 15)
    assert np.isnan(person.keypoints[gap]).all()
    assert (person.scores[gap] == 0).all()
    assert np.isnan(person.boxes[gap]).all()
    assert np.isnan(person.box_scores[gap]).all()
    np.testing.assert_array_equal(person.index, 100 + 2 * np.arange(40))
    np.testing.assert_array_equal(person.keypoints[9], frames[9].keypoints[0])


def test_detection_dropouts_do_not_split_people():
    dropout = np.random.default_rng(2)

    def walkers(t: float) -> list[np.ndarray]:
        return [figure(t, 1 + 1.3 * t), figure(t, 1.7 + 1.3 * t, swing_hz=0.8), figure(t, 9, swing_hz=0.5)]

    frames = film(lambda t: [p for p in walkers(t) if dropout.random() > 0.4], even_times(4, 30))
    people = track(frames)
    assert len(people) == 3
    assert sum(p.is_seen.sum() for p in people) == sum(len(f.boxes) for f in frames)
    for person in people:
        offsets = [min(range(3), key=lambda i: np.abs(walkers(t)[i] - k).max()) for t, k in seen_poses(person)]
        assert len(set(offsets)) == 1


def seen_poses(person: PoseTrack) -> list[tuple[float, np.ndarray]]:
    return [(t, k) for t, k, seen in zip(person.time_s, person.keypoints, person.is_seen, strict=True) if seen]


def test_neighbours_whose_boxes_overlap_do_not_swap_when_one_is_lost():
    def left(t: float) -> np.ndarray:
        return figure(t, 3.0, swing_hz=1.0)

    def right(t: float) -> np.ndarray:
        return figure(t + 0.5, 3.45, swing_hz=1.0)

    def scene(t: float) -> list[np.ndarray]:
        return ([] if 1 <= t < 1.4 else [left(t)]) + ([] if 2 <= t < 2.4 else [right(t)])

    first, second = sorted(track(film(scene, even_times(4, 25))), key=lambda p: p.boxes[0, 0])
    assert_follows(first, left)
    assert_follows(second, right)


def test_measurement_noise_of_real_detectors_does_not_split_people():
    rng = np.random.default_rng(3)

    def noisy(t: float, x_m: float) -> np.ndarray:
        return (figure(t, x_m) + rng.normal(scale=0.04 * METRE_PX, size=(17, 2))).astype(np.float32)

    people = track(film(lambda t: [noisy(t, 2 + t), noisy(t, 5)], even_times(3, 30)))
    assert [p.is_seen.sum() for p in people] == [90, 90]


def test_somebody_else_elsewhere_is_not_the_one_who_left():
    people = track(film(lambda t: [figure(t, 1) if t < 1 else figure(t, 6)], even_times(2, 30)))
    assert [p.is_seen.sum() for p in people] == [30, 30]


def test_a_jump_while_the_detector_is_blind_is_rejoined():
    people = track(film(lambda t: [] if 1 <= t < 1.7 else [figure(t, 2 if t < 1 else 4)], even_times(3, 30)))
    assert [p.person_id for p in people] == [1]


def test_of_two_who_may_have_come_back_neither_is_guessed():
    def scene(t: float) -> list[np.ndarray]:
        if t < 1:
            return [figure(t, 3)]
        return [] if t < 1.7 else [figure(t, 1.2), figure(t, 4.8)]

    assert len(track(film(scene, even_times(3, 30)))) == 3


def test_sightings_shorter_than_the_minimum_get_no_id_and_leave_no_hole():
    def scene(t: float) -> list[np.ndarray]:
        flash = [figure(t, 6)] if 0.2 <= t < 0.3 else []
        return flash + [figure(t, 2)] + ([figure(t, 4)] if t > 1.5 else [])

    frames = film(scene, even_times(3, 30))
    people = track(frames)
    assert [(p.person_id, p.index[0]) for p in people] == [(1, 0), (2, 46)]
    assert len(track(frames, min_duration_s=0)) == 3


def test_ids_follow_the_first_appearance():
    frames = film(lambda t: [figure(t, 6 - i) for i in range(4) if t >= 0.5 * i], even_times(3, 30))
    people = track(frames)
    assert [p.person_id for p in people] == [1, 2, 3, 4]
    assert [p.time_s[0] for p in people] == pytest.approx([0, 0.5, 1, 1.5])


def test_track_spans_first_to_last_sighting_up_to_the_last_frame():
    (person,) = track(film(lambda t: [figure(t, 2)] if t > 0.49 else [], even_times(2, 30)))
    assert (person.index[0], person.index[-1]) == (15, 59)


@pytest.mark.parametrize("n_frames", [1, 2, 4])
def test_clips_shorter_than_the_minimum_keep_who_is_in_all_of_them(n_frames: int):
    (person,) = track(film(lambda t: [figure(t, 2)], even_times(n_frames / 30, 30)))
    assert len(person.time_s) == n_frames


def test_no_frames_give_no_tracks():
    assert track([]) == []


def test_frames_without_people_give_no_tracks():
    assert track(film(lambda t: [], even_times(1, 30))) == []


def test_person_without_joints_is_not_a_sighting():
    assert track(film(lambda t: [np.full((17, 2), np.nan, np.float32)], even_times(1, 30))) == []


def test_half_seen_people_without_boxes_are_tracked_by_their_joints():
    frames = []
    for i in range(60):
        pose = figure(i / 30, 2 + i / 30)
        pose[11:] = np.nan
        whole = frame_poses([pose], i, i / 30)
        frames.append(
            FramePoses(i, i / 30, whole.keypoints, whole.scores, np.full((1, 4), np.nan, np.float32), whole.box_scores)
        )
    (person,) = track(frames)
    assert np.isfinite(person.keypoints[:, :11]).all()
    assert np.isnan(person.keypoints[:, 11:]).all()


def test_generator_is_taken_frame_by_frame():
    frames = film(lambda t: [figure(t, 2)], even_times(1, 30))
    assert len(track_people(iter(frames), skeleton=COCO17)) == 1


def test_frames_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match="expected 33 joints of blazepose33, got 17"):
        track_people(film(lambda t: [figure(t, 2)], even_times(1, 30)), skeleton=BLAZEPOSE33)


def test_times_that_do_not_rise_are_refused():
    frames = [frame_poses([figure(0, 2)], i, t) for i, t in enumerate((0.0, 0.1, 0.1))]
    with pytest.raises(ValueError, match=r"frame 2: expected a time after 0\.1 s, got 0\.1 s"):
        track(frames)


@pytest.mark.parametrize("settings", [{"max_gap_s": -1}, {"min_duration_s": float("nan")}, {"min_similarity": 1.1}])
def test_settings_out_of_range_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        track([], **settings)


def clip_frames(path: Path, *, stride: int) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index % stride == 0:
                yield Frame(index, float(picture.time), picture.to_ndarray(format="bgr24"))


@pytest.mark.real_data
def test_real_single_person_has_one_id(real_file: RealFile):
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    from poseflow.detect.blazepose import BlazePosePredictor

    frames = clip_frames(real_file("data/video/pose2sim_cam01.mp4"), stride=4)
    (person,) = track_people(BlazePosePredictor().predict(frames), skeleton=COCO17)
    assert person.is_seen.all()
    assert len(person.time_s) == 25


@pytest.mark.real_data
@pytest.mark.slow
def test_real_jumper_and_walker_keep_their_ids(real_file: RealFile):
    pytest.importorskip("mmpose", reason="mmpose is not installed")
    from poseflow.detect.mmpose import MMPosePredictor

    predictor = MMPosePredictor(
        pose_model=str(real_file("weights/td-hm_litehrnet-wider-naive_pptinypose_coco-256x192.py")),
        pose_checkpoint=real_file("weights/pptinypose_256x192_mmpose-litehrnet-wider-naive.pth"),
        person_model="rtmdet-nano",
        person_checkpoint=real_file("weights/rtmdet_nano_320_coco-person_hw140701_from-onnx.pth"),
    )
    frames = clip_frames(real_file("data/video/sports2d_demo.mp4"), stride=1)
    assert_jumper_and_walker(track_people(predictor.predict(frames), skeleton=COCO17))


def assert_jumper_and_walker(people: list[PoseTrack]) -> None:
    """He is in the picture all the time and jumps to the right, unseen in mid-air for most of a second.

    She comes from behind a tree on the right and leaves on the left. All read off the film.
    """
    jumper, walker = people
    assert jumper.index[0] <= 5
    assert jumper.index[-1] > 215
    assert jumper.boxes[-1, 0] > jumper.boxes[0, 0] + 500
    assert 30 <= walker.index[0] <= 50
    assert 195 <= walker.index[-1] <= 215
    centres = walker.boxes[walker.is_seen][:, [0, 2]].mean(-1)
    assert (np.diff(centres) < 45).all()  # half her width: never over to somebody else
    assert centres[0] > 1500 > 100 > centres[-1]


def test_memory_of_a_long_clip_is_that_of_its_numbers() -> None:
    """204 bytes of keypoints and scores a frame, held at most about four times: as they come, and as tracks."""
    frames = 3000

    def films() -> Iterator[FramePoses]:
        for i in range(frames):
            yield frame_poses([figure(i / 30, 2.0)], i, i / 30)

    tracemalloc.start()
    try:
        (track,) = track_people(films(), skeleton=COCO17)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(track.time_s) == frames
    assert peak / frames < 4 * 204
