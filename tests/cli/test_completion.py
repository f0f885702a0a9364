"""What the shell offers behind the tab key, asked as a shell asks; and which values are refused at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from poseflow.detect.registry import MODELS
from poseflow.people import PERSON_CHOICES
from vvipe.recipe import recipe_names


def completions(*words: str) -> list[tuple[str, str]]:
    """(kind, value) of what bash is told to offer for the last word."""
    line = " ".join(["poseflow", *words])
    environment = {**os.environ, "_POSEFLOW_COMPLETE": "bash_complete", "COMP_WORDS": line}
    environment["COMP_CWORD"] = str(len(words))
    code = "from poseflow_cli.main import main; main()"
    command = [sys.executable, "-c", f"import sys; sys.argv = ['poseflow']; {code}"]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return [tuple(row.split(",", 1)) for row in told.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["embed", "--person", ""], [rule.removesuffix("N") for rule in PERSON_CHOICES]),
        (["match", "--query-person", "l"], ["largest", "longest"]),
        (["embed", "--pose-model", "rtmpose"], [name for name in MODELS if name.startswith("rtmpose")]),
        (["embed", "--person-model", ""], ["rtmdet-nano", "rtmdet-m"]),
        (["train", "vvipe"], recipe_names()),
    ],
)
def test_names_are_completed(words: list[str], offered: list[str]) -> None:
    assert completions(*words) == [("plain", value) for value in offered]


@pytest.mark.parametrize("words", [["embed", "--pose-model", "./my"], ["train", "configs/"]])
def test_where_no_name_fits_files_are_offered(words: list[str]) -> None:
    assert completions(*words) == [("file", words[-1])]
