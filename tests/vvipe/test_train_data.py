"""What the card of a trained model says of its data, and training on AMASS."""

from __future__ import annotations

import json

import numpy as np
import pytest
from amass_files import write_amass, write_body_model
from mocap_files import write_npz

from vvipe.datasets.licences import UNKNOWN
from vvipe.errors import FileFormatError, TrainingError
from vvipe.models.vvipe import Architecture
from vvipe.recipe import Recipe, Stage1, Stage2
from vvipe.train import train

SMALL = Recipe(
    name="small",
    architecture=Architecture(dimension=8, width=16),
    stage1=Stage1(iterations=1, batch_size=8),
    stage2=Stage2(iterations=1, batch_size=8),
)


def _card(data, folder, **settings):
    return json.loads(train(SMALL, data, work_dir=folder, device="cpu", **settings).with_suffix(".json").read_text())


def test_card_has_the_licences_of_every_path(tmp_path):
    own = write_npz(tmp_path / "own.npz", takes=3)
    cmu = write_npz(tmp_path / "cmu.npz", takes=1, seed=1)
    np.savez(cmu, **(dict(np.load(cmu)) | {"names": np.array(["02_01"]), "subjects": np.array(["cmu02"])}))
    first, second = _card([own, cmu], tmp_path / "run", data_licence="CC0")["data"]
    assert [(s["source"], s["licence"], s["takes"]) for s in first["sources"]] == [("other", "CC0", 3)]
    (entry,) = second["sources"]
    assert "mocap.cs.cmu.edu" in entry["acknowledgement"] and entry["takes"] == 1


def test_unknown_data_is_called_unknown(tmp_path):
    (entry,) = _card([write_npz(tmp_path / "own.npz")], tmp_path / "run")["data"]
    assert entry["sources"][0]["licence"] == UNKNOWN


def test_amass_trains_with_a_body_model_and_only_with_the_same_one_again(tmp_path):
    for number in range(3):
        write_amass(tmp_path / "AMASS" / "BMLrub" / f"rub{number}" / "walk_poses.npz", frames=60, seed=number)
    body = write_body_model(tmp_path / "body.npz")
    (entry,) = _card([tmp_path / "AMASS"], tmp_path / "run", body_model=body)["data"]
    assert [(s["source"], s["takes"]) for s in entry["sources"]] == [("AMASS", 3)]
    other = write_body_model(tmp_path / "other.npz", seed=1)
    with pytest.raises(TrainingError, match="another run"):
        train(SMALL, [tmp_path / "AMASS"], work_dir=tmp_path / "run", device="cpu", body_model=other)
    with pytest.raises(FileFormatError, match="--body-model"):
        train(SMALL, [tmp_path / "AMASS"], work_dir=tmp_path / "none", device="cpu")
