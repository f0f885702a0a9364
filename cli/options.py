"""Options that several commands share; their defaults are read from the library."""

from __future__ import annotations

import functools
import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poseflow.detect.factory import DETECTORS, make_detector
from poseflow.detect.mmpose import MMPosePredictor
from poseflow.detect.protocol import PosePredictor
from poseflow.embed import embed_tracks
from poseflow.people import PERSON_CHOICES

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False)

_DETECTOR_SETTINGS = ("device", "pose_model", "pose_checkpoint", "person_model", "person_checkpoint", "detect_every")


def default_of(function: Callable[..., Any], parameter: str) -> Any:
    """The default that the library's `function` gives `parameter`."""
    return inspect.signature(function).parameters[parameter].default


def detector_options(command: Command) -> Command:
    """Adds the options of the 2D detector; `command` gets `get_detector`, which makes it once, when it is needed."""

    @functools.wraps(command)
    def with_detector(*args: Any, detector: str, **settings: Any) -> Any:
        chosen = {name: settings.pop(name) for name in _DETECTOR_SETTINGS}
        given = {name: value for name, value in chosen.items() if value is not None}

        @functools.cache
        def get_detector() -> PosePredictor:
            return make_detector(detector, **given)

        return command(*args, get_detector=get_detector, **settings)

    for option in reversed(_detector_options()):
        with_detector = option(with_detector)
    return with_detector  # type: ignore[return-value]


def _detector_options() -> list[Callable[[Any], Any]]:
    def option(flag: str, text: str, **settings: Any) -> Callable[[Any], Any]:
        # None says "not given": an option of MMPose makes --detector auto choose it.
        default = default_of(MMPosePredictor, flag.removeprefix("--").replace("-", "_"))
        return click.option(flag, show_default=False if default is None else str(default), help=text, **settings)

    return [
        click.option(
            "--detector",
            type=click.Choice(DETECTORS),
            default=default_of(make_detector, "name"),
            show_default=True,
            help="2D detector; auto is mmpose where its weights are at hand or can be downloaded, else blazepose.",
        ),
        option("--pose-model", "MMPose model: a name of the registry or a config file.", metavar="NAME|CONFIG.py"),
        option("--pose-checkpoint", "Weights of the pose model; a NAME without them takes the registry's.", type=FILE),
        option("--person-model", "MMDetection person detector, likewise.", metavar="NAME|CONFIG.py"),
        option("--person-checkpoint", "Weights of the person detector.", type=FILE),
        option("--device", "Where MMPose runs.", metavar="auto|cpu|cuda|mps"),
        option("--detect-every", "Frames from one run of the person detector to the next.", type=click.IntRange(1)),
    ]


def person_option(
    flag: str = "--person", *, default: str, choices: Mapping[str, str] = PERSON_CHOICES
) -> Callable[[Command], Command]:
    """Adds the choice of a person, e.g. ``--person`` or ``--ref-person``; `choices` maps each rule to its meaning."""
    rules = "; ".join(f"{rule} = {meaning}" for rule, meaning in choices.items())
    return click.option(flag, default=default, show_default=True, metavar="RULE", help=f"Which person: {rules}.")


def span_options(command: Command) -> Command:
    """Adds --start, --end and --stride, in seconds."""
    for flag, name, text in reversed(
        [
            ("--start", "start_s", "Start of the span, in seconds of the source's own time."),
            ("--end", "end_s", "End of the span."),
            ("--stride", "stride_s", "Shortest time between two frames that are looked at."),
        ]
    ):
        command = click.option(flag, name, type=click.FloatRange(min=0), metavar="SECONDS", help=text)(command)
    return command


def embedding_options(command: Command) -> Command:
    """Adds the embedding model and smoothing."""
    command = click.option(
        "--smooth/--no-smooth",
        default=default_of(embed_tracks, "smooth"),
        show_default=True,
        help="Whether what is embedded is smoothed; saved keypoints are raw either way.",
    )(command)
    return click.option("--model", metavar="NAME|FILE", help="Embedding model; default: the shipped one.")(command)


def make_embedder(model: str | None) -> Embedder:
    """The embedding model of --model, loaded before any long work."""
    from vvipe.embedder import Embedder

    return Embedder.from_pretrained(model)


def command_line() -> str:
    """The command line of this process, as it is stored with results."""
    return shlex.join(["poseflow", *sys.argv[1:]])
