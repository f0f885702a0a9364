from __future__ import annotations

import json
from pathlib import Path

import pytest
from mocap_files import write_npz
from poseflow_benchmarks.results import write_row
from poseflow_cli.main import main
from result_rows import make_row
from tiny_model import save_tiny_model


def test_without_a_question_the_benchmarks_are_listed(capsys):
    assert main(["bench"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in ("retrieval", "lifting", "sync", "noise", "speed"))


def test_the_table_comes_from_the_files_of_results(tmp_path, capsys):
    write_row(tmp_path / "a.json", make_row("V-VIPE + aug", {"HDM05 all/D1": [5]}, [10], paper="V-VIPE+A"))
    assert main(["bench", "retrieval", "--results", str(tmp_path)]) == 0
    assert "| V-VIPE + aug | 50.0 / 50.0 / 50.0 / 50.0 | 26.9 / 59 / 68.2 |" in capsys.readouterr().out


def test_the_figures_are_had_as_json(tmp_path, capsys):
    write_row(tmp_path / "a.json", make_row("a", [5], [10]))
    assert main(["bench", "retrieval", "--results", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["hits"]["1"] == 50


def test_one_model_is_measured_on_the_open_data(tmp_path, capsys):
    import numpy as np

    for seed, name in enumerate(("cmu", "cmu_more", "hdm05")):
        path = write_npz(tmp_path / f"{name}.npz", takes=2, frames=24, seed=seed)
        with np.load(path) as arrays:
            np.savez(path, **(dict(arrays) | {"subjects": np.array(["cmu06", "cmu06"])}))
    model = save_tiny_model(tmp_path)
    assert main(["bench", "retrieval", "--mocap", str(tmp_path), "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    assert "Input D1" in printed
    assert "| tiny |" in printed
    assert "chance" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "h36m"], "--root"),
        (["--root", "."], "--root does not go with --dataset open"),
        (["--run"], "--mocap"),
        (["--run", "--mocap", ".", "--model", "x"], "--model does not go with --run"),
        (["--run", "--mocap", ".", "--seed", "0"], "--seed does not go with --run"),
        (["--seed", "1"], "--mocap"),
        (["--mocap", ".", "--results", "."], "--results does not go"),
        (["--work-dir", "w"], "--work-dir does not go"),
        (["--model", "x"], "--mocap"),
        (["--only", "x"], "--only does not go"),
        (["--dataset", "3dhp", "--root", ".", "--official"], "--official does not go with --dataset 3dhp"),
        (["--dataset", "nowhere"], "nowhere"),
        (["--root", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, said, capsys):
    assert main(["bench", "retrieval", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_trials_are_shipped_and_name_the_chosen_optimiser(capsys):
    assert main(["bench", "trials"]) == 0
    assert "| pr-vipe | **" in capsys.readouterr().out
    assert main(["bench", "trials", "--work-dir", "w"]) == 2
    assert "--mocap" in capsys.readouterr().err


def test_a_file_of_detections_may_be_the_root(tmp_path, capsys):
    file = tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz"
    file.write_bytes(b"")
    assert main(["bench", "retrieval", "--dataset", "h36m", "--root", str(file)]) == 1
    assert "data_3d_h36m.npz: no such file" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["h36m", "3dhp"])
def test_a_folder_that_is_no_data_set_says_what_is_missing(dataset, tmp_path, capsys):
    assert main(["bench", "retrieval", "--dataset", dataset, "--root", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_a_folder_without_results_or_motion_capture_says_what_to_do(tmp_path, capsys):
    assert main(["bench", "retrieval", "--results", str(tmp_path)]) == 1
    assert "--run" in capsys.readouterr().err
    assert main(["bench", "retrieval", "--mocap", str(tmp_path)]) == 1
    assert "cmu.npz" in capsys.readouterr().err


def test_rows_that_are_not_planned_are_refused(tmp_path, capsys):
    arguments = ["--run", "--mocap", str(tmp_path), "--work-dir", str(tmp_path / "work"), "--only", "no-such-row"]
    assert main(["bench", "retrieval", *arguments]) == 2
    assert "no-such-row" in capsys.readouterr().err
    assert not Path(tmp_path / "work").exists()


def test_no_benchmark_of_the_list_is_cut_off(capsys):
    assert main(["bench"]) == 0
    listed = capsys.readouterr().out
    assert "..." not in listed.partition("Commands:")[2]
    assert "worth on HDM05's cross-view pairs." in " ".join(listed.split())
