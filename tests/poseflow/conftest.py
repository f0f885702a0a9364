"""A clip of two seconds for the tests of reading video, and a folder for more."""

from __future__ import annotations

import pytest

from .clips import CONSTANT_S, write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def constant(folder):
    return write_clip(folder / "constant.mp4", times_s=CONSTANT_S)
