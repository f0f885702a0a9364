"""Frames of a camera."""

import time

import cv2
import numpy as np
import pytest

from poseflow.errors import VideoError
from poseflow.video import _read_capture, _TimeGrid, read_webcam

from .clips import read_number, write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def constant(folder):
    return write_clip(folder / "constant.mp4", times_s=[i / 30 for i in range(60)])


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
