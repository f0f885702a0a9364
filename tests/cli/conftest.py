"""A film of one person, a small model, and detectors of our own in the place of those of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import poseflow_cli.embed  # noqa: F401  its options read the library's defaults before a test replaces anything
import pytest
from disc_people import DiscDetector, write_disc_clip
from tiny_model import save_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person who walks, in 20 frames."""
    places = [[(60 + 3 * i, 40)] for i in range(20)]
    return write_disc_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", np.arange(20) / 25, places)


@pytest.fixture
def sees_discs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the command line make the detector that sees discs."""
    monkeypatch.setattr("poseflow_cli.options.make_detector", lambda name, **settings: DiscDetector())


@pytest.fixture
def never_detects(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, **settings: object) -> None:
        raise AssertionError("the long work began")

    monkeypatch.setattr("poseflow_cli.options.make_detector", fail)
