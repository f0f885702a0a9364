from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from poseflow_benchmarks.segmentation import SegmentationReport, run_segmentation
from poseflow_benchmarks.segmentation_features import DECODED, KEYPOINTS, OURS, Described, Describer, scaled
from poseflow_benchmarks.segmentation_hour import HOUR_FRAMES, FixedScorer, repeated, segmented_alone
from poseflow_benchmarks.segmentation_rows import cluster_others, equal_split, moments, segment_ours, segmenters
from poseflow_benchmarks.segmentation_scores import MEASURES
from poseflow_benchmarks.segmentation_stability import measure_stability
from poseflow_cli.main import main
from poses import standing
from saved_tracks import FPS, embedding_track
from tiny_model import save_tiny_model

from poseflow import segment
from poseflow.segmentation.pose_grid import PoseGrid
from poseflow.segmentation.settings import SegmentSettings
from poseflow.time_series import TimeSeries
from vvipe import Embedder


def write_moves(path: Path, *, labelled_frames: bool = False) -> Path:
    """Five movements of a standing person, two clips each: one joint goes up and down, a joint of its own each."""
    clips = []
    for joint in (4, 6, 12, 13, 16):
        for frames in (50, 60):
            poses = np.repeat(standing().numpy(), frames, axis=0)
            poses[:, joint] += 0.6 * np.sin(np.linspace(0, 2 * np.pi, frames))[:, None] * np.array([0.3, 0.5, 1])
            clips.append(poses)
    lengths = [len(clip) for clip in clips]
    arrays = {
        "poses": np.concatenate(clips).astype(np.float32),
        "lengths": np.array(lengths),
        "names": np.array([f"take{i}" for i in range(10)]),
        "labels": np.array([f"move{i // 2}" for i in range(10)]),
        "subjects": np.array(["a", "b"] * 5),
        "fps": np.full(10, 30),
    }
    if labelled_frames:
        arrays |= {"frame_labels": np.arange(sum(lengths)) // 20 % 3, "label_names": np.array(["x", "y", "z"])}
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def mocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_moves(folder / "hdm05.npz")
    write_moves(folder / "mocap6.npz", labelled_frames=True)
    return folder


@pytest.fixture(scope="module")
def report(embedder: Embedder, mocap: Path) -> SegmentationReport:
    return run_segmentation(mocap, embedder=embedder, sources=(None,), parts=("videos", "data-set", "cameras"), count=2)


def test_blocks_are_told_apart_by_data_matching_input_and_k(report: SegmentationReport) -> None:
    told = [(block.data, block.matching, block.source, block.knows_k) for block in report.blocks]
    assert told == [
        ("HDM05", "each video", "GT", True),
        ("HDM05", "each video", "GT", False),
        ("HDM05", "data set", "GT", True),
        ("HDM05", "data set", "GT", False),
        ("mocap6", "each video", "GT", True),
        ("mocap6", "each video", "GT", False),
    ]


def test_every_way_stands_on_every_kind_of_features(report: SegmentationReport) -> None:
    unknown = report.blocks[1]
    named = [(row.method, row.features) for row in unknown.rows]
    assert named[0] == ("equal split", OURS) and named[-1] == ("ours", OURS)
    for method in ("k-means", "agglomerative", "TW-FINCH", "HDBSCAN", "ours"):
        assert {features for name, features in named if name == method} == {OURS, KEYPOINTS, DECODED}
    assert "HDBSCAN" not in {row.method for row in report.blocks[0].rows}, "it cannot be told K"


def test_figures_are_one_a_sequence_and_in_their_ranges(report: SegmentationReport) -> None:
    for block in report.blocks:
        for row in block.rows:
            assert set(row.figures) == set(MEASURES)
            assert {len(values) for values in row.figures.values()} == {2 if block.data == "HDM05" else 40}
            shares = [value for name in MEASURES if name != "border, s" for value in row.figures[name]]
            assert 0 <= min(shares) <= max(shares) <= 1
        assert [lead.measure for lead in block.leads] == ["MoF", "F1@50"]


def test_given_k_no_way_finds_more_labels(report: SegmentationReport) -> None:
    assert all(row.labels <= 6 for block in report.blocks if block.knows_k for row in block.rows)


def test_the_table_names_what_the_matching_was(report: SegmentationReport) -> None:
    text = report.to_markdown()
    assert "**HDM05. Per video: " in text and "**HDM05. Per data set: " in text
    assert "Two cameras of one movement" in text
    assert json.loads(json.dumps(report.to_json()))["sequences"] == 2


def test_the_command_prints_a_table_of_the_parts_asked_for(
    mocap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(save_tiny_model(tmp_path))
    arguments = ["bench", "segmentation", "--mocap", str(mocap), "--model", model, "--sequences", "2"]
    assert main([*arguments, "--keypoints", "D1", "--part", "cameras"]) == 0
    out = capsys.readouterr().out
    assert "| D1 | given |" in out and "Per video" not in out
    assert main(["bench", "segmentation", "--mocap", str(tmp_path)]) == 1
    assert main(["bench"]) == 0 and "  segmentation " in capsys.readouterr().out


def described(embedder: Embedder, frames: int = 300) -> tuple[Described, np.ndarray]:
    """A track of two movements as our pipeline sees it, and its vectors."""
    turn = 2 * np.pi * np.arange(frames) / FPS
    curve = 3 * np.stack([np.sin((1 + k) * turn) * ((turn < turn[-1] / 2) == (k % 2 == 0)) for k in range(8)], axis=1)
    return Describer(embedder).ours(embedding_track(curve, model=embedder.model_id)), curve


def test_ours_is_what_segment_finds(embedder: Embedder) -> None:
    film, curve = described(embedder, 900)
    labels = segment_ours([film], 2, settings=SegmentSettings())[0]
    track = embedding_track(curve, model=embedder.model_id)
    timeline = segment(track, embedder=embedder, settings=SegmentSettings(clusters=2))
    middle_s = film.grid.time_s
    np.testing.assert_array_equal(labels, timeline.labels_at(middle_s))


def test_equal_split_is_even() -> None:
    grid = PoseGrid(np.arange(10) / 10, np.zeros((10, 1), np.float32), np.ones(10, bool), np.arange(10))
    film = Described(grid, np.zeros((10, 1)))
    assert equal_split([film], 5)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [part.tolist() for part in equal_split([film, film], 2)] == [[0] * 10, [1] * 10]


def test_moments_are_weighted_means_and_deviations() -> None:
    frames = np.random.default_rng(0).normal(size=(61, 2))
    weight = np.exp(-0.5 * ((np.arange(61) - 30) / 3) ** 2)
    mean = (weight[:, None] * frames).sum(0) / weight.sum()
    deviation = np.sqrt((weight[:, None] * (frames - mean) ** 2).sum(0) / weight.sum())
    np.testing.assert_allclose(moments(frames, 3.0)[30], [*mean, *deviation], atol=1e-3)
    assert moments(frames, 0) is frames


@pytest.mark.parametrize("name", ["k-means", "agglomerative", "TW-FINCH", "HDBSCAN", "ours"])
def test_films_segmented_together_share_labels(embedder: Embedder, name: str) -> None:
    film, _ = described(embedder, 900)
    settings = SegmentSettings()
    one, other = segmenters(settings)[name]([film, film], None if name == "HDBSCAN" else 2)
    assert len(one) == len(other) == len(film.frames)
    if name != "TW-FINCH":  # it keeps apart what is far apart in time
        assert (one == other).mean() > 0.9


def test_other_features_are_brought_to_the_same_variance() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3)) * [1, 2, 3]
    values[10] = np.nan
    is_seen = np.isfinite(values).all(1)
    found = scaled(TimeSeries(np.arange(50) / 30, values, is_seen), 7.0)
    assert found.values[is_seen].var(0).sum() == pytest.approx(7.0)
    still = TimeSeries(np.arange(50) / 30, np.ones((50, 3)), np.ones(50, bool))
    np.testing.assert_array_equal(scaled(still, 7.0).values, still.values)


def test_films_shorter_than_a_window_have_labels(embedder: Embedder) -> None:
    film, _ = described(embedder, 4)
    for name, way in segmenters(SegmentSettings()).items():
        assert len(way([film], None)[0]) == len(film.frames), name


def test_kept_labels_of_films_that_are_alike_agree(embedder: Embedder, mocap: Path) -> None:
    from poseflow_benchmarks.segmentation_data import composed_sequences

    sequence = max(composed_sequences(mocap, 3, data="hdm05", seed=0), key=lambda own: len(own.poses))
    figures = list(measure_stability([sequence, sequence], [None], embedder=embedder))
    # Twice the same film is denser than once, so that the labels need not be quite the same.
    assert len(figures) == 1 and figures[0].source == "GT" and 0 <= figures[0].agreement <= 1


def test_time_and_memory_are_those_of_a_process_of_its_own(embedder: Embedder) -> None:
    track = embedding_track(np.random.default_rng(0).normal(size=(300, 8)), model="m@1")
    figure = segmented_alone(repeated([track], 600), FixedScorer("m@1", 1.0), SegmentSettings())
    assert figure.labels >= 1 and figure.segments >= figure.labels
    assert figure.cpu_s > 0 and 20e6 < figure.peak_bytes < 2e9


@pytest.mark.slow
@pytest.mark.parametrize("method", ["joining", "hdbscan"])
def test_an_hour_takes_less_than_a_minute_and_two_gigabytes(method: str) -> None:
    generator = np.random.default_rng(0)
    at_s = np.arange(HOUR_FRAMES) / FPS
    kind = generator.integers(6, size=HOUR_FRAMES // 600 + 1)[np.arange(HOUR_FRAMES) // 600]
    speed, phase, weight = (
        generator.uniform(1, 6, (6, 32)),
        generator.uniform(0, 6, (6, 32)),
        generator.normal(size=(6, 32)),
    )
    curve = np.sin(at_s[:, None] * speed[kind] + phase[kind]) * weight[kind] + 0.1 * generator.normal(
        size=(HOUR_FRAMES, 32)
    )
    track = embedding_track(curve, model="m@1")
    figure = segmented_alone(track, FixedScorer("m@1", 0.5), SegmentSettings(method=method))  # type: ignore[arg-type]
    assert figure.cpu_s < 60 and figure.peak_bytes < 2e9


def test_other_methods_take_the_k_they_are_given(embedder: Embedder) -> None:
    from poseflow_benchmarks.segmentation_rows import OTHERS

    film, _ = described(embedder, 900)
    for name in ("k-means", "agglomerative", "TW-FINCH"):
        assert len(set(cluster_others([film], 3, chosen=OTHERS[name])[0].tolist())) == 3, name
