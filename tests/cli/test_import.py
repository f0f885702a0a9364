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
