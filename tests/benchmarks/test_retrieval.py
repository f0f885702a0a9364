from __future__ import annotations

import json
from math import comb

import numpy as np
import pytest
import scipy.spatial
import torch
from mocap_files import write_npz
from poseflow_benchmarks.bounds import bound_rows, chance
from poseflow_benchmarks.open_sets import make_set
from poseflow_benchmarks.retrieval import (
    EmbedderSystem,
    KeypointSystem,
    carve_out_hit1,
    evaluate_system,
    procrustes_vectors,
    report_on,
    run_retrieval,
)
from slow_retrieval import slow_hit_rate
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.cameras import TRAINING_RIG, UNSEEN_RIG
from vvipe.datasets.mocap import read_npz
from vvipe.geometry import normalize_2d
from vvipe.retrieval import Representation, view_poses


@pytest.fixture(scope="module")
def embedder(tmp_path_factory) -> Embedder:
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def takes(tmp_path):
    return read_npz(write_npz(tmp_path / "m.npz", takes=2, frames=84))


@pytest.fixture
def own(takes):
    return make_set("own", takes, UNSEEN_RIG)


def test_a_row_has_every_input_and_choice_of_cameras(embedder, own):
    row = evaluate_system(EmbedderSystem(embedder), [own])
    assert set(row.columns) == {f"own {c}/{s}" for c in ("all", "unseen", "chest") for s in ("GT", "D0", "D1")}
    assert {key: column.n_pairs for key, column in row.columns.items() if key.endswith("GT")} == {
        "own all/GT": 110,
        "own unseen/GT": 60,
        "own chest/GT": 20,
    }
    assert all(0 <= c.hits[1] <= c.hits[5] <= c.hits[20] <= 100 for c in row.columns.values())


def test_keypoints_figure_is_that_of_the_slow_loop(takes):
    few = make_set("own", takes, TRAINING_RIG)
    column = evaluate_system(KeypointSystem(), [few]).columns["own all/GT"]
    vectors = torch.stack([normalize_2d(v)[0].flatten(1) for v in view_poses(few.views.poses, TRAINING_RIG)])
    pairs = few.views.camera_pairs()["all"]
    for k in (1, 5):
        expected = slow_hit_rate(vectors.numpy(), few.views.poses.numpy(), pairs, k=k)
        assert column.hits[k] == pytest.approx(100 * expected, abs=1e-3)


def test_hits_of_recordings_add_up_to_the_figure(embedder, own):
    for column in evaluate_system(EmbedderSystem(embedder), [own]).columns.values():
        assert sum(column.take_queries) == column.n_poses * column.n_pairs
        for k, hits in column.take_hits.items():
            assert 100 * sum(hits) / sum(column.take_queries) == pytest.approx(column.hits[k], abs=1e-3)


def test_same_seed_gives_the_same_figures(own):
    first, again, other = (evaluate_system(KeypointSystem(), [own], seed=seed) for seed in (1, 1, 2))
    assert first.columns == again.columns
    assert first.columns != other.columns
    assert first.columns["own all/GT"] == other.columns["own all/GT"]


class Loud:
    """Gives a vector to everybody, whether or not the keypoints can be used."""

    name = "loud"

    def represent(self, keypoints, scores):
        return Representation(torch.arange(len(keypoints)).float()[:, None])

    def distance(self, query, candidates):
        return (query[:, None] - candidates).norm(dim=-1)


def test_keypoints_that_cannot_be_normalised_are_misses_for_every_system(own):
    column = evaluate_system(Loud(), [own]).columns["own all/D1"]
    pairs_valid = next(own.inputs(seed=0, sources=["D1"])).valid.float().mean()
    assert column.n_valid < column.n_poses * 11
    assert column.hits[1] < 100
    assert column.hits[1] == pytest.approx(100 * float(pairs_valid) ** 2, abs=5)


def test_true_3d_is_perfect_with_the_own_frame_and_can_fail_without(own):
    rows = {row.system: row.columns["own all/3D"] for row in bound_rows([own])}
    for name, column in rows.items():
        if name != "chance":
            assert column.hits[1] == 100
            assert column.hits_without_self[1] < 100
    ceiling = rows["ceiling: whether there is a match"].hits_without_self[1]
    assert all(column.hits_without_self[1] <= ceiling for column in rows.values())


def test_chance_is_one_minus_the_draws_without_a_match():
    matches = torch.tensor([0, 1, 3, 10])
    for k in (1, 4, 10):
        expected = [1 - comb(10 - int(m), k) / comb(10, k) for m in matches]
        np.testing.assert_allclose(chance(matches, 10, k), expected, atol=1e-12)


def test_chance_is_what_random_vectors_find(own):
    class Random:
        name = "random"

        def represent(self, keypoints, scores):
            return Representation(torch.randn(len(keypoints), 32))

        def distance(self, query, candidates):
            return (query[:, None] - candidates).norm(dim=-1)

    torch.manual_seed(0)
    found = evaluate_system(Random(), [own]).columns["own all/GT"]
    expected = next(row for row in bound_rows([own]) if row.system == "chance").columns["own all/3D"]
    # 14 poses x 110 pairs.
    assert found.hits[1] == pytest.approx(expected.hits[1], abs=3)
    assert found.hits[5] == pytest.approx(expected.hits[5], abs=4)
    assert found.hits_without_self[1] == pytest.approx(expected.hits_without_self[1], abs=3)


def test_choices_are_made_on_one_number_in_percent(embedder, takes):
    sets = [make_set("seen", takes, TRAINING_RIG), make_set("unseen", takes, UNSEEN_RIG, columns={"unseen": "unseen"})]
    system = EmbedderSystem(embedder)
    columns = [evaluate_system(system, [s]).columns for s in sets]
    expected = (columns[0]["seen all/D1"].hits[1] + columns[1]["unseen/D1"].hits[1]) / 2
    assert carve_out_hit1(system, sets) == pytest.approx(expected)


def test_report_says_what_made_it(embedder, tmp_path):
    for seed, name in enumerate(("cmu", "cmu_more", "hdm05")):
        path = write_npz(tmp_path / f"{name}.npz", takes=2, frames=24, seed=seed)
        if name == "cmu":
            with np.load(path) as arrays:
                np.savez(path, **(dict(arrays) | {"subjects": np.array(["cmu06", "cmu01"])}))
    report = run_retrieval(tmp_path, embedder=embedder)
    stored = json.loads(json.dumps(report.to_json()))
    assert stored["weights_sha256"] == embedder.sha256
    assert {record["column"] for record in stored["rows"]} == {"CMU seen", "HDM05 all", "HDM05 unseen"}
    assert "chance" in report.to_markdown()


def test_report_has_the_3d_encoder_as_a_bound(embedder, own):
    rows = {row.system: row for row in report_on([own], embedder=embedder).rows}
    encoded = rows[f"{embedder.name}: 3D encoder on true 3D"].columns["own all/3D"]
    assert encoded.hits[1] == 100
    assert encoded.hits_without_self[1] < 100


def test_distance_of_procrustes_vectors_is_that_of_the_best_alignment():
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 13, 2, generator=generator, dtype=torch.float64)
    distance = (procrustes_vectors(a[None]) - procrustes_vectors(b[None])).norm()
    # scipy's residual is 1 - |<a, b>|^2 of unit shapes; it may mirror, so the better of b and its mirror is compared.
    mirrored = b * torch.tensor([-1.0, 1.0])
    other = (procrustes_vectors(a[None]) - procrustes_vectors(mirrored[None])).norm()
    disparity = scipy.spatial.procrustes(a.numpy(), b.numpy())[2]
    assert min(distance, other) ** 2 == pytest.approx(2 * disparity, rel=1e-9)


def test_procrustes_vectors_do_not_see_rotation_scale_or_place():
    generator = torch.Generator().manual_seed(4)
    shape = torch.randn(1, 13, 2, generator=generator, dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    moved = 3.0 * shape @ turn.T + torch.tensor([5.0, -2.0])
    assert torch.allclose(procrustes_vectors(shape), procrustes_vectors(moved), atol=1e-12)
    assert not torch.allclose(procrustes_vectors(shape), procrustes_vectors(shape * torch.tensor([-1.0, 1.0])))


def test_missing_joints_of_procrustes_vectors_lie_at_the_middle_of_the_others():
    generator = torch.Generator().manual_seed(5)
    shape = torch.randn(1, 13, 2, generator=generator, dtype=torch.float64)
    missing, filled = shape.clone(), shape.clone()
    missing[:, 4] = torch.nan
    filled[:, 4] = torch.cat([shape[:, :4], shape[:, 5:]], 1).mean(1)
    assert torch.allclose(procrustes_vectors(missing), procrustes_vectors(filled), atol=1e-12)
