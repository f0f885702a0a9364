import json

import cv2
import numpy as np
import pytest
from lifted_tracks import make_clip, make_track
from poseflow_cli.main import main

from poseflow.store import write_clip
from vvipe import Embedder

SECONDS = np.arange(30) / 30


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture
def clip(tmp_path, embedder):
    path = tmp_path / "clip.parquet"
    people = [make_track(SECONDS), make_track(SECONDS, person_id=2, hidden=range(8, 30))]
    write_clip(path, make_clip(people, embedder))
    return str(path)


def test_poses_around_a_moment(clip, tmp_path, capsys, embedder):
    out, picture = tmp_path / "out.npz", tmp_path / "out.png"
    arguments = ["generate", clip, "--at", "0.5", "-o", str(out), "--picture", str(picture), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"output": str(out), "picture": str(picture), "origin": "person 1 at 0.500 s", "poses": 8}
    with np.load(out, allow_pickle=False) as file:
        np.testing.assert_allclose(file["alphas"], [0.2, 0.3, 0.4, 0.5])
        assert file["poses"].shape == (2, 4, 17, 3)
        step = file["vectors"][1, 3] - file["start_vector"]
        np.testing.assert_allclose(step, 0.5 * file["directions"][1], atol=1e-5)
        np.testing.assert_allclose(embedder.decode(file["vectors"][0]), file["poses"][0], atol=1e-5)
        assert json.loads(str(file["metadata"]))["model"] == embedder.model_id
    image = cv2.imread(str(picture))
    assert image.shape[1] > image.shape[0] and (image < 128).any()


def test_the_prior_and_its_seed(tmp_path, capsys):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        out = str(tmp_path / f"{name}.npz")
        assert main(["generate", "--count", "3", "--seed", seed, "-o", out, "--picture", str(tmp_path / "p.png")]) == 0
    assert "3 poses, from prior" in capsys.readouterr().out
    a, b, c = (np.load(tmp_path / f"{name}.npz")["poses"] for name in "abc")
    assert a.shape == (3, 1, 17, 3)
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_steps_and_directions_are_settings(clip, tmp_path):
    out = tmp_path / "out.npz"
    assert (
        main(["generate", clip, "--at", "0.1", "--alpha", "0.1", "--alpha", "1", "--count", "5", "-o", str(out)]) == 0
    )
    with np.load(out) as file:
        np.testing.assert_allclose(file["alphas"], [0.1, 1])
        assert file["poses"].shape == (5, 2, 17, 3)


def test_a_moment_without_the_person_leaves_with_four(clip, tmp_path, capsys):
    out = str(tmp_path / "out.npz")
    assert main(["generate", clip, "--at", "9", "-o", out]) == 4
    assert "0.97 s" in capsys.readouterr().err
    assert main(["generate", clip, "--at", "0.8", "--person", "id:2", "-o", out]) == 4
    assert "person 2" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--at", "1"], ["clip.parquet"]])
def test_clip_and_moment_go_together(tmp_path, capsys, arguments):
    assert main(["generate", *arguments, "-o", str(tmp_path / "out.npz")]) == 2
    assert "go together" in capsys.readouterr().err


def test_wrong_outputs_are_told_before_any_work(tmp_path, capsys):
    assert main(["generate", "-o", str(tmp_path / "out.txt")]) == 2
    assert ".npz" in capsys.readouterr().err
    assert main(["generate", "-o", str(tmp_path / "none" / "out.npz")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["generate", "-o", str(tmp_path / "out.npz"), "--picture", str(tmp_path / "out.gif")]) == 2
    assert "picture" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_everybody_is_too_many(clip, tmp_path, capsys):
    assert main(["generate", clip, "--at", "0.1", "--person", "all", "-o", str(tmp_path / "out.npz")]) == 2
    assert "one person" in capsys.readouterr().err


def test_a_clip_of_another_model_is_refused(tmp_path, capsys, embedder):
    from dataclasses import replace

    from poseflow.detect.protocol import ModelFile

    clip = make_clip([make_track(SECONDS)], embedder)
    other = replace(clip, metadata=replace(clip.metadata, model=ModelFile("other@1", "2" * 64)))
    write_clip(tmp_path / "other.parquet", other)
    assert main(["generate", str(tmp_path / "other.parquet"), "--at", "0.5", "-o", str(tmp_path / "out.npz")]) == 1
    assert "other@1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.real_data
def test_a_moment_of_a_film(real_file, tmp_path, capsys):
    video = str(real_file("data/video/pose2sim_cam01.mp4"))
    out = str(tmp_path / "out.npz")
    assert main(["generate", video, "--at", "0.1", "--detector", "blazepose", "-o", out]) == 0
    assert "at 0.1" in capsys.readouterr().out
