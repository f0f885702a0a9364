from __future__ import annotations

import json

import numpy as np
import torch
from mocap_files import write_npz
from poseflow_benchmarks.occlusion import hidden_joints, hide, occlusion_rows
from poseflow_benchmarks.open_sets import make_set
from poseflow_benchmarks.retrieval import KeypointSystem
from poseflow_cli.main import main
from poses import random_poses
from tiny_model import save_tiny_model

from vvipe.cameras import TRAINING_RIG
from vvipe.datasets.mocap import MocapSequence
from vvipe.skeleton import COCO13


def _set():
    take = MocapSequence("a", "s", "l", 60.0, random_poses(120, spread=0.1).numpy())
    return make_set("own", [take], TRAINING_RIG)


def test_as_many_joints_are_hidden_as_said_and_others_in_each_view():
    hidden = hidden_joints("5 of 13", (4, 200), seed=0)
    assert (hidden.sum(-1) == 5).all()
    assert not torch.equal(hidden[0], hidden[1])
    assert 0.3 < float(hidden.double().mean()) < 0.45
    assert hidden.double().mean((0, 1)).min() > 0.3


def test_cut_off_legs_are_knees_and_ankles():
    hidden = hidden_joints("legs", (2, 3), seed=0)
    assert {COCO13.joints[i] for i in hidden[1, 2].nonzero()[:, 0].tolist()} == {
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    }


def test_hidden_views_are_normalized_by_what_is_left():
    given = next(_set().inputs(seed=0, sources=["GT"]))
    torso = list(COCO13.indices("left_shoulder", "left_hip"))
    one, two = (torch.zeros_like(given.scores, dtype=torch.bool) for _ in range(2))
    one[..., torso[0]] = True
    two[..., torso] = True
    assert hide(given, one).valid.all()
    assert not hide(given, two).valid.any()
    assert (hide(given, one).scores[..., torso[0]] == 0).all()


def test_rows_fall_as_more_is_hidden():
    rows = {row.hidden: row for row in occlusion_rows(KeypointSystem(), _set(), seed=0, sources=["GT"])}
    whole, few = rows["nothing"].hit1["own all/GT"], rows["5 of 13"].hit1["own all/GT"]
    assert rows["nothing"].valid == 1.0 and rows["5 of 13"].valid < 1.0
    assert few < whole


def test_command_sets_the_model_beside_keypoints_with_every_way_of_hiding(tmp_path, capsys):
    people = {"cmu": "cmu06", "cmu_more": "cmu02", "hdm05": "bd"}
    for seed, (name, subject) in enumerate(people.items()):
        path = write_npz(tmp_path / f"{name}.npz", takes=1, frames=36, seed=seed)
        with np.load(path) as arrays:
            np.savez(path, **(dict(arrays) | {"subjects": np.array([subject])}))
    model = save_tiny_model(tmp_path)
    assert main(["bench", "occlusion", "--mocap", str(tmp_path), "--model", str(model), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    hidden = ["nothing", "1 of 13", "3 of 13", "5 of 13", "legs", "left side", "right side", "head and arms"]
    assert [(r["system"], r["hidden"]) for r in rows] == [(s, h) for s in ("2D keypoints", "tiny") for h in hidden]
    columns = {f"{c}/{s}" for c in ("HDM05 all", "HDM05 unseen") for s in ("GT", "D1")}
    assert all(set(r["hit1"]) == columns for r in rows)
    # What can be used does not hang on the system.
    assert [r["valid"] for r in rows[:8]] == [r["valid"] for r in rows[8:]]
    assert main(["bench", "occlusion", "--mocap", str(tmp_path), "--model", str(model)]) == 0
    assert "| 5 of 13 | tiny |" in capsys.readouterr().out
