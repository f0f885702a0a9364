"""Files that are no good video: what is said of them; and that files and pictures are let go."""

import gc
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from poseflow.errors import VideoError
from poseflow.video import probe, read_frames

from .clips import CONSTANT_S, cut_file, damage_file, quarters_picture, read_number, write_audio, write_clip

OPEN_FILES = Path("/proc/self/fd")


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


def times_open(path: Path) -> int:
    """How often this process has the file open; others may come and go meanwhile."""
    return sum(link.exists() and link.samefile(path) for link in OPEN_FILES.iterdir())


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs Linux's list of open files")
class TestClosing:
    def test_stopping_early_closes_the_file(self, constant):
        frames = read_frames(constant, start_s=1.0)
        next(frames)
        assert times_open(constant) == 1
        frames.close()
        assert times_open(constant) == 0

    def test_error_of_the_caller_closes_the_file(self, constant):
        with pytest.raises(RuntimeError):
            for _ in read_frames(constant):
                raise RuntimeError
        gc.collect()
        assert times_open(constant) == 0

    def test_damage_closes_the_file(self, tmp_path, constant):
        cut = cut_file(constant, tmp_path / "cut.mp4", share=0.6)
        with pytest.raises(VideoError):
            list(read_frames(cut))
        gc.collect()
        assert times_open(cut) == 0


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


def pictures_held():
    return sum(issubclass(type(thing), av.VideoFrame) for thing in gc.get_objects())


def test_decoded_pictures_are_let_go_without_the_garbage_collector(constant):
    gc.collect()
    before = pictures_held()  # those of other tests that are still about
    gc.disable()
    try:
        for _ in read_frames(constant):
            pass
        held = pictures_held() - before
    finally:
        gc.enable()
    assert held <= 2  # the first one, whose display matrix was read
