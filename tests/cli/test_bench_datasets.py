"""`poseflow bench retrieval --dataset h36m|3dhp`, from the command line to the figures, on small files of real form."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from capture_files import (
    ACTIONS,
    dhp_takes,
    h36m_takes,
    in_camera,
    pixels,
    world_poses,
    write_3dhp,
    write_3dhp_mmpose,
    write_h36m_cdf,
    write_h36m_mmpose,
    write_videopose,
)
from poseflow_cli.main import main
from slow_retrieval import slow_hit_rate
from tiny_model import save_tiny_model

# COCO-13 among H36M-17 by hand: nose = neck/nose, then left and right of shoulder, elbow, wrist, hip, knee, ankle.
COCO13 = [9, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
SHOULDERS_AND_HIPS = [1, 2, 7, 8]
FRAMES = 11
CHEST = (0, 2, 4, 7, 8)
H36M_WRITERS = {"cdf": write_h36m_cdf, "gt": write_videopose, "mmpose": write_h36m_mmpose}
DHP_WRITERS = {"official": write_3dhp, "mmpose": write_3dhp_mmpose}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


def _printed(capsys, *arguments: object) -> list[dict]:
    assert main(["bench", "retrieval", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["rows"]


def _hits(rows: list[dict], system: str, given: str) -> dict[str, dict[str, float]]:
    """Kind of camera pairs ("all") -> k -> percent, of one row and input."""
    found = [row for row in rows if row["system"] == system and row["input"] == given]
    return {row["column"].rpartition(" ")[2]: row["hits"] for row in found}


def _keypoint_hits(world: np.ndarray, cameras: list[int], pairs: list[tuple[int, int]], k: int) -> float:
    """Hit@k in percent of normalised 2D keypoints, by the slow protocol."""
    seen = np.stack([pixels(in_camera(world, camera))[:, COCO13] for camera in cameras])
    seen = seen - seen[:, :, [7, 8]].mean(2, keepdims=True)
    torso = seen[:, :, SHOULDERS_AND_HIPS]
    longest = np.linalg.norm(torso[:, :, :, None] - torso[:, :, None], axis=-1).max((2, 3))
    vectors = (0.5 * seen / longest[..., None, None]).reshape(len(cameras), len(world), 26)
    return 100 * slow_hit_rate(vectors, world, pairs, k=k)


@pytest.mark.parametrize("layout", H36M_WRITERS)
def test_human36m_is_measured_over_twelve_camera_pairs_of_both_subjects(layout, model, tmp_path, capsys):
    root = H36M_WRITERS[layout](tmp_path / "data", frames=FRAMES)
    rows = _printed(capsys, "--dataset", "h36m", "--root", root, "--model", model)
    takes = [i for i, take in enumerate(h36m_takes()) if take != ("S11", "Directions")]
    assert {(row["n_poses"], row["n_pairs"]) for row in rows} == {(2 * len(takes), 12)}
    assert {row["system"] for row in rows} >= {"2D keypoints", "tiny", "tiny: 3D encoder on true 3D", "chance"}
    assert {row["input"] for row in rows} == {"GT", "D0", "D1", "3D"}
    world = np.concatenate([world_poses(i, FRAMES)[::10] for i in takes])
    expected = _keypoint_hits(world, [0, 1, 2, 3], list(permutations(range(4), 2)), 1)
    assert _hits(rows, "2D keypoints", "GT")["all"]["1"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("layout", DHP_WRITERS)
def test_3dhp_is_measured_over_all_unseen_and_chest_pairs(layout, model, tmp_path, capsys):
    root = DHP_WRITERS[layout](tmp_path / "data", frames=FRAMES)
    cameras = list(range(11)) if layout == "official" else [0, 1, 2, 4, 5, 6, 7, 8]
    rows = _printed(capsys, "--dataset", "3dhp", "--root", root, "--model", model)
    n, chest = len(cameras), len(set(cameras) & set(CHEST))
    sizes = {row["column"].rpartition(" ")[2]: row["n_pairs"] for row in rows}
    assert sizes == {"all": n * (n - 1), "unseen": 2 * chest * (n - chest), "chest": chest * (chest - 1)}
    assert {row["n_poses"] for row in rows} == {2 * len(dhp_takes())}
    if layout == "mmpose":
        return  # the same figures; the slow protocol takes a while
    world = np.concatenate([world_poses(100 + i, FRAMES)[::10] for i in range(len(dhp_takes()))])
    pairs = [(a, b) for a, b in permutations(range(11), 2) if a in CHEST and b in CHEST]
    expected = _keypoint_hits(world, cameras, pairs, 5)
    assert _hits(rows, "2D keypoints", "GT")["chest"]["5"] == pytest.approx(expected, abs=0.01)


def test_a_detectors_keypoints_are_the_one_input(model, tmp_path, capsys):
    root = write_videopose(tmp_path / "data", frames=FRAMES, name_2d="cpn_ft_h36m_dbb")
    rows = _printed(capsys, "--dataset", "h36m", "--root", root, "--model", model)
    assert {row["input"] for row in rows if "3D" not in row["system"]} == {"detected", "3D"}
    assert {row["column"] for row in rows} == {"Human3.6M (cpn_ft_h36m_dbb) all"}


def test_released_keys_choose_the_frames(model, tmp_path, capsys):
    root = write_3dhp(tmp_path / "data", frames=FRAMES)
    keys = tmp_path / "3dhp-train-C0.txt"
    keys.write_text("".join(f"{s}:{q}:V0:C0:{frame:06d}\n" for s, q in dhp_takes() for frame in (1, 4, 7)))
    rows = _printed(capsys, "--dataset", "3dhp", "--root", root, "--keys", keys, "--model", model)
    assert {row["n_poses"] for row in rows} == {3 * len(dhp_takes())}


def test_the_table_of_a_data_set_is_printed(model, tmp_path, capsys):
    root = write_h36m_cdf(tmp_path / "data", frames=1)
    assert main(["bench", "retrieval", "--dataset", "h36m", "--root", str(root), "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    assert "Human3.6M (2D of D2_Positions) all" in printed and "| tiny |" in printed
    assert f"{2 * 2 * len(ACTIONS) - 1} poses, 12 camera pairs" in printed


@pytest.mark.parametrize(
    ("write", "dataset", "lost", "said"),
    [
        (write_h36m_cdf, "h36m", "S11/MyPoseFeatures/D2_Positions/Waiting.55011271.cdf", "vision.imar.ro"),
        (write_h36m_cdf, "h36m", "S9/MyPoseFeatures/D3_Positions/Eating 1.cdf", "S9 Eating (1 of 2)"),
        (write_videopose, "h36m", "data_3d_h36m.npz", "VideoPose3D"),
        (write_h36m_mmpose, "h36m", "annotation_body3d/cameras.pkl", "MMPose"),
        (write_3dhp, "3dhp", "S4/Seq2/annot.mat", "vcai.mpi-inf.mpg.de"),
        (write_3dhp, "3dhp", "S4/Seq2/camera.calibration", "vcai.mpi-inf.mpg.de"),
        (write_3dhp_mmpose, "3dhp", "annotations/cameras_train.pkl", "MMPose"),
    ],
)
def test_a_partial_data_set_names_the_file_and_where_it_is_had(write, dataset, lost, said, model, tmp_path, capsys):
    root = write(tmp_path / "data", frames=1)
    (root / lost).unlink()
    assert main(["bench", "retrieval", "--dataset", dataset, "--root", str(root), "--model", str(model)]) == 1
    message = capsys.readouterr().err
    assert said in message and str(root) in message
    assert Path(lost).name in message or "recording(s) missing" in message
