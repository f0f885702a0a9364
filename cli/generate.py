"""`poseflow generate`: new poses around a moment of a clip, or from the model's prior."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from poseflow.generate import AROUND_S, PRIOR_STEP, check_outputs, generate_to_files, pick_moment
from vvipe.generate import ALPHAS

from .options import (
    FILE,
    default_of,
    detector_options,
    embedding_options,
    load_as_asked,
    make_embedder,
    note_unused,
    person_option,
)


@click.command("generate")
@click.argument("clip", required=False, type=click.Path())
@click.option("--at", "at_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Moment of CLIP to start from.")
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=default_of(generate_to_files, "count"),
    show_default=True,
    help="Random directions; without CLIP, samples of the prior.",
)
@click.option(
    "--alpha",
    "alphas",
    multiple=True,
    type=float,
    metavar="STEP",
    help="Size of a step along each direction; may be repeated. "
    f"Default: {', '.join(map(str, ALPHAS))}; without CLIP: {PRIOR_STEP:g}.",
)
@click.option(
    "--seed", type=int, default=default_of(generate_to_files, "seed"), show_default=True, help="Of the directions."
)
@click.option("-o", "--output", required=True, type=FILE, metavar="OUT.npz", help="Where the poses go.")
@click.option("--picture", type=FILE, metavar="OUT.png", help="Draw the poses.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@person_option(default=default_of(pick_moment, "person"))
@detector_options
@embedding_options
def command(
    clip: str | None, at_s: float | None, alphas: tuple[float, ...], output: str, picture: str | None, as_json: bool,
    person: str, get_detector: Callable[[], Any], model: str | None, smooth: bool, **settings: Any,
) -> None:  # fmt: skip
    """Makes new poses out of the embedding.

    Around a moment of CLIP, a video or a saved .parquet, by noise of growing size on its embedding (V-VIPE, Figure 7);
    without CLIP, from the prior.
    """
    if (clip is None) != (at_s is None):
        raise click.UsageError("CLIP and --at SECONDS go together; without both, poses come from the prior")
    check_outputs(output, picture)
    embedder = make_embedder(model)
    moment = None
    if clip is None:
        note_unused("person", "smooth", because="there is no CLIP")
    if clip is not None and at_s is not None:
        loaded = _load(clip, at_s, get_detector, embedder=embedder, smooth=smooth)
        moment = pick_moment(loaded, at_s, embedder=embedder, person=person)
    made: dict[str, Any] = {"embedder": embedder, "moment": moment, "alphas": alphas or None, "picture": picture}
    report = generate_to_files(output, **made, **settings)
    text = f"{output}: {report['poses']} poses, from {report['origin']}"
    click.echo(json.dumps(report) if as_json else text)


def _load(clip: str, at_s: float, get_detector: Callable[[], Any], **settings: Any) -> Any:
    """A saved clip whole; of a video what lies around the moment."""
    from poseflow.store import is_clip_file

    span: dict[str, Any] = (
        {} if is_clip_file(clip) else {"start_s": max(0.0, at_s - AROUND_S), "end_s": at_s + AROUND_S}
    )
    return load_as_asked(clip, get_detector=get_detector, **settings, **span)
