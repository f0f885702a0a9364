from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from poseflow_benchmarks.counting import OURS, OURS_WITH_REF, mean_figure, run_counting
from poseflow_benchmarks.counting_baselines import count_by_autocorrelation, count_by_spectrum
from poseflow_benchmarks.counting_sequences import MOST, draw_counted
from poseflow_benchmarks.movement_clips import TIMES_PER_CLIP, hdm05_clips
from poseflow_cli.main import main
from poses import standing
from tiny_model import save_tiny_model

from poseflow.time_series import TimeSeries
from vvipe import Embedder

MOVES = ("knee up", "arms", "bow", next(iter(TIMES_PER_CLIP)))


@pytest.fixture(scope="module")
def mocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hdm05.npz of four movements, three clips each: a joint of their own goes up and down."""
    poses, lengths, labels = [], [], []
    for label, joint in zip(MOVES, (6, 13, 10, 3), strict=True):
        for frames in (40, 46, 52):
            clip = np.repeat(standing().numpy(), frames, axis=0)
            clip[:, joint] += 0.5 * np.sin(np.linspace(0, np.pi, frames))[:, None] * np.array([0.3, 0.5, 1])
            poses.append(clip)
            lengths.append(frames)
            labels.append(label)
    folder = tmp_path_factory.mktemp("mocap")
    np.savez(
        folder / "hdm05.npz",
        poses=np.concatenate(poses).astype(np.float32),
        lengths=np.array(lengths),
        names=np.array([f"take{i}" for i in range(len(labels))]),
        labels=np.array(labels),
        subjects=np.array(["a", "b", "c"] * len(MOVES)),
        fps=np.full(len(labels), 30.0),
    )
    return folder


def test_counts_are_those_of_the_spans_and_each_comes_as_often_as_the_others(mocap: Path) -> None:
    drawn = [draw_counted(hdm05_clips(mocap), number) for number in range(2 * (MOST + 1))]
    for sequence in drawn:
        assert sequence.count == len(sequence.spans) * TIMES_PER_CLIP.get(sequence.movement, 1)
        assert len(sequence.poses) == len(sequence.time_s)
    usual = Counter(s.count for s in drawn if s.movement not in TIMES_PER_CLIP)
    assert max(usual.values()) <= 2 and max(usual) <= MOST


def test_the_same_number_draws_the_same_sequence(mocap: Path) -> None:
    one, again, other = (draw_counted(hdm05_clips(mocap), 5, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.poses, again.poses) and one.views == again.views
    assert one.views != other.views


def test_noise_moves_the_keypoints_and_not_the_movement(mocap: Path) -> None:
    sequence = draw_counted(hdm05_clips(mocap), 1)
    exact, noisy = sequence.filmed(None)[0], sequence.filmed("D0")[0]
    assert not np.allclose(exact.keypoints, noisy.keypoints)
    assert np.array_equal(exact.time_s, noisy.time_s)


@pytest.mark.parametrize("count", [count_by_autocorrelation, count_by_spectrum])
def test_rounds_of_one_length_are_counted_by_their_period(count) -> None:
    time_s = np.arange(0, 20, 1 / 30)
    values = np.stack([np.sin(np.pi * time_s), np.cos(np.pi * time_s)], axis=1)
    assert count(TimeSeries(time_s, values, np.ones(len(time_s), bool))) == pytest.approx(10, abs=1)


@pytest.mark.parametrize("count", [count_by_autocorrelation, count_by_spectrum])
@pytest.mark.parametrize("frames", [1, 5, 300])
def test_a_still_person_is_counted_0_times(count, frames: int) -> None:
    time_s = np.arange(frames) / 30
    assert count(TimeSeries(time_s, np.ones((frames, 2)), np.ones(frames, bool))) == 0


def test_the_interval_of_equal_values_is_a_point_and_of_others_contains_the_mean() -> None:
    assert mean_figure(np.full(5, 2.0), seed=0) == mean_figure(np.full(9, 2.0), seed=1)
    found = mean_figure(np.arange(20.0), seed=0)
    assert found.low < found.value == 9.5 < found.high


def test_the_report_has_a_row_for_each_system_and_a_lead_of_ours(mocap: Path, tmp_path: Path) -> None:
    embedder = Embedder.from_pretrained(str(save_tiny_model(tmp_path)))
    report = run_counting(mocap, embedder=embedder, count=2, sources=(None,))
    assert [row.system for row in report.rows][:2] == [OURS, OURS_WITH_REF]
    assert [row.lead is None for row in report.rows] == [True] + [False] * 5
    for row in report.rows:
        errors = [abs(true - found) for true, found in row.counts]
        assert row.mae.value == pytest.approx(np.mean(errors))
        assert row.off_by_one.value == pytest.approx(100 * np.mean(np.array(errors) <= 1))
    assert "| GT | poseflow count |" in report.to_markdown()


def test_the_command_prints_json(mocap: Path, tmp_path: Path, capsys) -> None:
    model = str(save_tiny_model(tmp_path))
    options = ["--sequences", "1", "--keypoints", "D1", "--model", model, "--json"]
    assert main(["bench", "count", "--mocap", str(mocap), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["source"] for row in told["rows"]} == {"D1"}
    assert told["sequences"] == 1 and told["seed"] == 0


def test_a_folder_without_motion_capture_leaves_with_1(tmp_path: Path, capsys) -> None:
    assert main(["bench", "count", "--mocap", str(tmp_path)]) == 1
    assert "hdm05.npz" in capsys.readouterr().err


def test_the_list_of_benchmarks_has_it(capsys) -> None:
    assert main(["bench"]) == 0
    assert "  count " in capsys.readouterr().out
