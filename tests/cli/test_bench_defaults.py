"""The benchmarks' commands have the library's defaults; to read them there would take seconds of importing."""

from __future__ import annotations

import inspect
from importlib import import_module

import click
import pytest
from poseflow_cli.bench import command

FUNCTIONS = {
    "calibration": "calibration:run_calibration",
    "count": "counting:run_counting",
    "feedback": "feedback:run_feedback",
    "figures": "figures:run_figures",
    "lifting": "lifting:run_lifting",
    "mimicry": "mimicry:run_mimicry",
    "occlusion": "occlusion:run_occlusion",
    "scores": "kinship:run_kinship",
    "segmentation": "segmentation:run_segmentation",
    "sync-mocap": "sync_mocap:run_sync_mocap",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults_are_those_of_the_library(name):
    module, function = FUNCTIONS[name].split(":")
    parameters = inspect.signature(getattr(import_module(f"poseflow_benchmarks.{module}"), function)).parameters
    options = command.get_command(click.Context(command), name).params
    shared = [option for option in options if option.name in parameters and option.show_default]
    assert "seed" in {option.name for option in shared}
    for option in shared:
        assert option.default == parameters[option.name].default, option.name
