from __future__ import annotations

from poseflow_benchmarks.open_plan import ablation_rows
from poseflow_benchmarks.published import ABLATIONS, PUBLISHED, published_hits
from poseflow_benchmarks.tables import markdown_table
from result_rows import make_row


def cells(table: str, system: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {system} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_papers_figure_stands_beside_ours():
    table = markdown_table(
        [make_row("V-VIPE + aug", {"HDM05 all/D1": [5], "HDM05 all/D0": [4]}, [10], paper="V-VIPE+A")]
    )
    detected = table[table.index("Input D1") :]
    assert cells(detected, "V-VIPE + aug") == ["V-VIPE + aug", "50.0 / 50.0 / 50.0 / 50.0", "26.9 / 59 / 68.2"]
    plain = table[table.index("Input D0") : table.index("**The query")]
    assert "26.9" not in plain


def test_on_the_papers_own_data_their_columns_stand_beside():
    def line(*keys: str) -> list[str]:
        return cells(
            markdown_table([make_row("2D keypoints", {key: [5] for key in keys}, [10], paper="2D keypoints")]),
            "2D keypoints",
        )[1:]

    ours = "50.0 / 50.0 / 50.0 / 50.0"
    assert line("Human3.6M (cpn_ft_h36m_dbb) all/detected") == [ours, "28.7 / 47.1 / 50.9"]
    assert line("MPI-INF-3DHP chest/D1", "MPI-INF-3DHP all/D1") == [ours, ours, "9.8 / 21.6 / 25.5"]


def test_the_papers_mistakes_are_told():
    rows = [make_row(name, [5], [10], paper=name) for name in ("3D lifting", "Pr-VIPE", "2D keypoints")]
    table = markdown_table(rows)
    assert "Epipolar Pose" in table
    assert "misprint" in table
    assert "PersonLab" in table


def test_seeds_become_mean_and_spread():
    rows = [make_row("a", [hits], [10], train_seed=i) for i, hits in enumerate((4, 5, 6))]
    assert cells(markdown_table(rows), "a (3 seeds)")[1].startswith("50.0 ± 10.0 / 50.0")


def test_what_beats_is_bold_and_what_does_not_is_not():
    ours = make_row("ours", [6, 6, 6], [10] * 3, is_ours=True)
    rows = [ours, make_row("worse", [4, 4, 4], [10] * 3), make_row("alike", [9, 2, 7], [10] * 3)]
    table = markdown_table(rows)
    differences = table[table.index("minus each other") :]
    assert cells(differences, "worse")[1] == "**+20.0 [+20.0, +20.0]**"
    assert not cells(differences, "alike")[1].startswith("**")
    assert "| ours " not in differences


def test_without_a_row_of_ours_nothing_is_compared():
    assert "minus each other" not in markdown_table([make_row("a", [5], [10])])


def test_rows_still_learning_are_marked():
    table = markdown_table([make_row("a", [5], [10], config={"is_undertrained": True})])
    assert "a †" in table
    assert "last quarter" in table


def test_the_way_of_learning_is_told():
    log = {"0.25": 10.0, "0.5": 15.0, "0.75": 16.0, "1": 17.5}
    config = {"carve_out_hit1": log, "is_undertrained": True, "training_seconds": 300}
    table = markdown_table([make_row("a", [5], [10], config=config, train_seed=2), make_row("b", [5], [10])])
    learning = table[table.index("**While learning**") :]
    assert cells(learning, "a †") == ["a †", "2", "10.0", "15.0", "16.0", "17.5", "5"]
    assert "| b " not in learning


def test_an_ablation_stands_as_a_difference_beside_the_papers():
    key, base = "HDM05 all/D1", "V-VIPE, as published"
    config = {"group": "ablation", "ablates": base}
    rows = [
        make_row("main row", {key: [5]}, [10]),
        make_row(base, {key: [6, 6, 6]}, [10] * 3, config=config),
        make_row("V-VIPE, no triplet", {key: [4, 4, 4]}, [10] * 3, config=config),
        make_row("V-VIPE, no universal skeleton", {key: [6, 6, 6]}, [10] * 3, config=config),
    ]
    main, ablations = markdown_table(rows).split(f"**Ablations of {base}**")
    assert "main row" in main and "no triplet" not in main
    assert cells(ablations, "none: Hit@1 in %")[1:] == ["60.0", ""]
    assert cells(ablations, "no triplet")[1:] == ["**-20.0 [-20.0, -20.0]**", "-6.1"]
    assert cells(ablations, "no universal skeleton")[1:] == ["+0.0 [+0.0, +0.0]", ""]


def test_every_printed_ablation_is_a_planned_row():
    planned = {row.system for row in ablation_rows()}
    assert set(ABLATIONS) <= planned
    assert {row.ablates for row in ablation_rows()} <= planned


def test_conditions_and_notes_are_under_the_table():
    table = markdown_table([make_row("a", [5, 0], [10, 0], note="weights were lost")])
    assert "* a: weights were lost." in table
    assert "HDM05 unseen: 10 poses, 1 camera pairs, 1 recordings" in table
    assert "a processor, 2 cores" in table


def test_published_rows_of_epipolar_pose_are_those_of_lifting():
    assert published_hits("3D lifting", "D1", "HDM05 all") == (24.6, 53.2, 61.3)
    assert "digit for digit" in PUBLISHED["3D lifting"]["D1"].note
    assert published_hits("nobody", "D1", "HDM05 all") is None
    assert published_hits(None, "GT", "HDM05 all") is None
