from __future__ import annotations

import json

import pytest
from mocap_files import write_npz
from poseflow_benchmarks.retrieval import evaluate, make_set, run_retrieval

from vvipe import Embedder
from vvipe.cameras import TRAINING_RIG, UNSEEN_RIG
from vvipe.datasets.mocap import read_npz


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.from_pretrained()


@pytest.fixture
def takes(tmp_path):
    return read_npz(write_npz(tmp_path / "m.npz", takes=2, frames=60))


def test_rows_cover_inputs_systems_and_camera_pairs(embedder, takes):
    rows = evaluate(embedder, make_set("own", takes, UNSEEN_RIG))
    assert {(row.cameras, row.source) for row in rows} == {
        (cameras, source) for cameras in ("all", "unseen") for source in ("none", "GT", "D0")
    }
    assert len(rows) == 10
    assert all(0 <= row.hits[1] <= row.hits[20] <= 100 for row in rows)


def test_bound_is_perfect_on_poses_that_are_all_different(embedder, takes):
    rows = evaluate(embedder, make_set("own", takes, TRAINING_RIG))
    assert next(row.hits[1] for row in rows if row.source == "none") == 100


def test_same_seed_gives_the_same_rows(embedder, takes):
    own = make_set("own", takes, TRAINING_RIG)
    assert evaluate(embedder, own, seed=1) == evaluate(embedder, own, seed=1)


def test_report_says_what_made_it(embedder, tmp_path):
    for seed, name in enumerate(("cmu", "cmu_more", "hdm05")):
        path = write_npz(tmp_path / f"{name}.npz", takes=2, frames=24, seed=seed)
        if name == "cmu":
            import numpy as np

            arrays = dict(np.load(path))
            np.savez(path, **(arrays | {"subjects": np.array(["cmu06", "a"])}))
    report = run_retrieval(tmp_path, embedder=embedder)
    stored = json.loads(json.dumps(report.to_json()))
    assert stored["model_sha256"] == embedder.sha256
    assert stored["rigs"]["HDM05"]["elevation_deg"][5] == -15
    assert report.to_markdown().count("HDM05") == 10
