import json

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from lifted_tracks import make_clip, make_track
from poseflow_cli.main import main

from poseflow.records import EmbeddedClip
from poseflow.store import write_clip
from vvipe import Embedder
from vvipe.datasets.bvh import read_bvh

SECONDS = np.arange(30) / 30


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture
def one(tmp_path, embedder):
    path = tmp_path / "one.parquet"
    write_clip(path, make_clip([make_track(SECONDS)], embedder))
    return str(path)


@pytest.fixture
def two(tmp_path, embedder):
    path = tmp_path / "two.parquet"
    write_clip(path, make_clip([make_track(SECONDS), make_track(SECONDS, person_id=2)], embedder))
    return str(path)


@pytest.mark.parametrize("suffix", ["parquet", "npz", "bvh", "trc"])
def test_a_saved_clip_becomes_every_format(one, tmp_path, capsys, suffix):
    out = tmp_path / f"out.{suffix}"
    assert main(["lift", one, "-o", str(out), "--frame", "camera", "--height-m", "1.8", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"]
    assert told == {
        "output": str(out), "person_id": 1, "frames": 30, "interpolated": 0, "held": 0, "frame": "camera",
        "root_rotation": "fit", "unit": "metre", "height_m": 1.8,
    }  # fmt: skip
    assert out.stat().st_size > 0


def test_keypoints_of_ones_own_are_lifted(one, tmp_path, capsys):
    table = pq.read_table(one).select(["frame", "time_s", "person_id", "keypoints", "scores"])
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "own.parquet")
    assert main(["lift", str(tmp_path / "own.parquet"), "-o", str(tmp_path / "out.bvh")]) == 0
    assert "30 frames" in capsys.readouterr().out
    assert len(read_bvh(tmp_path / "out.bvh").poses) == 30


def test_height_sets_the_size(one, tmp_path):
    size = {}
    for height in ("1.5", "2.0"):
        assert main(["lift", one, "-o", str(tmp_path / "out.npz"), "--height-m", height]) == 0
        size[height] = np.load(tmp_path / "out.npz")["bone_lengths"].sum()
    assert size["2.0"] / size["1.5"] == pytest.approx(2 / 1.5, rel=1e-6)


def test_an_assumed_height_is_told(one, tmp_path, capsys):
    assert main(["lift", one, "-o", str(tmp_path / "out.trc")]) == 0
    assert "height 1.75 m is assumed" in capsys.readouterr().out
    assert main(["lift", one, "-o", str(tmp_path / "out.npz")]) == 0
    assert "torso lengths" in capsys.readouterr().out


def test_several_people_get_a_file_each_and_one_of_them_its_own(two, tmp_path, capsys):
    assert main(["lift", two, "-o", str(tmp_path / "out.bvh")]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.bvh")) == ["out.person1.bvh", "out.person2.bvh"]
    assert main(["lift", two, "-o", str(tmp_path / "solo.bvh"), "--person", "id:2"]) == 0
    assert "person 2" in capsys.readouterr().out
    assert (tmp_path / "solo.bvh").read_bytes() == (tmp_path / "out.person2.bvh").read_bytes()


def test_head_and_fit_differ(one, tmp_path):
    rotation = {}
    for name in ("head", "fit"):
        assert main(["lift", one, "-o", str(tmp_path / "out.npz"), "--rotation", name]) == 0
        with np.load(tmp_path / "out.npz") as file:
            rotation[name] = file["root_rotation"]
            assert json.loads(str(file["metadata"]))["root_rotation"] == name
    assert not np.allclose(rotation["head"], rotation["fit"], atol=1e-3)


def test_an_unknown_ending_is_wrong_usage_before_any_work(tmp_path, capsys):
    assert main(["lift", str(tmp_path / "nowhere.mp4"), "-o", str(tmp_path / "out.fbx")]) == 2
    told = capsys.readouterr().err
    assert "out.fbx" in told and ".bvh" in told


def test_an_unwritable_output_is_told_before_any_work(tmp_path, capsys):
    assert main(["lift", str(tmp_path / "nowhere.mp4"), "-o", str(tmp_path / "none" / "out.bvh")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_a_missing_clip_is_named(tmp_path, capsys):
    assert main(["lift", str(tmp_path / "nowhere.parquet"), "-o", str(tmp_path / "out.bvh")]) == 1
    assert "nowhere.parquet" in capsys.readouterr().err
    assert not (tmp_path / "out.bvh").exists()


def test_the_clip_itself_is_never_written_over(one, capsys):
    assert main(["lift", one, "-o", one]) == 1
    assert "write somewhere else" in capsys.readouterr().err
    assert "embedding" in pq.read_schema(one).names


def test_nobody_usable_leaves_with_four(tmp_path, capsys, embedder):
    clip = make_clip([make_track(SECONDS), make_track(SECONDS, person_id=2, hidden=range(30))], embedder)
    write_clip(tmp_path / "clip.parquet", clip)
    arguments = ["lift", str(tmp_path / "clip.parquet"), "-o", str(tmp_path / "out.bvh")]
    assert main([*arguments, "--person", "id:2"]) == 4
    assert "person 2" in capsys.readouterr().err
    assert main(arguments) == 0
    assert (tmp_path / "out.bvh").exists()


def test_a_clip_without_people_leaves_with_an_error(one, tmp_path, capsys):
    empty = pq.read_table(one).slice(0, 0)
    pq.write_table(empty, tmp_path / "empty.parquet")
    assert main(["lift", str(tmp_path / "empty.parquet"), "-o", str(tmp_path / "out.bvh")]) == 1
    assert "no rows" in capsys.readouterr().err


def test_a_person_who_is_not_there_and_a_height_of_nobody_are_wrong_usage(one, tmp_path, capsys):
    out = str(tmp_path / "out.bvh")
    assert main(["lift", one, "-o", out, "--person", "id:9"]) == 2
    assert main(["lift", one, "-o", out, "--height-m", "180"]) == 2
    assert "height_m" in capsys.readouterr().err


def test_a_clip_of_another_model_is_refused(one, tmp_path, capsys, embedder):
    from dataclasses import replace

    from poseflow.detect.protocol import ModelFile

    clip = make_clip([make_track(SECONDS)], embedder)
    other: EmbeddedClip = replace(clip, metadata=replace(clip.metadata, model=ModelFile("other@1", "2" * 64)))
    write_clip(tmp_path / "other.parquet", other)
    assert main(["lift", str(tmp_path / "other.parquet"), "-o", str(tmp_path / "out.bvh")]) == 1
    assert "other@1" in capsys.readouterr().err


def test_a_film_without_people_leaves_with_four(tmp_path, capsys):
    with av.open(str(tmp_path / "grey.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(4):
            picture = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 128, np.uint8), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    arguments = ["lift", str(tmp_path / "grey.mp4"), "-o", str(tmp_path / "out.bvh"), "--detector", "blazepose"]
    assert main(arguments) == 4
    assert "no person was found" in capsys.readouterr().err
    assert not (tmp_path / "out.bvh").exists()


@pytest.mark.real_data
def test_a_film_becomes_a_motion_file(real_file, tmp_path, capsys):
    video = real_file("data/video/pose2sim_cam01.mp4")
    out = tmp_path / "out.bvh"
    arguments = ["lift", str(video), "-o", str(out), "--detector", "blazepose", "--end", "0.5", "--frame", "camera"]
    assert main(arguments) == 0
    poses = read_bvh(out).poses
    assert len(poses) == pytest.approx(30, abs=1)
    # In the level camera's world a man who stands has his head above the pelvis and his ankles below.
    assert (poses[:, 10, 2] > 0.3).all() and (poses[:, [3, 6], 2] < -0.3).any(1).all()
