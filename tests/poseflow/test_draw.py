import cv2
import numpy as np
import pytest

from poseflow.draw import draw_contact_sheet, draw_overlay, draw_side_by_side
from poseflow.draw_poses import Sighting, draw_poses, sightings_at
from poseflow.errors import NothingToScoreError, OutputError, VideoError
from poseflow.records import PoseTrack
from poseflow.video import read_frames
from vvipe.skeleton import COCO17

from .clips import names_in, numbered_picture, read_number, write_clip

LEFT, RIGHT = (178, 114, 0), (0, 94, 213)
TIMES_S = [i / 20 for i in range(40)]


def person_at(x, y, *, height=40.0):
    """(17, 2) an upright person facing the camera, whose feet stand at (x, y)."""
    offsets = {
        "nose": (0, 0.95), "left_eye": (0.03, 0.98), "right_eye": (-0.03, 0.98), "left_ear": (0.06, 0.96),
        "right_ear": (-0.06, 0.96), "left_shoulder": (0.12, 0.82), "right_shoulder": (-0.12, 0.82),
        "left_elbow": (0.22, 0.65), "right_elbow": (-0.22, 0.65), "left_wrist": (0.3, 0.5),
        "right_wrist": (-0.3, 0.5), "left_hip": (0.08, 0.5), "right_hip": (-0.08, 0.5), "left_knee": (0.1, 0.27),
        "right_knee": (-0.1, 0.27), "left_ankle": (0.1, 0.02), "right_ankle": (-0.1, 0.02),
    }  # fmt: skip
    points = np.array([offsets[joint] for joint in COCO17.joints]) * [height, -height] + [x, y]
    return points.astype(np.float32)


def track_of(keypoints, times_s, *, person_id=1, scores=None):
    """A track of (T, 17, 2) keypoints; the box is theirs."""
    keypoints = np.asarray(keypoints, np.float32)
    boxes = np.concatenate([keypoints.min(1), keypoints.max(1)], axis=1)
    return PoseTrack(
        person_id=person_id,
        skeleton=COCO17,
        index=np.arange(len(times_s)),
        time_s=np.asarray(times_s, np.float64),
        keypoints=keypoints,
        scores=np.full(keypoints.shape[:2], 0.9, np.float32) if scores is None else scores,
        boxes=boxes,
        box_scores=np.full(len(times_s), 0.9, np.float32),
    )


def sighting(keypoints, *, scores=0.9, box=np.nan):
    return Sighting(1, COCO17, keypoints, np.full(17, scores, np.float32), np.full(4, box, np.float32))


def changed(before, after):
    """(H, W) which pixels differ."""
    return (before != after).any(-1)


class TestDrawPoses:
    grey = np.full((480, 640, 3), 128, np.uint8)

    def test_left_and_right_limbs_have_their_colours(self):
        points = person_at(320, 440, height=400)
        drawn = draw_poses(self.grey, [sighting(points)])
        for side, colour in (("left", LEFT), ("right", RIGHT)):
            knee, ankle = COCO17.indices(f"{side}_knee", f"{side}_ankle")
            x, y = np.rint((points[knee] + points[ankle]) / 2).astype(int)
            np.testing.assert_allclose(drawn[y, x].astype(int), colour, atol=40)

    def test_the_given_picture_is_unchanged(self):
        before = self.grey.copy()
        drawn = draw_poses(self.grey, [sighting(person_at(320, 440, height=400))])
        np.testing.assert_array_equal(self.grey, before)
        assert changed(drawn, before).any()

    def test_nobody_changes_nothing(self):
        np.testing.assert_array_equal(draw_poses(self.grey, []), self.grey)

    @pytest.mark.parametrize("how", ["nan", "low score"])
    def test_unseen_joint_leaves_out_its_bones_alone(self, how):
        points = person_at(320, 440, height=400)
        ankle, knee, other = COCO17.indices("left_ankle", "left_knee", "right_ankle")
        person = sighting(points.copy())
        if how == "nan":
            person.keypoints[ankle] = np.nan
        else:
            person.scores[ankle] = 0.1
        touched = changed(draw_poses(self.grey, [person]), self.grey)
        x, y = np.rint((points[knee] + points[ankle]) / 2).astype(int)
        assert not touched[y - 3 : y + 4, x - 3 : x + 4].any()
        x, y = np.rint(points[other]).astype(int)
        assert touched[y, x]

    def test_person_who_was_not_seen_is_not_drawn(self):
        nobody = sighting(np.full((17, 2), np.nan, np.float32))
        np.testing.assert_array_equal(draw_poses(self.grey, [nobody]), self.grey)

    @pytest.mark.parametrize("size", [480, 1080, 2160])
    def test_lines_grow_with_the_picture(self, size):
        blank = np.full((size, size, 3), 128, np.uint8)
        points = person_at(size / 2, size * 0.9, height=size * 0.8)
        touched = changed(draw_poses(blank, [sighting(points)]), blank)
        knee, ankle = COCO17.indices("left_knee", "left_ankle")
        width = touched[int((points[knee, 1] + points[ankle, 1]) / 2), size // 2 :].sum()
        assert 0.005 < width / size < 0.02

    @pytest.mark.parametrize("far", [1e9, -1e9, np.inf])
    def test_joints_far_outside_do_no_harm(self, far):
        points = person_at(320, 440, height=400)
        points[COCO17.index("left_ankle")] = far
        assert draw_poses(self.grey, [sighting(points)]).shape == self.grey.shape

    def test_box_carries_the_id_inside_the_picture(self):
        person = Sighting(
            7,
            COCO17,
            np.full((17, 2), np.nan, np.float32),
            np.zeros(17, np.float32),
            np.array([-9, -9, 50, 90], np.float32),
        )
        touched = changed(draw_poses(self.grey, [person]), self.grey)
        assert touched[:15, :20].any()
        assert touched[60, 48:53].any()


class TestSightings:
    track = track_of([person_at(10 * i, 50) for i in range(3)], [1.0, 1.2, 2.0])

    @pytest.mark.parametrize(
        ("time_s", "row"), [(1.0, 0), (1.09, 0), (1.11, 1), (1.5, None), (2.0, 2), (0.95, None), (2.01, None)]
    )
    def test_nearest_pose_within_a_tenth_of_a_second_and_the_span(self, time_s, row):
        found = sightings_at([self.track], time_s)
        if row is None:
            assert found == []
        else:
            np.testing.assert_array_equal(found[0].keypoints, self.track.keypoints[row])

    def test_frames_without_the_person_are_left_out(self):
        keypoints = np.stack([person_at(0, 50), np.full((17, 2), np.nan)])
        assert sightings_at([track_of(keypoints, [0.0, 0.1])], 0.1) == []

    def test_empty_track(self):
        assert sightings_at([track_of(np.zeros((0, 17, 2)), [])], 0.0) == []

    def test_scaling_moves_pixel_centres(self):
        # Pixels 0 and 1 of a picture become pixel 0 of one half as large: their middle, 0.5, becomes 0.
        points = np.full((17, 2), 0.5, np.float32)
        np.testing.assert_allclose(sighting(points).scaled(0.5).keypoints, 0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """40 pictures of 320 x 240, at 20 a second but for a pause of 1 s in the middle."""
    times_s = TIMES_S[:20] + [time_s + 1 for time_s in TIMES_S[20:]]
    pictures = [numbered_picture(i, width=320, height=240) for i in range(40)]
    return write_clip(tmp_path_factory.mktemp("draw") / "clip.mp4", times_s=times_s, pictures=pictures), times_s


class TestOverlay:
    def test_times_are_the_sources_and_the_person_is_there_when_seen(self, clip, tmp_path):
        path, times_s = clip
        track = track_of([person_at(160, 230, height=200)] * 10, times_s[5:15])
        draw_overlay(path, [track], tmp_path / "o.mp4")
        source, overlay = list(read_frames(path)), list(read_frames(tmp_path / "o.mp4"))
        np.testing.assert_allclose([frame.time_s for frame in overlay], times_s, atol=1e-4)
        body = np.s_[60:180, 130:190]
        moved = [np.abs(a.image[body].astype(int) - b.image[body]).mean() for a, b in zip(source, overlay, strict=True)]
        is_drawn = np.array(moved) > 5
        np.testing.assert_array_equal(np.flatnonzero(is_drawn), np.arange(5, 15))

    def test_max_height_scales_pictures_and_poses(self, clip, tmp_path):
        path, times_s = clip
        points = person_at(160, 230, height=200)
        draw_overlay(path, [track_of([points], times_s[:1])], tmp_path / "o.mp4", max_height=120, end_s=0.2)
        first = next(read_frames(tmp_path / "o.mp4")).image
        assert first.shape == (120, 160, 3)
        x, y = np.rint(points[COCO17.index("left_ankle")] / 2).astype(int)
        assert first[y, x, 0] > first[y, x, 2] + 40  # blue, as a left joint is

    def test_range_and_stride(self, clip, tmp_path):
        draw_overlay(clip[0], [], tmp_path / "o.mp4", start_s=0.2, end_s=0.6, stride_s=0.1)
        times_s = [frame.time_s for frame in read_frames(tmp_path / "o.mp4")]
        np.testing.assert_allclose(times_s, [0, 0.1, 0.2, 0.3], atol=1e-4)

    def test_the_video_itself_is_never_replaced(self, clip):
        before = clip[0].read_bytes()
        with pytest.raises(OutputError, match="is the input itself"):
            draw_overlay(clip[0], [], clip[0])
        assert clip[0].read_bytes() == before

    def test_missing_video_leaves_nothing(self, tmp_path):
        with pytest.raises(VideoError, match="no such video"):
            draw_overlay(tmp_path / "missing.mp4", [], tmp_path / "o.mp4")
        assert names_in(tmp_path) == []


class TestSideBySide:
    def draw(self, clip, pairs, out_path, **settings):
        path, times_s = clip
        track = track_of([person_at(160, 230, height=100)] * 40, times_s)
        draw_side_by_side(path, track, path, track, pairs, out_path, **settings)
        return list(read_frames(out_path))

    def test_each_query_time_stands_beside_its_match(self, clip, tmp_path):
        times_s = clip[1]
        rows = [(4, 10), (5, 11), (8, 12), (9, 13), (9, 14), (30, 25)]
        pairs = [(times_s[ref], times_s[query]) for ref, query in rows]
        frames = self.draw(clip, pairs, tmp_path / "s.mp4")
        shown = [tuple(read_number(half) for half in np.split(frame.image[:60], 2, axis=1)) for frame in frames]
        assert shown == rows
        expected_s = [times_s[query] - times_s[10] for _, query in rows]
        np.testing.assert_allclose([frame.time_s for frame in frames], expected_s, atol=1e-4)

    def test_of_several_references_the_middle_one_is_shown(self, clip, tmp_path):
        times_s = clip[1]
        pairs = [(times_s[ref], times_s[3]) for ref in (5, 6, 7, 8, 9)]
        frames = self.draw(clip, pairs, tmp_path / "s.mp4")
        assert [read_number(frame.image[:60, :320]) for frame in frames] == [7]

    def test_between_two_frames_the_earlier_is_on_screen(self, clip, tmp_path):
        times_s = clip[1]
        frames = self.draw(clip, [(times_s[19] + 0.9, times_s[0]), (times_s[20], times_s[1])], tmp_path / "s.mp4")
        assert [read_number(frame.image[:60, :320]) for frame in frames] == [19, 20]

    def test_both_pictures_get_one_height(self, clip, tmp_path):
        other = write_clip(tmp_path / "small.mp4", times_s=[0, 0.1], pictures=[np.zeros((480, 160, 3), np.uint8)] * 2)
        track = track_of([person_at(50, 90)] * 2, [0, 0.1])
        draw_side_by_side(clip[0], track, other, track, [(0, 0), (0.1, 0.1)], tmp_path / "s.mp4", max_height=360)
        # 320 x 240 becomes 480 x 360, 160 x 480 becomes 120 x 360.
        assert next(read_frames(tmp_path / "s.mp4")).image.shape == (360, 600, 3)

    @pytest.mark.parametrize("pairs", [[], [(0.0, 0.0, 0.0)], [(0, 1), (1, 0)], [(1, 0), (0, 1)], [(0, np.nan)]])
    def test_pairs_that_make_no_path_are_the_callers_error(self, clip, tmp_path, pairs):
        with pytest.raises(ValueError, match="draw_side_by_side: expected"):
            self.draw(clip, pairs, tmp_path / "s.mp4")
        assert names_in(tmp_path) == []


class TestContactSheet:
    def test_one_tile_a_person_from_the_best_sighting(self, tmp_path):
        # The person's ground turns from black over one bright colour to black: only the best moment is bright.
        pictures = [np.zeros((240, 320, 3), np.uint8) for _ in range(6)]
        pictures[1][:, :160], pictures[4][:, 160:] = (200, 60, 60), (60, 200, 60)
        clip = write_clip(tmp_path / "clip.mp4", times_s=TIMES_S[:6], pictures=pictures)
        tracks = []
        for person_id, x, best in ((2, 80, 1), (1, 240, 4)):
            scores = np.full((6, 17), 0.4, np.float32)
            scores[best] = 0.8
            tracks.append(
                track_of([person_at(x, 220, height=150)] * 6, TIMES_S[:6], person_id=person_id, scores=scores)
            )
        draw_contact_sheet(clip, tracks, tmp_path / "people.png")
        sheet = np.asarray(cv2.imread(str(tmp_path / "people.png")))
        left, right = np.split(sheet, 2, axis=1)  # in order of id
        for tile, channel in ((left, 1), (right, 0)):
            middle = tile[160, 120].astype(int)
            assert middle.argmax() == channel
            assert middle.max() > 150

    def test_three_people_make_two_rows(self, clip, tmp_path):
        tracks = [track_of([person_at(90 * i, 200)], [0.5], person_id=i) for i in (1, 2, 3)]
        draw_contact_sheet(clip[0], tracks, tmp_path / "people.jpg")
        height, width = np.asarray(cv2.imread(str(tmp_path / "people.jpg"))).shape[:2]
        assert (height % 2, width % 2) == (0, 0)
        assert height / 2 > width / 2 * 1.2  # two rows and two columns of tall tiles

    @pytest.mark.parametrize("x", [-500, 0, 319, 5000])
    def test_person_at_the_edge_or_outside(self, clip, tmp_path, x):
        draw_contact_sheet(clip[0], [track_of([person_at(x, 200)], [0.5])], tmp_path / "people.png")
        assert cv2.imread(str(tmp_path / "people.png")) is not None

    def test_nobody_is_an_error_that_leaves_nothing(self, clip, tmp_path):
        unseen = track_of(np.full((2, 17, 2), np.nan), [0.0, 0.1])
        for tracks in ([], [unseen]):
            with pytest.raises(NothingToScoreError, match="nobody was seen"):
                draw_contact_sheet(clip[0], tracks, tmp_path / "people.png")
        assert names_in(tmp_path) == []

    def test_name_that_is_no_picture_is_an_error(self, clip, tmp_path):
        with pytest.raises(ValueError, match="end its name in .png"):
            draw_contact_sheet(clip[0], [], tmp_path / "people.mp4")
