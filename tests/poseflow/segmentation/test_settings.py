"""Defaults of segmentation: recorded with their origin, and not chosen on what figures are reported on."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import get_args

import pytest

from poseflow.segmentation.pose_grid import GridSettings
from poseflow.segmentation.settings import DEFAULTS_FILE, METHODS, Method, SegmentSettings
from poseflow.segmentation.words import WordSettings


def recorded() -> dict:
    return dict(json.loads(DEFAULTS_FILE.read_text(encoding="utf-8")))


def test_defaults_are_those_that_were_chosen() -> None:
    assert asdict(SegmentSettings()) == recorded()["chosen"]


def test_defaults_come_from_cmu_and_from_nothing_that_is_reported_on() -> None:
    origin = recorded()["origin"]
    assert "CMU" in origin and "scripts/choose_segment_settings.py" in origin
    assert not any(name in DEFAULTS_FILE.read_text(encoding="utf-8").lower() for name in ("hdm05", "mocap6"))


def test_windows_of_other_methods_are_those_that_were_chosen() -> None:
    from poseflow_benchmarks.segmentation_rows import OTHERS

    assert {name: chosen.window_s for name, chosen in OTHERS.items()} == recorded()["others_window_s"]


def test_methods_are_those_of_the_type() -> None:
    assert get_args(Method) == METHODS and SegmentSettings().method in METHODS


def test_words_of_hdbscan_have_windows_of_their_own() -> None:
    settings = SegmentSettings(method="hdbscan", density_window_s=0.7)
    assert settings.windows.window_s == 0.7
    assert SegmentSettings().windows == SegmentSettings().words


@pytest.mark.parametrize(("seconds", "frames"), [(0.0, 1), (0.5, 5), (1.0, 10)])
def test_the_shortest_segment_in_frames_of_a_tenth_of_a_second(seconds: float, frames: int) -> None:
    assert SegmentSettings(min_duration_s=seconds).least_frames == frames


@pytest.mark.parametrize("wrong", [{"words": 1}, {"sharpness": 0.0}, {"window_s": 0.0}, {"hop_s": 0.01}])
def test_wrong_words_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="WordSettings"):
        WordSettings(**wrong)


@pytest.mark.parametrize("wrong", [{"speed_weight": -1.0}, {"orientation_weight": -0.1}])
def test_wrong_grids_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="GridSettings"):
        GridSettings(**wrong)
