from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from mocap_files import write_npz
from safetensors.torch import load_file

from vvipe.datasets.mocap import read_npz
from vvipe.datasets.pairs import PoseBank, PoseVariety
from vvipe.embedder import Embedder
from vvipe.errors import DeviceError, TrainingError
from vvipe.geometry import mpjpe
from vvipe.models.vvipe import Architecture
from vvipe.recipe import Recipe, Stage1, Stage2, load_recipe, recipe_names
from vvipe.train import hold_out, train
from vvipe.train_loop import IterationLoop

SMALL = Recipe(
    name="small",
    variety=PoseVariety(mirror=True, mixed_fraction=0.2),
    architecture=Architecture(
        dimension=8, width=32, dropout=0.1, use_scores=True, predicts_uncertainty=True, predicts_rotation=True
    ),
    stage1=Stage1(iterations=12, batch_size=16),
    stage2=Stage2(
        iterations=12, batch_size=16, n_views=2, cross_view_weight=0.3, error_weight=0.05, rotation_weight=0.05
    ),
)


@pytest.fixture
def mocap(tmp_path):
    return write_npz(tmp_path / "mocap.npz", takes=6)


def _train(mocap, folder, recipe=SMALL, **settings):
    return train(recipe, [mocap], work_dir=folder, device="cpu", **settings)


def test_both_stages_give_a_model_that_embeds(mocap, tmp_path):
    path = _train(mocap, tmp_path / "run")
    embedder = Embedder.from_pretrained(path)
    vectors = embedder.embed(np.random.default_rng(0).normal(size=(5, 17, 2)))
    assert vectors.shape == (5, 8) and np.isfinite(vectors).all()
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["data"][0]["file"] == "mocap.npz" and card["training_takes"] + card["held_out_takes"] == 6


def test_tensorboard_log_and_checkpoints_are_left(mocap, tmp_path):
    _train(mocap, tmp_path / "run")
    for stage in ("stage1", "stage2"):
        assert list((tmp_path / "run" / stage).rglob("events.out.tfevents.*"))
        assert (tmp_path / "run" / stage / "iter_12.pth").exists()


def test_training_prints_nothing_to_stdout(mocap, tmp_path, capfd):
    _train(mocap, tmp_path / "run")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("stage", [1, 2])
def test_run_resumed_after_a_kill_equals_an_unbroken_one_bit_for_bit(mocap, tmp_path, monkeypatch, stage):
    unbroken = load_file(_train(mocap, tmp_path / "unbroken"))
    import vvipe.train

    stages = vvipe.train.train_stages
    monkeypatch.setattr(vvipe.train, "train_stages", lambda *a, **k: stages(*a, **k, checkpoint_interval=5))
    run_iteration = IterationLoop._run_iteration

    def killed(loop, batch):
        if loop.dataloader.dataset.stage == stage and loop.iter == 8:
            raise KeyboardInterrupt
        run_iteration(loop, batch)

    with monkeypatch.context() as patch:
        patch.setattr(IterationLoop, "_run_iteration", killed)
        with pytest.raises(KeyboardInterrupt):
            _train(mocap, tmp_path / "broken")
    torch.rand(17)  # the global random state is another by now
    resumed = load_file(_train(mocap, tmp_path / "broken"))
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[key], resumed[key]) for key in unbroken)


def test_other_seeds_give_other_models(mocap, tmp_path):
    first, second = (load_file(_train(mocap, tmp_path / str(seed), seed=seed)) for seed in (0, 1))
    assert not torch.equal(first["encoder.mlp.head.weight"], second["encoder.mlp.head.weight"])


def test_work_dir_of_another_run_is_refused(mocap, tmp_path):
    _train(mocap, tmp_path / "run")
    with pytest.raises(TrainingError, match="another run"):
        _train(mocap, tmp_path / "run", seed=5)


def test_vae_learns_to_reconstruct_its_takes(mocap, tmp_path):
    recipe = dataclasses.replace(
        SMALL,
        variety=PoseVariety(),
        architecture=Architecture(dimension=32, width=64, dropout=0.0),
        stage1=Stage1(iterations=400, batch_size=64),
        stage2=Stage2(iterations=1, batch_size=16),
    )
    embedder = Embedder.from_pretrained(_train(mocap, tmp_path / "run", recipe))
    training, _ = hold_out(read_npz(mocap))
    poses = PoseBank.from_sequences(training, fps=20).canonical
    decoded = torch.from_numpy(embedder.decode(embedder.embed_3d(poses.numpy())))
    mean_pose = poses.mean(0, keepdim=True).expand_as(poses)
    assert mpjpe(decoded, poses).mean() < 0.6 * mpjpe(mean_pose, poses).mean()


def test_decoder_is_frozen_in_stage_2(mocap, tmp_path):
    short, long = (load_file(_train(mocap, tmp_path / str(n), stage2_iterations=n)) for n in (1, 12))
    for key in short:
        if key.startswith("vae."):
            assert torch.equal(short[key], long[key]), key
    assert not torch.equal(short["encoder.mlp.head.weight"], long["encoder.mlp.head.weight"])


def test_diverging_run_stops_with_advice(mocap, tmp_path):
    recipe = dataclasses.replace(SMALL, stage1=Stage1(iterations=30, batch_size=16, learning_rate=1e30))
    with pytest.raises(TrainingError, match="learning rate"):
        _train(mocap, tmp_path / "run", recipe)


def test_absent_device_is_an_error(mocap, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(DeviceError, match="cuda"):
        train(SMALL, [mocap], work_dir=tmp_path / "run", device="cuda")


def test_single_take_is_both_training_and_held_out(tmp_path):
    takes = read_npz(write_npz(tmp_path / "one.npz", takes=1))
    assert hold_out(takes) == (takes, takes)


def _frames(path, count):
    """The file with its first take alone, `count` of its frames a second apart."""
    arrays = dict(np.load(path))
    one = {name: arrays[name][:1] for name in ("names", "labels", "subjects")}
    np.savez(path, **one, poses=arrays["poses"][:count], lengths=np.array([count]), fps=np.array([1.0]))
    return path


def test_too_few_poses_to_calibrate_on_are_told_before_the_training(tmp_path):
    mocap = _frames(write_npz(tmp_path / "still.npz"), 1)
    with pytest.raises(TrainingError, match=r"kept aside to calibrate on \(take0\) show 1 different pose.* give more"):
        _train(mocap, tmp_path / "run")
    assert not (tmp_path / "run" / "stage1").exists()


def test_two_poses_are_enough_to_train_and_to_calibrate(tmp_path):
    path = _train(_frames(write_npz(tmp_path / "two.npz"), 2), tmp_path / "run")
    errors = json.loads(path.with_suffix(".json").read_text())["calibration_error"]
    assert all(0 <= error <= 1 for error in errors.values())


@pytest.mark.parametrize("name", recipe_names())
def test_each_shipped_recipe_loads(name):
    assert isinstance(load_recipe(name), Recipe)


def test_unknown_recipe_lists_the_known_ones():
    with pytest.raises(ValueError, match="vvipe_cmu"):
        load_recipe("nonsense")


def test_recipe_of_ones_own_is_a_python_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from vvipe.recipe import Recipe\nrecipe = Recipe(name='mine', fps=10.0)\n")
    assert load_recipe(str(path)) == Recipe(name="mine", fps=10.0)
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="variable `recipe`"):
        load_recipe(str(path))


def test_cross_view_loss_needs_two_views():
    with pytest.raises(ValueError, match="n_views"):
        Stage2(cross_view_weight=1.0, n_views=1)
