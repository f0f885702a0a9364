import av
import numpy as np
import pytest

from poseflow.errors import OutputError
from poseflow.video import probe, read_frames
from poseflow.video_writer import VideoWriter

from .clips import COLOURS, HEIGHT, WIDTH, names_in, numbered_picture, quarters_picture, read_number


def write(path, times_s, pictures=None):
    with VideoWriter(path) as writer:
        for i, time_s in enumerate(times_s):
            writer.write(numbered_picture(i) if pictures is None else pictures[i], time_s)
    return path


def test_times_of_a_variable_rate_come_back(tmp_path):
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.003, 0.3, 120))
    frames = list(read_frames(write(tmp_path / "a.mp4", times_s)))
    assert [read_number(frame.image) for frame in frames] == list(range(120))
    np.testing.assert_allclose([frame.time_s for frame in frames], times_s - times_s[0], atol=1e-4)


def test_last_frame_is_shown_as_long_as_the_one_before(tmp_path):
    clip = write(tmp_path / "a.mp4", [0, 0.1, 0.35])
    assert probe(clip).duration_s == pytest.approx(0.6, abs=1e-3)


def test_one_frame(tmp_path):
    clip = write(tmp_path / "a.mp4", [7.5])
    assert [(frame.index, frame.time_s) for frame in read_frames(clip)] == [(0, 0.0)]
    assert probe(clip).duration_s == pytest.approx(1 / 30, abs=1e-3)


def test_browsers_can_play_it_while_it_loads(tmp_path):
    clip = write(tmp_path / "a.mp4", [0, 0.1])
    content = clip.read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (97, 65), (320, 241)])
def test_colours_survive_and_odd_sizes_grow_by_one(tmp_path, size):
    picture = quarters_picture(width=size[0], height=size[1]) if size == (WIDTH, HEIGHT) else None
    if picture is None:
        picture = np.full((size[1], size[0], 3), COLOURS[0], np.uint8)
    frame = next(read_frames(write(tmp_path / "a.mp4", [0, 0.1], [picture] * 2)))
    assert frame.image.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    inner = frame.image[: size[1], : size[0]].astype(int)
    assert np.abs(inner - picture).mean() < 6
    assert np.abs(frame.image[-1].astype(int) - frame.image[-2]).max() < 12


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    target = tmp_path / "a.mp4"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), VideoWriter(target) as writer:
        writer.write(numbered_picture(0), 0)
        writer.write(numbered_picture(1), 1)
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["a.mp4"]


def test_missing_folder_is_told_before_any_work(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        VideoWriter(tmp_path / "missing" / "a.mp4").__enter__()


@pytest.mark.parametrize("name", ["a.avi", "a", "a.png"])
def test_name_that_is_no_mp4_is_an_error(tmp_path, name):
    with pytest.raises(ValueError, match="end its name in .mp4"):
        VideoWriter(tmp_path / name)


def test_no_picture_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="no picture was written"), VideoWriter(tmp_path / "a.mp4"):
        pass
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("time_s", [1.0, 0.5])
def test_time_that_does_not_rise_is_the_callers_error(tmp_path, time_s):
    with pytest.raises(ValueError, match="rising times"), VideoWriter(tmp_path / "a.mp4") as writer:
        writer.write(numbered_picture(0), 0)
        writer.write(numbered_picture(1), 1)
        writer.write(numbered_picture(2), time_s)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("shape", [(64, 98, 3), (64, 96), (64, 96, 4)])
def test_picture_of_another_shape_is_the_callers_error(tmp_path, shape):
    with pytest.raises(ValueError, match="shape"), VideoWriter(tmp_path / "a.mp4") as writer:
        writer.write(numbered_picture(0), 0)
        writer.write(np.zeros(shape, np.uint8), 1)


def test_full_disk_is_an_error_that_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource", reason="file size limits are of Unix")
    signal = pytest.importorskip("signal")
    old_limit, old_handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    noise = np.random.default_rng(0).integers(0, 255, (40, 256, 256, 3)).astype(np.uint8)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing past the limit fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old_limit[1]))
    try:
        with pytest.raises(OutputError, match="is the disk full"):
            write(tmp_path / "a.mp4", np.arange(40) / 30, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert names_in(tmp_path) == []
