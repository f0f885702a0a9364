from __future__ import annotations

import json
from dataclasses import replace

import pytest
from poseflow_benchmarks.machine import this_machine
from poseflow_benchmarks.results import labels_of, read_row, read_rows, summary, write_row
from result_rows import make_row

from vvipe.errors import FileFormatError


def test_a_row_comes_back_from_its_file_as_it_was(tmp_path):
    row = make_row("a", [1, 2.5], [4, 6], train_seed=3, config={"recipe": {"lr": 0.1}}, paper="V-VIPE", is_ours=True)
    assert read_row(write_row(tmp_path / "new" / "a.json", row)) == row


def test_writing_again_replaces_the_file_whole(tmp_path):
    path = tmp_path / "a.json"
    write_row(path, make_row("long name", [1], [2]))
    write_row(path, make_row("b", [1], [2]))
    assert [row.system for row in read_rows(tmp_path)] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_says_what_made_it(tmp_path):
    row = replace(make_row("a", [1], [2]), machine=this_machine(), weights_sha256="f" * 64)
    content = json.loads(write_row(tmp_path / "a.json", row).read_text())
    assert content["machine"]["processor"]
    assert content["machine"]["cores"] >= 1
    assert {"versions", "command", "config", "noise_seed", "train_seed", "seconds"} <= set(content)
    assert content["weights_sha256"] == "f" * 64


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"row_version": 99}', '{"row_version": 1}'])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="bad.json"):
        read_row(path)


def test_a_folder_without_rows_says_how_to_make_them(tmp_path):
    with pytest.raises(FileFormatError, match="--run"):
        read_rows(tmp_path)


def test_summary_has_the_figures_without_the_recordings():
    (record,) = summary(make_row("a", [1, 2], [4, 6]))
    assert record["hits"][1] == pytest.approx(30)
    assert (record["column"], record["input"]) == ("HDM05 unseen", "D1")
    assert "take_hits" not in record


def test_labels_are_columns_without_inputs_in_their_order():
    row = make_row("a", {"x/GT": [1], "y/GT": [1], "x/D0": [1]}, [2])
    assert labels_of([row]) == ["x", "y"]
