"""`poseflow import`: keypoints of another program become a saved clip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from disc_people import FIGURE
from poseflow_cli.main import main
from tiny_model import save_tiny_model

from poseflow.store import read_clip
from vvipe.skeleton import COCO17


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


def write_mmpose(path: Path, *, frames: int = 6) -> Path:
    """What MMPose's inferencer writes for a video of one person who moves 2 pixels a frame."""
    instances = [
        [
            {
                "keypoints": (FIGURE + [100 + 2 * i, 50]).tolist(),
                "keypoint_scores": [0.9] * 17,
                "bbox": [[70.0, 40.0, 140.0, 190.0]],
                "bbox_score": 0.8,
            }
        ]
        for i in range(frames)
    ]
    info = [{"frame_id": i, "instances": people} for i, people in enumerate(instances, start=1)]
    path.write_text(json.dumps({"meta_info": {"dataset_name": "coco"}, "instance_info": info}))
    return path


def test_imported_keypoints_are_saved_and_embedded(model: str, tmp_path: Path, capsys) -> None:
    source, target = write_mmpose(tmp_path / "results.json"), tmp_path / "a.parquet"
    arguments = ["import", str(source), "-o", str(target), "--fps", "25", "--size", "640x480", "--model", model]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["detector"]) == (6, None)
    assert told["people"] == [{"person_id": 1, "frames": 6, "valid": 6}]
    saved = read_clip(target)
    np.testing.assert_allclose(saved.tracks[0].time_s, np.arange(6) / 25)
    np.testing.assert_allclose(saved.tracks[0].keypoints[3], FIGURE + [106, 50], rtol=1e-6)
    assert saved.metadata.size == (640, 480)
    assert saved.metadata.source == "results.json"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 1, "fps"),
        (["--fps", "0"], 2, "--fps"),
        (["--fps", "25", "--size", "640"], 2, "WIDTHxHEIGHT"),
        (["--fps", "25", "--size", "0x480"], 2, "WIDTHxHEIGHT"),
        (["--fps", "25", "--format", "magic"], 2, "--format"),
    ],
)
def test_what_is_missing_or_wrong_is_told(
    options: list[str], code: int, message: str, model: str, tmp_path: Path, capsys
) -> None:
    source = write_mmpose(tmp_path / "results.json")
    assert main(["import", str(source), "-o", str(tmp_path / "a.parquet"), "--model", model, *options]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.parquet").exists()


def test_a_file_of_another_kind_is_named(model: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "notes.txt").write_text("nothing to import")
    code = main(["import", str(tmp_path / "notes.txt"), "-o", str(tmp_path / "a.parquet"), "--model", model])
    assert code == 1
    assert "notes.txt" in capsys.readouterr().err
    assert not (tmp_path / "a.parquet").exists()


def write_deeplabcut(path: Path, names: list[str], *, frames: int = 4) -> Path:
    """A CSV of DeepLabCut, the joints of FIGURE named `names`."""
    rows = [
        ["scorer", *["net"] * 51],
        ["bodyparts", *[name for name in names for _ in range(3)]],
        ["coords", *["x", "y", "likelihood"] * 17],
    ]
    rows += [[i, *[n for x, y in FIGURE + [100, 50] for n in (x, y, 0.9)]] for i in range(frames)]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return path


def test_joints_of_other_names_are_said_by_the_joint_map(model: str, tmp_path: Path, capsys) -> None:
    names = [{"left_wrist": "paw=1", "right_wrist": "paw2"}.get(joint, joint) for joint in COCO17.joints]
    source, target = write_deeplabcut(tmp_path / "dlc.csv", names), tmp_path / "a.parquet"
    arguments = ["import", str(source), "-o", str(target), "--fps", "25", "--model", model]
    assert main(arguments) == 1
    assert "--joint-map paw=1=left_wrist" in capsys.readouterr().err
    assert main([*arguments, "--joint-map", "paw=1=left_wrist", "--joint-map", "paw2=right_wrist"]) == 0
    np.testing.assert_allclose(read_clip(target).tracks[0].keypoints[0], FIGURE + [100, 50], rtol=1e-6)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["paw"], "expected NAME=JOINT"),
        (["=nose"], "expected NAME=JOINT"),
        (["paw=left_paw"], "left_wrist"),
        (["paw=nose", "paw=left_eye"], "named twice"),
        (["tail=nose"], "the file has no joint 'tail'"),
    ],
)
def test_a_joint_map_that_makes_no_sense_is_wrong_usage(
    entries: list[str], message: str, model: str, tmp_path: Path, capsys
) -> None:
    source = write_deeplabcut(tmp_path / "dlc.csv", ["paw", *COCO17.joints[1:]])
    options = [word for entry in entries for word in ("--joint-map", entry)]
    target = tmp_path / "a.parquet"
    assert main(["import", str(source), "-o", str(target), "--fps", "25", "--model", model, *options]) == 2
    assert message in capsys.readouterr().err
    assert not target.exists()


def test_an_output_that_is_no_parquet_is_wrong_usage_and_leaves_the_input(model: str, tmp_path: Path, capsys) -> None:
    source = write_mmpose(tmp_path / "results.json")
    before = source.read_bytes()
    assert main(["import", str(source), "-o", str(source), "--fps", "25", "--model", model]) == 2
    assert ".parquet" in capsys.readouterr().err
    assert source.read_bytes() == before
