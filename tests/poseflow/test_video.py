import av
import cv2
import numpy as np
import pytest

from poseflow.errors import VideoError
from poseflow.video import probe, read_frames

from .clips import COLOURS, CONSTANT_S, quarters_picture, read_number, write_clip

# 30 fps, then 15, then a long pause: what a phone does when the light goes.
VARIABLE_S = [i / 30 for i in range(20)] + [20 / 30 + i / 15 for i in range(20)] + [3.5 + i / 30 for i in range(20)]


@pytest.fixture(scope="module")
def variable(folder):
    return write_clip(folder / "variable.mp4", times_s=VARIABLE_S)


def numbers(frames):
    return [(frame.index, read_number(frame.image)) for frame in frames]


def corner_colours(image):
    """Colour at the middle of each quarter, row by row."""
    height, width = image.shape[:2]
    return [image[height * y // 4, width * x // 4].astype(int) for y in (1, 3) for x in (1, 3)]


def assert_colours(image, expected):
    np.testing.assert_allclose(corner_colours(image), expected, atol=40)


class TestTimesAndNumbers:
    def test_every_frame_comes_once_in_order(self, constant):
        assert numbers(read_frames(constant)) == [(i, i) for i in range(60)]

    def test_times_of_a_variable_rate_are_those_written(self, variable):
        times_s = [frame.time_s for frame in read_frames(variable)]
        np.testing.assert_allclose(times_s, VARIABLE_S, atol=1e-4)

    def test_one_frame(self, folder):
        clip = write_clip(folder / "one.mp4", times_s=[0.0])
        assert [(frame.index, frame.time_s) for frame in read_frames(clip)] == [(0, 0.0)]
        assert probe(clip).width == 96

    @pytest.mark.parametrize("suffix", ["mkv", "mov", "avi", "ts"])
    def test_other_containers(self, folder, suffix):
        clip = write_clip(folder / f"other.{suffix}", times_s=CONSTANT_S)
        frames = list(read_frames(clip))
        assert numbers(frames) == [(i, i) for i in range(60)]
        np.testing.assert_allclose([frame.time_s for frame in frames], CONSTANT_S, atol=6e-4)

    def test_time_0_is_the_start_of_the_container(self, folder):
        clip = write_clip(folder / "late.mkv", times_s=[5 + time_s for time_s in CONSTANT_S])
        assert next(read_frames(clip)).time_s == 0

    def test_times_that_repeat_are_left_out_but_counted(self, folder):
        clip = write_clip(folder / "coarse.mkv", times_s=[0, 0.1, 0.1001, 0.2], bf="0")
        frames = list(read_frames(clip))
        assert numbers(frames) == [(0, 0), (1, 1), (3, 3)]


class TestRange:
    @pytest.mark.parametrize("clip", ["constant", "variable"])
    @pytest.mark.parametrize("bounds", [(0, 0.5), (0.5, 1.2), (1.0, None), (0.999, 1.001), (1.9, 9.0), (None, 0.01)])
    def test_same_frames_as_when_the_whole_is_filtered(self, request, clip, bounds):
        path = request.getfixturevalue(clip)
        start_s, end_s = bounds
        expected = [
            (frame.index, frame.time_s)
            for frame in read_frames(path)
            if (start_s or 0) <= frame.time_s < (np.inf if end_s is None else end_s)
        ]
        frames = list(read_frames(path, start_s=start_s, end_s=end_s))
        assert [(frame.index, frame.time_s) for frame in frames] == expected
        assert [read_number(frame.image) for frame in frames] == [index for index, _ in expected]

    def test_neighbouring_ranges_share_no_frame_and_lose_none(self, constant):
        bounds = [0.1 * i for i in range(21)]  # 0.30000000000000004 and its like
        found = []
        for start_s, end_s in zip(bounds[:-1], bounds[1:], strict=True):
            found += [frame.index for frame in read_frames(constant, start_s=start_s, end_s=end_s)]
        assert found == list(range(60))

    @pytest.mark.parametrize(
        ("suffix", "options"),
        [
            ("mp4", {"bf": "3", "x264-params": "open-gop=1"}),
            ("mkv", {"bf": "3"}),
            ("avi", {}),
            ("ts", {}),
            ("mp4", {"codec": "libx265", "x265-params": "log-level=none:open-gop=1:keyint=10"}),
            ("mp4", {"codec": "libsvtav1", "preset": "12"}),
            ("webm", {"codec": "libvpx-vp9", "deadline": "realtime", "cpu-used": "8"}),
        ],
    )
    def test_numbers_are_exact_behind_a_seek(self, folder, suffix, options):
        settings = {"codec": "libx264", **options}
        try:
            av.Codec(settings["codec"], "w")
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"this PyAV has no {settings['codec']}")
        clip = write_clip(folder / f"{settings['codec']}.{suffix}", times_s=CONSTANT_S, gop=10, **settings)
        assert numbers(read_frames(clip, start_s=1.2 - 0.001)) == [(i, i) for i in range(36, 60)]

    def test_start_behind_the_end_is_an_error_that_tells_where_the_end_is(self, constant):
        with pytest.raises(VideoError, match=r"no picture at 60 s or later; .* shown at 1\.97 s; start earlier"):
            list(read_frames(constant, start_s=60))

    def test_span_between_two_pictures_is_an_error_that_tells_the_one_before(self, constant):
        with pytest.raises(VideoError, match=r"no picture from 1\.01 s until 1\.02 s; .* shown at 1\.00 s"):
            list(read_frames(constant, start_s=1.01, end_s=1.02))

    @pytest.mark.parametrize(
        "bounds", [{"start_s": 2, "end_s": 1}, {"start_s": 1, "end_s": 1}, {"start_s": -1}, {"start_s": np.nan}]
    )
    def test_range_that_makes_no_sense_is_the_callers_error(self, constant, bounds):
        with pytest.raises(ValueError, match="start_s < end_s"):
            read_frames(constant, **bounds)


class TestStride:
    def test_constant_rate(self, constant):
        assert [frame.index for frame in read_frames(constant, stride_s=0.1)] == list(range(0, 60, 3))

    def test_odd_ratio_keeps_to_the_grid(self, constant):
        indices = [frame.index for frame in read_frames(constant, stride_s=1 / 12)]
        assert indices == [int(np.ceil(k * 2.5 - 1e-6)) for k in range(24)]

    def test_variable_rate_counts_time_not_frames(self, variable):
        times_s = [frame.time_s for frame in read_frames(variable, stride_s=0.2)]
        due = [min(t for t in VARIABLE_S if t > k * 0.2 - 1e-3) for k in range(int(VARIABLE_S[-1] / 0.2) + 1)]
        np.testing.assert_allclose(times_s, sorted(set(due)), atol=1e-4)

    def test_times_rounded_to_milliseconds(self, folder):
        clip = write_clip(folder / "grid.mkv", times_s=CONSTANT_S)
        assert [frame.index for frame in read_frames(clip, stride_s=1 / 15)] == list(range(0, 60, 2))

    def test_grid_begins_at_the_start(self, constant):
        frames = read_frames(constant, start_s=CONSTANT_S[7], stride_s=0.1)
        assert [frame.index for frame in frames] == list(range(7, 60, 3))

    def test_zero_is_the_callers_error(self, constant):
        with pytest.raises(ValueError, match="stride_s"):
            read_frames(constant, stride_s=0)


class TestUpright:
    # Quarters of the upright picture, row by row, as numbers of COLOURS in the stored one (0 1 / 2 3).
    @pytest.mark.parametrize(
        ("degrees", "is_mirrored", "layout"),
        [
            (0, False, (0, 1, 2, 3)),
            (90, False, (1, 3, 0, 2)),  # counter-clockwise: the right column becomes the top row
            (180, False, (3, 2, 1, 0)),
            (270, False, (2, 0, 3, 1)),
            (0, True, (1, 0, 3, 2)),
            (90, True, (3, 1, 2, 0)),
            (180, True, (2, 3, 0, 1)),
            (270, True, (0, 2, 1, 3)),
        ],
    )
    def test_display_matrix_is_applied(self, tmp_path, degrees, is_mirrored, layout):
        clip = write_clip(
            tmp_path / "turned.mp4", times_s=[0], pictures=[quarters_picture()], rotation=(degrees, is_mirrored)
        )
        frame = next(read_frames(clip))
        assert frame.image.shape == ((96, 64, 3) if degrees % 180 else (64, 96, 3))
        assert frame.image.flags.c_contiguous
        assert_colours(frame.image, [COLOURS[quarter] for quarter in layout])

    @pytest.mark.parametrize("degrees", [0, 90, 180, 270])
    def test_same_pixels_as_opencv(self, tmp_path, degrees):
        clip = write_clip(
            tmp_path / "turned.mp4", times_s=[0], pictures=[quarters_picture()], rotation=(degrees, False)
        )
        capture = cv2.VideoCapture(str(clip))
        expected = capture.read()[1]
        capture.release()
        np.testing.assert_array_equal(next(read_frames(clip)).image, expected)

    def test_probe_gives_the_upright_size(self, tmp_path):
        clip = write_clip(tmp_path / "turned.mp4", times_s=CONSTANT_S, rotation=(90, False))
        video = probe(clip)
        assert (video.width, video.height, video.rotation_deg) == (64, 96, 90)
        assert (video.name, video.codec, video.time_base) == ("turned.mp4", "h264", "1/90000")

    def test_probe_gives_length_and_rate(self, constant):
        assert probe(constant).duration_s == pytest.approx(2, abs=0.05)
        assert probe(constant).average_fps == pytest.approx(30, abs=0.6)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "size", "codec", "fps", "n_frames"),
    [
        ("pose2sim_cam01.mp4", (1080, 1920), "h264", 60, 100),
        ("pose2sim_cam02.mp4", (1080, 1920), "vp9", 60, 100),
        ("sports2d_demo.mp4", (1768, 994), "vp9", 30, 230),
    ],
)
def test_real_clips(real_file, name, size, codec, fps, n_frames):
    path = real_file(f"data/video/{name}")
    video = probe(path)
    assert (video.width, video.height, video.codec, video.average_fps) == (*size, codec, fps)
    assert video.duration_s == pytest.approx(n_frames / fps)
    tail = list(read_frames(path, start_s=(n_frames - 20) / fps, stride_s=10 / fps))
    assert [frame.index for frame in tail] == [n_frames - 20, n_frames - 10]
    np.testing.assert_allclose([frame.time_s for frame in tail], [(n_frames - 20) / fps, (n_frames - 10) / fps])
    capture = cv2.VideoCapture(str(path))
    for _ in range(n_frames - 19):
        capture.grab()
    expected = capture.retrieve()[1]
    capture.release()
    assert tail[0].image.shape == expected.shape == (size[1], size[0], 3)
    assert np.abs(tail[0].image.astype(int) - expected).mean() < 1  # the same frame; colour conversion rounds
