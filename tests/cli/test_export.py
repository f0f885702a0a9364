"""`poseflow export`: a saved clip becomes files of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disc_people import FIGURE
from poseflow_cli.main import main

from poseflow.formats import import_keypoints

FRAMES = 5


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Somebody's own keypoints of two people who move 2 pixels a frame."""
    rows = [
        {
            "frame": frame,
            "time_s": frame / 25,
            "person_id": person,
            "keypoints": (FIGURE + [100 * person + 2 * frame, 50]).ravel().tolist(),
            "scores": [0.5] * 17,
        }
        for frame in range(FRAMES)
        for person in (1, 2)
    ]
    path = tmp_path / "walk.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("name", ["out.nc", "out.json", "out.csv", "out"])
def test_the_output_tells_the_format(clip: Path, name: str, tmp_path: Path, capsys) -> None:
    assert main(["export", str(clip), "-o", str(tmp_path / name), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "output": str(tmp_path / name),
        "format": {".nc": "movement", ".json": "coco", ".csv": "deeplabcut", "": "openpose"}[Path(name).suffix],
        "frames": FRAMES,
        "people": [1, 2],
        "fps": pytest.approx(25),
    }
    if name != "out.nc":
        tracks = import_keypoints(tmp_path / name, fps=25)
        np.testing.assert_array_equal(tracks[1].keypoints[3], FIGURE + np.float32([206, 50]))


def test_one_person_and_another_format_can_be_chosen(clip: Path, tmp_path: Path, capsys) -> None:
    arguments = ["export", str(clip), "-o", str(tmp_path / "out.txt"), "--format", "coco", "--person", "id:2"]
    assert main(arguments) == 0
    assert "coco, 5 frames, 25 fps, people 2" in capsys.readouterr().out
    assert [t.person_id for t in import_keypoints(tmp_path / "out.txt", format="coco")] == [2]


@pytest.mark.parametrize(
    ("output", "options", "code", "message"),
    [
        ("out.xml", [], 2, "no known ending"),
        ("out.json", ["--format", "magic"], 2, "--format"),
        ("out.json", ["--person", "id:9"], 2, "nobody has the id 9"),
        ("nowhere/out.json", [], 1, "does not exist"),
    ],
)
def test_what_is_wrong_is_told(
    output: str, options: list[str], code: int, message: str, clip: Path, tmp_path: Path, capsys
) -> None:
    assert main(["export", str(clip), "-o", str(tmp_path / output), *options]) == code
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"walk.parquet"}


def test_a_track_in_which_nobody_is_seen_leaves_with_four(clip: Path, tmp_path: Path, capsys) -> None:
    table = pq.read_table(clip).to_pylist()
    hidden = [row | {"keypoints": [float("nan")] * 34} for row in table]
    pq.write_table(pa.Table.from_pylist(hidden), clip)
    assert main(["export", str(clip), "-o", str(tmp_path / "out.nc")]) == 4
    assert "no joint of anybody was seen" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["clip.mp4", "missing.parquet"])
def test_what_is_no_track_is_named(source: str, tmp_path: Path, capsys) -> None:
    assert main(["export", str(tmp_path / source), "-o", str(tmp_path / "out.nc")]) == 1
    assert source in capsys.readouterr().err
