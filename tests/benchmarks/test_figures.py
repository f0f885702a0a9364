import json

import cv2
import numpy as np
import pytest
from mocap_files import write_npz
from poseflow_benchmarks.embedding_maps import EmbeddedPoses, neighbour_shares, poses_apart
from poseflow_benchmarks.figures import action_of, run_figures, spaced
from poseflow_cli.main import main
from poses import random_poses, random_rotations

from poseflow.errors import OutputError
from vvipe import Embedder
from vvipe.errors import FileFormatError
from vvipe.geometry import np_mpjpe


@pytest.fixture
def mocap(tmp_path):
    for name, subjects in (("cmu", ["cmu06", "cmu01"]), ("cmu_more", ["cmu55", "cmu02"])):
        path = write_npz(tmp_path / f"{name}.npz", takes=2, frames=240, seed=len(name))
        changed = {"subjects": np.array(subjects), "labels": np.array(["lambada", "Run"])}
        changed["names"] = np.array([f"{name}_a", f"{name}_b"])
        np.savez(path, **(dict(np.load(path)) | changed))
    return tmp_path


def test_all_pictures_are_drawn_of_test_people(mocap, tmp_path, capsys):
    out = tmp_path / "new" / "docs"
    assert main(["bench", "figures", "--mocap", str(mocap), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_poses"] == 40  # two takes of four seconds at 5 Hz
    names = ["generation.png", "retrieval.png", "found_by_3d.png", "tsne.png", "pca.png"]
    assert told["files"] == [str(out / name) for name in names]
    for name in names:
        picture = cv2.imread(str(out / name))
        assert picture is not None and (picture < 128).any()
    assert 0 <= told["hit1"] <= 100 and 0 <= told["hit1_by_3d"] <= 100


def test_missing_motion_capture_and_an_impossible_folder(mocap, tmp_path):
    embedder = Embedder.from_pretrained()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="folder"):
        run_figures(mocap, tmp_path / "file" / "docs", embedder=embedder)
    (mocap / "cmu_more.npz").unlink()
    with pytest.raises(FileFormatError, match="cmu_more.npz"):
        run_figures(mocap, tmp_path / "docs", embedder=embedder)


def test_without_test_people_there_is_nothing_to_draw(mocap, tmp_path):
    for name in ("cmu", "cmu_more"):
        path = mocap / f"{name}.npz"
        np.savez(path, **(dict(np.load(path)) | {"subjects": np.array(["cmu01", "cmu02"])}))
    with pytest.raises(FileFormatError, match="test people"):
        run_figures(mocap, tmp_path / "docs", embedder=Embedder.from_pretrained())


def test_neighbours_of_clusters_by_action_are_of_the_action_whatever_the_camera():
    generator = np.random.default_rng(0)
    action = np.repeat(np.arange(4), 25)
    vectors = 100 * np.eye(8)[action] + generator.standard_normal((3, 100, 8))
    poses = EmbeddedPoses(vectors.astype(np.float32), np.zeros((100, 17, 3), np.float32), action, tuple("abcd"))
    shares = neighbour_shares(poses)
    assert shares["action"] == 1
    assert shares["action by chance"] == pytest.approx(0.25)
    assert shares["camera"] == pytest.approx(1 / 3, abs=0.05)
    assert shares["camera by chance"] == pytest.approx(1 / 3)


def test_poses_apart_are_no_turned_copies_of_each_other():
    poses = random_poses(12)
    copies = poses @ random_rotations(12).transpose(1, 2)
    both = np.concatenate([poses.numpy(), copies.numpy()])
    chosen = poses_apart(both, 24)
    assert len({row % 12 for row in chosen}) == len(chosen)
    for i, row in enumerate(chosen):
        for other in chosen[:i]:
            pair = (random_poses(1).new_tensor(both[[r]]) for r in (row, other))
            assert float(np_mpjpe(*pair)) > 0.09


@pytest.mark.parametrize(
    ("label", "action"),
    [
        ("basketball - forward dribble", "dribbling"),
        ("basketball_signal", "basketball signals"),
        ("Run Turn Left", "running"),
        ("Pick box up, bend from waist", "picking up a box"),
        ("walk", "other"),
    ],
)
def test_actions_of_labels(label, action):
    assert action_of(label) == action


def test_spaced_rows():
    assert spaced(10, 2) == [2, 8]
    assert spaced(2, 4) == [0, 1]
