import av
import numpy as np
import pytest

from poseflow.errors import VideoError
from poseflow.report.browser_video import KEYFRAME_EVERY, fit_picture, write_browser_video
from poseflow.video import probe, read_frames

from ..clips import COLOURS, numbered_picture, quarters_picture, read_number, write_clip

UNEVEN_S = [0.0, 0.1, 0.15, 0.6, 0.7, 1.2, 1.25, 1.9, 2.0, 2.4]


def test_every_picture_keeps_its_number_and_its_time(tmp_path):
    source = write_clip(tmp_path / "in.mp4", times_s=UNEVEN_S)
    shown = write_browser_video(source, tmp_path / "out.mp4")
    frames = list(read_frames(shown.path))
    assert [read_number(frame.image) for frame in frames] == list(range(len(UNEVEN_S)))
    assert [frame.time_s + shown.start_s for frame in frames] == pytest.approx(UNEVEN_S, abs=1e-4)


def test_a_span_counts_from_its_own_first_picture(tmp_path):
    source = write_clip(tmp_path / "in.mp4", times_s=UNEVEN_S)
    shown = write_browser_video(source, tmp_path / "out.mp4", start_s=0.5, end_s=1.5)
    frames = list(read_frames(shown.path))
    assert shown.start_s == pytest.approx(0.6)
    assert [read_number(frame.image) for frame in frames] == [3, 4, 5, 6]
    assert [frame.time_s + shown.start_s for frame in frames] == pytest.approx([0.6, 0.7, 1.2, 1.25], abs=1e-4)


def test_browsers_can_play_it_and_seek_in_it(tmp_path):
    times_s = np.arange(60) / 30
    shown = write_browser_video(
        write_clip(tmp_path / "in.webm", times_s=times_s, codec="libvpx-vp9"), tmp_path / "out.mp4"
    )
    with av.open(str(shown.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        keys = [i for i, packet in enumerate(p for p in container.demux(video=0) if p.size) if packet.is_keyframe]
    assert max(np.diff([*keys, len(times_s)])) <= KEYFRAME_EVERY
    assert keys[0] == 0


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_clip_stands_upright(tmp_path, degrees):
    source = write_clip(
        tmp_path / "in.mp4", times_s=[0, 0.1], pictures=[quarters_picture()] * 2, rotation=(degrees, False)
    )
    shown = write_browser_video(source, tmp_path / "out.mp4")
    expected = next(read_frames(source)).image
    image = next(read_frames(shown.path)).image
    assert probe(shown.path).rotation_deg == 0
    assert image.shape == expected.shape
    assert shown.size == (expected.shape[1], expected.shape[0])
    corner = image[4, 4].astype(int)
    nearest = min(COLOURS, key=lambda colour: np.abs(corner - colour).sum())
    assert nearest == min(COLOURS, key=lambda colour: np.abs(expected[4, 4].astype(int) - colour).sum())


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((1920, 1080), (1280, 720)), ((1080, 1920), (720, 1280)), ((640, 480), (640, 480)), ((2000, 2000), (720, 720)),
     ((3000, 100), (1280, 43)), ((1440, 1080), (960, 720))],
)  # fmt: skip
def test_pictures_become_720p_upright_or_lying(size, fitted):
    image = fit_picture(np.zeros((size[1], size[0], 3), np.uint8))
    assert (image.shape[1], image.shape[0]) == fitted


def test_stills_are_the_pictures_on_screen_at_their_moments(tmp_path):
    source = write_clip(tmp_path / "in.mp4", times_s=UNEVEN_S)
    shown = write_browser_video(source, tmp_path / "out.mp4", start_s=0.1, stills_s=[0.0, 0.14, 0.6, 0.65, 1.22, 9.0])
    assert [read_number(image) for image in shown.stills] == [1, 1, 3, 3, 5, 9]


def test_one_picture_is_a_clip(tmp_path):
    source = write_clip(tmp_path / "in.mp4", times_s=[0.0], pictures=[numbered_picture(7)])
    shown = write_browser_video(source, tmp_path / "out.mp4", stills_s=[0.0])
    assert [read_number(frame.image) for frame in read_frames(shown.path)] == [7]
    assert len(shown.stills) == 1


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(VideoError, match=r"gone\.mp4"):
        write_browser_video(tmp_path / "gone.mp4", tmp_path / "out.mp4")
