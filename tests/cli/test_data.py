from __future__ import annotations

import json

from acclaim_files import write_motion, write_skeleton
from poseflow_cli.main import main


def test_rebuilt_file_and_its_report(tmp_path, capsys):
    write_skeleton(tmp_path / "subjects" / "02" / "02.asf")
    write_motion(tmp_path / "subjects" / "02" / "02_01.amc", frames=4)
    output = tmp_path / "x.npz"
    assert main(["data", "cmu", "--from", str(tmp_path), "-o", str(output)]) == 0
    assert "1 of 217 takes" in capsys.readouterr().out and output.exists()
    assert main(["data", "cmu", "--from", str(tmp_path), "-o", str(output), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [take["name"] for take in report["takes"] if take["status"] == "mismatch"] == ["02_01"]


def test_wrong_folder_is_a_message_that_says_where_the_files_are_had(tmp_path, capsys):
    assert main(["data", "hdm05", "--from", str(tmp_path / "none"), "-o", str(tmp_path / "h.npz")]) == 1
    assert "resources.mpi-inf.mpg.de/HDM05" in capsys.readouterr().err


def test_output_of_another_kind_is_wrong_usage(tmp_path, capsys):
    assert main(["data", "cmu", "--from", str(tmp_path), "-o", str(tmp_path / "x.csv")]) == 2
    assert ".npz" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, capsys):
    (tmp_path / "02_01.amc").write_text("damaged")
    assert main(["data", "cmu", "--from", str(tmp_path), "-o", str(tmp_path / "none" / "x.npz")]) == 1
    message = capsys.readouterr().err
    assert "none does not exist" in message and "02_01" not in message
