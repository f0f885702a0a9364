from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mocap_files import write_npz
from poseflow_benchmarks.calibration import ambiguity, area_under_curve, run_calibration
from poses import random_poses
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.geometry import normalize_2d, normalize_3d


def test_area_under_curve_counts_pairs_in_order():
    score = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([False, True, False, True])
    # Of the four (match, non-match) pairs three are in order and one ties.
    assert area_under_curve(score, truth) == pytest.approx(3.5 / 4)


def test_area_under_curve_needs_both_kinds():
    assert np.isnan(area_under_curve(np.array([0.1, 0.2]), np.array([True, True])))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    mocap = tmp_path_factory.mktemp("mocap")
    people = {"cmu": ["cmu06", "cmu10"], "cmu_more": ["cmu02", "cmu10"], "hdm05": ["bd", "mm"]}
    for seed, (name, subjects) in enumerate(people.items()):
        path = write_npz(mocap / f"{name}.npz", takes=2, frames=300, seed=seed)
        with np.load(path) as arrays:
            np.savez(path, **(dict(arrays) | {"subjects": np.array(subjects)}))
    return run_calibration(mocap, embedder=Embedder.from_pretrained(save_tiny_model(mocap)))


def test_report_sets_the_model_beside_its_rivals_on_every_input_and_kind(report):
    kinds = [(row.source, row.pairs, row.predictor) for row in report.rows]
    predictors = ("ours", "distance alone", "constant")
    assert kinds == [(s, p, r) for s in ("GT", "D0", "D1") for p in ("nearest", "balanced") for r in predictors]
    assert all(0 <= row.ece <= 1 and 0 <= row.brier <= 1 for row in report.rows)
    stored = json.loads(json.dumps(report.to_json()))
    assert stored["model"] == report.model and len(stored["ambiguity"]) == 15
    assert "| D1 | balanced | constant |" in report.to_markdown()


def test_a_constant_errs_by_what_it_is_off_and_tells_nothing(report):
    for row in report.rows:
        if row.predictor == "constant":
            # Brier of a constant c on a base rate b: b (1 - b) + (b - c)^2, and ECE = |b - c|.
            assert row.brier == pytest.approx(row.base_rate * (1 - row.base_rate) + row.ece**2)
            assert row.auc == 0.5


def test_views_are_sorted_into_fifths_by_their_ambiguity(report):
    for source in ("GT", "D0", "D1"):
        rows = [row for row in report.ambiguity if row.source == source]
        assert [row.fifth for row in rows] == [1, 2, 3, 4, 5]
        assert np.all(np.diff([row.ambiguity for row in rows]) > 0)
        assert len({row.spearman for row in rows}) == 1


def _random(count: int) -> torch.Tensor:
    return torch.randn(count, 13, 2, generator=torch.Generator().manual_seed(count))


def test_a_view_like_those_of_other_poses_is_ambiguous():
    # Views 0 and 1 look alike and are poses far apart; all others look alike in pairs and are the same pose.
    poses = normalize_3d(random_poses(44, spread=0.3))
    poses[3::2] = poses[2::2]
    keypoints = _random(22).repeat_interleave(2, 0) + 1e-3 * _random(44)
    spread = ambiguity(poses, normalize_2d(keypoints)[0], count=1)
    assert float(spread[:2].min()) > 0.1
    assert float(spread[2:].max()) < 1e-3
