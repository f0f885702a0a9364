import gc
import time
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from poseflow.errors import VideoError
from poseflow.video import _read_capture, _TimeGrid, probe, read_frames, read_webcam

from .clips import COLOURS, cut_file, damage_file, quarters_picture, read_number, write_audio, write_clip

OPEN_FILES = Path("/proc/self/fd")
CONSTANT_S = [i / 30 for i in range(60)]
# 30 fps, then 15, then a long pause: what a phone does when the light goes.
VARIABLE_S = [i / 30 for i in range(20)] + [20 / 30 + i / 15 for i in range(20)] + [3.5 + i / 30 for i in range(20)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def constant(folder):
    return write_clip(folder / "constant.mp4", times_s=CONSTANT_S)


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


class TestBadInput:
    def check(self, path, message):
        for read in (probe, lambda path: list(read_frames(path))):
            with pytest.raises(VideoError, match=message):
                read(path)

    def test_missing_file(self, tmp_path):
        self.check(tmp_path / "missing.mp4", "no such video")

    def test_missing_file_is_told_before_the_first_frame_is_asked_for(self, tmp_path):
        with pytest.raises(VideoError):
            read_frames(tmp_path / "missing.mp4")

    def test_folder(self, tmp_path):
        self.check(tmp_path, "is a folder")

    def test_zero_bytes(self, tmp_path):
        (tmp_path / "empty.mp4").touch()
        self.check(tmp_path / "empty.mp4", "is empty")

    @pytest.mark.parametrize("name", ["text.mp4", "text.txt"])
    def test_text(self, tmp_path, name):
        (tmp_path / name).write_text("not a video\n" * 100)
        self.check(tmp_path / name, "not a video")

    def test_playlist_called_mp4(self, tmp_path, constant):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{constant}\n#EXT-X-ENDLIST\n"
        (tmp_path / "list.mp4").write_text(text)
        self.check(tmp_path / "list.mp4", "not a video")

    def test_photograph(self, tmp_path):
        cv2.imwrite(str(tmp_path / "photo.jpg"), quarters_picture())
        self.check(tmp_path / "photo.jpg", "not a video")

    @pytest.mark.parametrize("cover", [False, True])
    def test_audio_only(self, tmp_path, cover):
        self.check(write_audio(tmp_path / "song.mp4", cover=cover), r"no pictures \(only audio\)")

    def test_index_missing(self, tmp_path):
        clip = write_clip(tmp_path / "whole.mp4", times_s=CONSTANT_S, is_index_first=False)
        self.check(cut_file(clip, tmp_path / "cut.mp4", share=0.7), "'moov'")

    def test_no_presentation_times(self, tmp_path):
        clip = write_clip(tmp_path / "raw.h264", times_s=CONSTANT_S)
        with pytest.raises(VideoError, match="no presentation times"):
            list(read_frames(clip))

    @pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
    def test_cut_off_gives_what_is_there_then_an_error(self, tmp_path, suffix):
        clip = write_clip(tmp_path / f"whole.{suffix}", times_s=CONSTANT_S)
        cut = cut_file(clip, tmp_path / f"cut.{suffix}", share=0.6)
        seen = []
        with pytest.raises(VideoError, match=r"damaged or cut off after \d\.\d\d s"):
            for frame in read_frames(cut):
                seen.append((frame.index, read_number(frame.image), frame.time_s))
        assert 10 < len(seen) < 60
        assert [index for index, _, _ in seen] == list(range(len(seen)))
        # At the very end the decoder may have a picture and lack those between it and the ones before.
        assert [number for _, number, _ in seen[:-3]] == list(range(len(seen) - 3))
        assert all(CONSTANT_S[number] == pytest.approx(time_s, abs=0.002) for _, number, time_s in seen)

    def test_cut_off_between_two_frames(self, tmp_path):
        clip = write_clip(tmp_path / "whole.mp4", times_s=CONSTANT_S, bf="0")
        with av.open(str(clip)) as container:
            entry = container.streams.video[0].index_entries[40]
        share = (entry.pos + 0.5) / clip.stat().st_size
        frames = read_frames(cut_file(clip, tmp_path / "cut.mp4", share=share))
        assert [next(frames).index for _ in range(40)] == list(range(40))
        with pytest.raises(VideoError, match="cut off after 1.30 s"):
            next(frames)

    def test_part_before_the_cut_can_be_read(self, tmp_path):
        clip = write_clip(tmp_path / "whole.mp4", times_s=CONSTANT_S, bf="0")
        cut = cut_file(clip, tmp_path / "cut.mp4", share=0.6)
        assert len(list(read_frames(cut, end_s=0.5))) == 15

    def test_damage_in_the_middle_gives_what_came_before_then_an_error(self, tmp_path):
        rng = np.random.default_rng(1)
        pictures = list(rng.integers(0, 255, (60, 64, 96, 3)).astype(np.uint8))
        clip = write_clip(tmp_path / "whole.mp4", times_s=CONSTANT_S, pictures=pictures)
        damaged = damage_file(clip, tmp_path / "damaged.mp4", at=0.5, n_bytes=40000)
        whole = list(read_frames(clip))
        seen = []
        with pytest.raises(VideoError, match="damaged or cut off after"):
            for frame in read_frames(damaged):
                seen.append(frame)
        assert 10 < len(seen) < 40
        for frame in seen[:-3]:  # the decoder may hide damage in the last ones
            np.testing.assert_array_equal(frame.image, whole[frame.index].image)

    def test_colon_and_percent_in_the_name(self, tmp_path, constant, monkeypatch):
        (tmp_path / "a:b%03d.mp4").write_bytes(constant.read_bytes())
        monkeypatch.chdir(tmp_path)
        assert len(list(read_frames("a:b%03d.mp4"))) == 60


def open_files():
    return len(list(OPEN_FILES.iterdir()))


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs Linux's list of open files")
class TestClosing:
    def test_stopping_early_closes_the_file(self, constant):
        before = open_files()
        frames = read_frames(constant, start_s=1.0)
        next(frames)
        assert open_files() > before
        frames.close()
        assert open_files() == before

    def test_error_of_the_caller_closes_the_file(self, constant):
        before = open_files()
        with pytest.raises(RuntimeError):
            for _ in read_frames(constant):
                raise RuntimeError
        gc.collect()
        assert open_files() == before

    def test_damage_closes_the_file(self, tmp_path, constant):
        cut = cut_file(constant, tmp_path / "cut.mp4", share=0.6)
        before = open_files()
        with pytest.raises(VideoError):
            list(read_frames(cut))
        gc.collect()
        assert open_files() == before


def test_memory_does_not_grow_with_the_clip(folder):
    clip = write_clip(folder / "long.mp4", times_s=[i / 30 for i in range(256)], pictures=None)
    picture_bytes = 96 * 64 * 3
    tracemalloc.start()
    try:
        for _ in read_frames(clip):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * picture_bytes


def test_decoded_pictures_are_let_go_without_the_garbage_collector(constant):
    gc.collect()
    gc.disable()
    try:
        for _ in read_frames(constant):
            pass
        held = sum(issubclass(type(thing), av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert held <= 2  # the first one, whose display matrix was read


class TestWebcam:
    def test_missing_camera_is_an_error(self, capfd):
        with pytest.raises(VideoError, match="no webcam 93"):
            read_webcam(93)

    def test_negative_number_is_the_callers_error(self):
        with pytest.raises(ValueError, match="read_webcam"):
            read_webcam(-1)

    def test_capture_gives_frames_with_rising_times_until_it_ends(self, constant):
        # A file in place of the camera: OpenCV reads both through the same class.
        capture = cv2.VideoCapture(str(constant))
        frames = _read_capture(capture, np.inf, _TimeGrid(None))
        first = next(frames)
        assert (first.index, first.time_s, read_number(first.image)) == (0, 0.0, 0)
        time.sleep(0.01)
        assert next(frames).time_s >= 0.01
        with pytest.raises(VideoError, match="no more pictures"):
            list(frames)
        assert not capture.isOpened()

    def test_stopping_early_releases_the_camera(self, constant):
        capture = cv2.VideoCapture(str(constant))
        frames = _read_capture(capture, np.inf, _TimeGrid(None))
        next(frames)
        frames.close()
        assert not capture.isOpened()

    def test_duration_ends_it(self, constant):
        capture = cv2.VideoCapture(str(constant))
        frames = _read_capture(capture, 0.02, _TimeGrid(None))
        next(frames)
        time.sleep(0.03)
        assert next(frames, None) is None


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
