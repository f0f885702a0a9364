"""Options that several commands share; their defaults are read from the library."""

from __future__ import annotations

import functools
import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poseflow.detect.factory import DETECTORS, make_detector
from poseflow.detect.mmpose import MMPosePredictor
from poseflow.detect.protocol import PosePredictor
from poseflow.embed import embed_tracks
from poseflow.people import PERSON_CHOICES

from .completion import PERSON_MODEL, POSE_MODEL, PersonRule

if TYPE_CHECKING:
    from poseflow.records import EmbeddedClip
    from vvipe.embedder import Embedder

Command = TypeVar("Command", bound=Callable[..., Any])

ONE_PERSON = {rule: meaning for rule, meaning in PERSON_CHOICES.items() if rule != "all"}
"""The choices of the commands that look at one person of a clip."""

FILE = click.Path()
"""A file. What the disk has to say of it (missing, a folder, not to be written) is told by the library: exit code 1."""

_DETECTOR_SETTINGS = ("device", "pose_model", "pose_checkpoint", "person_model", "person_checkpoint", "detect_every")


def default_of(function: Callable[..., Any], parameter: str) -> Any:
    """The default that the library's `function` gives `parameter`."""
    return inspect.signature(function).parameters[parameter].default


def detector_options(command: Command) -> Command:
    """Adds the options of the 2D detector; `command` gets `get_detector`, which makes it once, when it is needed.

    Where it never was, as with saved clips alone, and options of it were given, a note on stderr says so.
    """

    @functools.wraps(command)
    def with_detector(*args: Any, detector: str, **settings: Any) -> Any:
        chosen = {name: settings.pop(name) for name in _DETECTOR_SETTINGS}

        @functools.cache
        def get_detector() -> PosePredictor:
            return make_detector(detector, **{name: value for name, value in chosen.items() if value is not None})

        result = command(*args, get_detector=get_detector, **settings)
        if not get_detector.cache_info().misses:
            note_unused("detector", *_DETECTOR_SETTINGS, because="no video was looked at")
        return result

    for option in reversed(_detector_options()):
        with_detector = option(with_detector)
    return with_detector  # type: ignore[return-value]


def note_unused(*parameters: str, because: str) -> None:
    """Says on stderr which of these options of the running command were given, and that they changed nothing."""
    flags = ", ".join(_flag(name) for name in parameters if _is_given(name))
    if flags:
        click.echo(f"note: {flags} changed nothing, because {because}", err=True)


def _is_given(parameter: str) -> bool:
    source = click.get_current_context().get_parameter_source(parameter)
    return source not in (None, click.core.ParameterSource.DEFAULT)


def _flag(parameter: str) -> str:
    """The option as it was given, e.g. ``--no-video``."""
    context = click.get_current_context()
    (option,) = (option for option in context.command.params if option.name == parameter)
    flags = option.secondary_opts if context.params[parameter] is False and option.secondary_opts else option.opts
    return flags[0]


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
        option(
            "--pose-model",
            "MMPose model: a name of the registry or a config file.",
            type=POSE_MODEL,
            metavar="NAME|CONFIG.py",
        ),
        option("--pose-checkpoint", "Weights of the pose model; a NAME without them takes the registry's.", type=FILE),
        option("--person-model", "MMDetection person detector, likewise.", type=PERSON_MODEL, metavar="NAME|CONFIG.py"),
        option("--person-checkpoint", "Weights of the person detector.", type=FILE),
        option("--device", "Where MMPose runs.", metavar="auto|cpu|cuda|mps"),
        option("--detect-every", "Frames from one run of the person detector to the next.", type=click.IntRange(1)),
    ]


def person_option(
    flag: str = "--person", *, default: str, choices: Mapping[str, str] = PERSON_CHOICES, like: str | None = None
) -> Callable[[Command], Command]:
    """Adds the choice of a person, e.g. ``--person`` or ``--ref-person``.

    Args:
        flag: Name of the option.
        default: A rule.
        choices: Rule -> meaning.
        like: Another option of the command, whose help has the meanings.
    """
    rules = "; ".join(f"{rule} = {meaning}" for rule, meaning in choices.items())
    text = f"Which person: {rules}." if like is None else f"Which person, by the rules of {like}."
    return click.option(flag, default=default, show_default=True, type=PersonRule(choices), help=text)


def span_options(command: Command) -> Command:
    """Adds --start, --end and --stride, in seconds."""

    @functools.wraps(command)
    def with_span(*args: Any, **settings: Any) -> Any:
        start_s, end_s = settings["start_s"], settings["end_s"]
        if end_s is not None and not (start_s or 0.0) < end_s:
            raise click.UsageError(f"--end {end_s:g} is not behind --start {start_s or 0:g}: nothing lies between")
        return command(*args, **settings)

    from_0, above_0 = click.FloatRange(min=0), click.FloatRange(min=0, min_open=True)
    for flag, name, kind, text in reversed(
        [
            ("--start", "start_s", from_0, "Start of the span, in seconds of the source's own time."),
            ("--end", "end_s", above_0, "End of the span; it is not in the span."),
            ("--stride", "stride_s", above_0, "Look at about one frame in so many seconds; default: at every frame."),
        ]
    ):
        with_span = click.option(flag, name, type=kind, metavar="SECONDS", help=text)(with_span)
    return with_span  # type: ignore[return-value]


def embedding_options(command: Command) -> Command:
    """Adds the embedding model and smoothing."""
    command = click.option(
        "--smooth/--no-smooth",
        default=default_of(embed_tracks, "smooth"),
        show_default=True,
        help="Whether what is embedded is smoothed; saved keypoints are raw either way.",
    )(command)
    return click.option("--model", metavar="NAME|FILE", help="Embedding model; default: the shipped one.")(command)


def load_as_asked(path: str | Path, *, get_detector: Callable[[], PosePredictor], **settings: Any) -> EmbeddedClip:
    """The clip of a file by `poseflow.load.load_clip`, with progress, and a note where --smooth changed nothing."""
    from poseflow.load import load_clip

    clip = load_clip(path, get_detector=get_detector, show_progress=True, **settings)
    _note_smoothing(path, clip)
    return clip


def _note_smoothing(path: str | Path, clip: EmbeddedClip) -> None:
    """Says on stderr where --smooth or --no-smooth was asked for, and a saved clip was embedded the other way."""
    smooth = click.get_current_context().params["smooth"]
    if _is_given("smooth") and clip.metadata.is_smoothed is not None and clip.metadata.is_smoothed != smooth:
        flag, made = _flag("smooth"), "without" if smooth else "with"
        click.echo(
            f"note: {flag} changed nothing for {path}, a saved clip that was embedded {made} smoothing; "
            f"embed it again with `poseflow embed {path} {flag} -o OUT.parquet`",
            err=True,
        )


def make_embedder(model: str | None) -> Embedder:
    """The embedding model of --model, loaded before any long work."""
    from vvipe.embedder import Embedder

    return Embedder.from_pretrained(model)


def command_line() -> str:
    """The command line of this process, as it is stored with results."""
    return shlex.join(["poseflow", *sys.argv[1:]])
