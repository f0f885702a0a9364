from __future__ import annotations

import json

import pytest
import torch

from vvipe.calibration import Calibration
from vvipe.errors import WeightsError
from vvipe.model_file import DEFAULT_MODEL, SHIPPED, file_sha256, load_model, save_model, shipped_models
from vvipe.models.vvipe import Architecture, KeypointEncoder, PoseVAE

CALIBRATION = Calibration((0.01, 0.5, 0.001), (-5.0, -3.0, 0.1), (-5.5, -3.0, 0.1), 0.1, 0.1, 0.3)
SMALL = Architecture(dimension=4, width=16, use_scores=True, predicts_uncertainty=True)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    return save_model(
        tmp_path, "tiny", vae=PoseVAE(SMALL), encoder=KeypointEncoder(SMALL), calibration=CALIBRATION, card={"seed": 3}
    )


def test_model_read_back_is_the_one_written_to_half_precision(saved):
    torch.manual_seed(0)
    vae, encoder = PoseVAE(SMALL).eval(), KeypointEncoder(SMALL).eval()
    model = load_model(saved)
    assert (model.name, model.architecture, model.calibration) == ("tiny", SMALL, CALIBRATION)
    assert model.card["seed"] == 3
    inputs = torch.randn(6, 13, 3)
    torch.testing.assert_close(model.encoder(inputs).vectors, encoder(inputs).vectors, atol=5e-3, rtol=5e-3)
    poses = torch.randn(6, 17, 3)
    torch.testing.assert_close(model.vae.encode(poses), vae.encode(poses), atol=5e-3, rtol=5e-3)


def test_loaded_networks_are_for_inference(saved):
    model = load_model(saved)
    assert not model.encoder.training and not model.vae.training
    assert not any(p.requires_grad for p in [*model.encoder.parameters(), *model.vae.parameters()])


def test_unknown_name_lists_the_shipped_models():
    with pytest.raises(WeightsError, match=DEFAULT_MODEL):
        load_model("nonsense")


def test_missing_path_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match="absent"):
        load_model(tmp_path / "absent.safetensors")


def test_missing_card_is_an_error(saved):
    saved.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match=r"tiny\.json"):
        load_model(saved)


def test_damaged_weights_are_found_by_their_hash(saved):
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_model(saved)


def test_weights_of_another_architecture_are_refused(saved):
    card_path = saved.with_suffix(".json")
    card = json.loads(card_path.read_text())
    card["architecture"]["width"] = 8
    card_path.write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="architecture"):
        load_model(saved)


@pytest.mark.parametrize("field", ["name", "sha256", "architecture", "calibration"])
def test_card_without_a_field_is_named_with_what_is_missing(saved, field):
    card_path = saved.with_suffix(".json")
    card = json.loads(card_path.read_text())
    del card[field]
    card_path.write_text(json.dumps(card))
    with pytest.raises(WeightsError, match=rf"tiny\.json: .*incomplete.*{field}"):
        load_model(saved)


@pytest.mark.parametrize(
    "change", [{"architecture": {"depth": 3}}, {"architecture": 7}, {"calibration": {"error": [1, 2, 3]}}]
)
def test_card_with_fields_of_another_kind_is_refused(saved, change):
    card_path = saved.with_suffix(".json")
    card_path.write_text(json.dumps(json.loads(card_path.read_text()) | change))
    with pytest.raises(WeightsError, match=r"tiny\.json: .*incomplete"):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"{", b"\xff\xfe"])
def test_card_that_is_none_is_refused(saved, content):
    saved.with_suffix(".json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"tiny\.json"):
        load_model(saved)


def test_newer_card_is_refused(saved):
    card_path = saved.with_suffix(".json")
    card_path.write_text(json.dumps(json.loads(card_path.read_text()) | {"card_version": 99}))
    with pytest.raises(WeightsError, match="99"):
        load_model(saved)


@pytest.mark.parametrize("name", shipped_models())
def test_each_shipped_model_loads_is_small_and_has_a_card(name):
    path = SHIPPED / f"{name}.safetensors"
    model = load_model(name)
    assert path.stat().st_size < 30e6
    assert model.sha256 == file_sha256(path)
    assert model.card["data"] and model.card["licence"] and model.card["attribution"]


def test_the_default_model_ships():
    assert DEFAULT_MODEL in shipped_models()
