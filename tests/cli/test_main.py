"""The command line's frame: quick help, one place for errors, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from poseflow_cli import main as main_module
from poseflow_cli.main import COMMANDS, main

from vvipe import configs
from vvipe.errors import BatchError, NothingToScoreError, VideoError
from vvipe.skeleton import get_skeleton

NETWORKS = ["torch", "mediapipe", "mmengine", "mmpose", "mmdet", "onnxruntime", "matplotlib"]
HEAVY = [*NETWORKS, "cv2", "av", "pyarrow", "scipy", "pandas", "numpy"]


def run(*arguments: str, **settings) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "poseflow_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)


@pytest.fixture
def failing_with(monkeypatch):
    """Puts a command that runs `fail` in the place of the whole command line."""

    def replace(fail) -> None:
        monkeypatch.setattr(main_module, "cli", click.Command("poseflow", callback=fail))

    return replace


def raiser(error: BaseException):
    def fail() -> None:
        raise error

    return fail


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    result = run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split()[-1] == version("poseflow")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_registry_is_there_and_explains_itself(name):
    result = run(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: poseflow {name} ")


def options_of(command: click.Command, name: str) -> list[tuple[str, click.Option]]:
    """(command, option) of a command and of those below it."""
    own = [(name, option) for option in command.params if isinstance(option, click.Option)]
    below = command.commands if isinstance(command, click.Group) else {}
    return own + [pair for key, sub in below.items() for pair in options_of(sub, f"{name} {key}")]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "bench"])
def test_every_option_is_explained(name):
    command = main_module.cli.get_command(click.Context(main_module.cli), name)
    assert [(where, option.opts) for where, option in options_of(command, name) if not option.help] == []


def test_the_help_of_train_names_every_recipe(capsys):
    assert main(["train", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(path.stem in printed for path in Path(configs.__file__).parent.glob("[!_]*.py"))


def loaded_by(*arguments: str) -> set[str]:
    """Which of HEAVY a run of the command line imports."""
    code = (
        "import json, sys; from poseflow_cli.main import main; assert main(sys.argv[2:]) == 0;"
        "print(json.dumps(sorted(set(json.loads(sys.argv[1])) & set(sys.modules))))"
    )
    command = [sys.executable, "-c", code, json.dumps(HEAVY), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_no_heavy_package(argument):
    assert loaded_by(argument) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_loads_no_network_and_no_scipy(name):
    assert not loaded_by(name, "--help") & {*NETWORKS, "scipy", "pandas"}


def test_summary_in_the_list_is_the_first_line_of_the_help_of_the_command():
    listed = " ".join(run("--help").stdout.split())
    for name in COMMANDS:
        help_text = main_module.cli.get_command(click.Context(main_module.cli), name).help
        assert f"{name} {help_text.splitlines()[0]}" in listed


def test_help_lists_every_command():
    listed = run("--help").stdout.partition("Commands:")[2]
    assert all(f"  {name} " in listed for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"], ["doctor", "--no-such-option"]])
def test_wrong_usage_exits_with_2_and_prints_nothing_to_stdout(arguments):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Error: No such" in result.stderr


@pytest.mark.parametrize("error, code", [(VideoError("it is cut off"), 1), (BatchError("2 of 5"), 3)])
def test_error_of_the_world_becomes_its_message_and_exit_code(failing_with, capsys, error, code):
    failing_with(raiser(error))
    assert main([]) == code
    assert capsys.readouterr() == ("", f"poseflow: {error}\n")


def test_nothing_to_score_exits_with_4(failing_with):
    failing_with(raiser(NothingToScoreError("nobody")))
    assert main([]) == 4


def test_wrong_setting_found_by_the_library_is_wrong_usage(failing_with, capsys):
    failing_with(lambda: get_skeleton("octopus"))
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("poseflow: ") and "octopus" in shown and "Traceback" not in shown


def test_fault_of_the_program_shows_its_traceback_and_asks_for_a_report(failing_with, capsys):
    failing_with(lambda: int("not a number"))
    assert main([]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown and "please report" in shown.splitlines()[-1]


def test_missing_package_points_to_the_doctor(failing_with, capsys):
    failing_with(raiser(ModuleNotFoundError("No module named 'av'", name="av")))
    assert main([]) == 1
    assert "poseflow doctor" in capsys.readouterr().err


def test_error_of_the_system_names_the_file(failing_with, capsys, tmp_path):
    failing_with(lambda: (tmp_path / "absent.txt").read_text())
    assert main([]) == 1
    assert capsys.readouterr().err == f"poseflow: No such file or directory: {tmp_path / 'absent.txt'}\n"


def test_debug_shows_the_traceback_of_a_known_error_too(monkeypatch, capsys):
    failing = click.Command("doctor", callback=raiser(VideoError("it is cut off")))
    monkeypatch.setattr(main_module.cli, "get_command", lambda ctx, name: failing)
    assert main(["--debug", "doctor"]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown and shown.endswith("poseflow: it is cut off\n")


def test_interrupt_exits_with_130(failing_with, capsys):
    failing_with(raiser(KeyboardInterrupt()))
    assert main([]) == 130
    assert "poseflow: interrupted" in capsys.readouterr().err


def test_exit_code_of_a_command_is_passed_on(failing_with):
    failing_with(lambda: click.get_current_context().exit(3))
    assert main([]) == 3


def test_reader_that_goes_away_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "poseflow_cli", "--help"]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("value, color", [("1", False), ("", None)])
def test_no_color_is_honoured(monkeypatch, value, color):
    seen = []
    probe = click.Command("doctor", callback=lambda: seen.append(click.get_current_context().color))
    monkeypatch.setattr(main_module.cli, "get_command", lambda ctx, name: probe)
    monkeypatch.setenv("NO_COLOR", value)
    main(["doctor"])
    assert seen == [color]
