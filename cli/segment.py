"""`poseflow segment`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poseflow.embed import embed_tracks
from poseflow.segmentation.pose_grid import GridSettings
from poseflow.segmentation.settings import METHODS, SegmentSettings

from .options import (
    FILE,
    ONE_PERSON,
    default_of,
    detector_options,
    load_as_asked,
    make_embedder,
    note_unused,
    person_option,
)

if TYPE_CHECKING:
    from poseflow.records import EmbeddedClip, EmbeddingTrack
    from poseflow.segmentation.action_model import ActionModel
    from vvipe.embedder import Embedder

    People = Callable[[str | Path], tuple[EmbeddedClip, EmbeddingTrack]]


def _default(name: str) -> Any:
    return default_of(SegmentSettings, name)


@click.command("segment")
@click.argument("clip", type=FILE, required=False)
@click.option("--method", type=click.Choice(METHODS), help=f"How moments are grouped.  [default: {_default('method')}]")
@click.option("--clusters", type=click.IntRange(1), metavar="K", help="How many actions there are, if you know.")
@click.option(
    "--use-orientation/--no-use-orientation",
    default=default_of(GridSettings, "use_orientation"),
    show_default=True,
    help="Whether the body's lean counts: standing and lying are two actions.",
)
@click.option(
    "--min-duration",
    "min_duration_s",
    type=click.FloatRange(min=0),
    default=_default("min_duration_s"),
    show_default=True,
    metavar="SECONDS",
    help="Shortest segment.",
)
@click.option(
    "--min-cluster",
    "min_cluster_s",
    type=click.FloatRange(min=0, min_open=True),
    default=_default("min_cluster_s"),
    show_default=True,
    metavar="SECONDS",
    help="Of hdbscan, --fit and twfinch: least time that an action takes in all.",
)
@click.option("--fit", multiple=True, type=click.Path(exists=True), help="Clip or folder to learn a kept model from.")
@click.option("--model", "actions", type=FILE, metavar="ACTIONS.model", help="A kept model, for the same labels.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Another name for a label.")
@click.option("--examples", multiple=True, metavar="NAME=CLIP", help="A clip of an action: label what is like it.")
@click.option("-o", "--output", type=FILE, help="Segments as .json .csv .parquet .eaf .vtt; the model of --fit.")
@click.option("--sheet", type=FILE, metavar="OUT.png", help="Picture of the most typical moment of each segment.")
@click.option("--report", type=FILE, metavar="OUT.html", help="Page with a coloured timeline; works offline.")
@click.option("--video/--no-video", default=True, show_default=True, help="Page and sheet with film, or skeletons.")
@click.option("--repetitions/--no-repetitions", default=True, show_default=True, help="Count inside segments.")
@person_option(default="auto", choices=ONE_PERSON)
@detector_options
@click.option(
    "--smooth/--no-smooth", default=default_of(embed_tracks, "smooth"), show_default=True, help="Smooth keypoints."
)
@click.option("--embedding-model", metavar="NAME|FILE", help="Embedding model; default: the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    clip: str | None, method: str | None, use_orientation: bool, fit: tuple[str, ...], actions: str | None,
    rename: tuple[str, ...], examples: tuple[str, ...], output: str | None, sheet: str | None, report: str | None,
    video: bool, repetitions: bool, person: str, get_detector: Callable[[], Any], smooth: bool,
    embedding_model: str | None, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Tells what happens when in CLIP, a video or a saved .parquet: labelled segments, and what each repeats.

    Labels are numbers until you name them. --fit CLIPS -o FILE keeps a model, by which --model FILE labels other clips
    alike; without CLIP, --model FILE --rename 3=squat -o FILE names its labels for good. Exit code 4: too little of
    the person was seen.
    """
    names = _pairs("--rename", rename)
    _check_usage(clip, method, fit, actions, examples, output, settings)
    _check_drawings(clip, sheet, report)
    if actions:
        note_unused("use_orientation", "min_cluster_s", because="a kept model has its own")
    embedder = make_embedder(embedding_model)

    def people(path: str | Path) -> tuple[EmbeddedClip, EmbeddingTrack]:
        from poseflow.people import choose_people

        loaded = load_as_asked(path, get_detector=get_detector, embedder=embedder, smooth=smooth)
        chosen = choose_people(loaded.tracks, person=person, frame_size=loaded.metadata.size)[0]
        return loaded, loaded.person(chosen.person_id)[1]

    chosen_method: Any = method or ("hdbscan" if fit else _default("method"))
    made = SegmentSettings(method=chosen_method, grid=GridSettings(use_orientation=use_orientation), **settings)
    if fit or (actions and not clip):
        _keep_model(fit, actions, output, names, people=people, embedder=embedder, settings=made, as_json=as_json)
    elif clip:
        from poseflow.segment_files import SegmentOutputs, check_outputs

        outputs = SegmentOutputs(segments=output, sheet=sheet, report=report, with_video=video)
        check_outputs(outputs, clip)
        model = _read_model(actions)
        named = _pairs("--examples", examples, many=True)
        loaded, track = people(clip)
        shown = {name: [people(path)[1] for path in paths] for name, paths in named.items()}
        _segment(clip, loaded, track, model, shown, names, embedder, made, outputs, repetitions, as_json)


def _pairs(option: str, texts: Sequence[str], *, many: bool = False) -> dict[str, Any]:
    """OLD=NEW texts; `many` keeps all values of a name."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise click.UsageError(f"{option}: expected NAME=VALUE, got {text!r}")
        if many:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise click.UsageError(f"{option}: {name} is given twice")
        else:
            found[name] = value
    return found


def _check_usage(
    clip: str | None,
    method: str | None,
    fit: Sequence[str],
    actions: str | None,
    examples: Sequence[str],
    output: str | None,
    settings: dict[str, Any],
) -> None:
    if fit and (clip or actions or examples):
        raise click.UsageError("--fit learns a model of its own clips; give no CLIP, --model or --examples with it")
    if fit and method not in (None, "hdbscan"):
        raise click.UsageError("--fit: a kept model is fitted by hdbscan; leave --method out")
    if (fit or (actions and not clip)) and not output:
        raise click.UsageError("a kept model needs a file: -o actions.model")
    if actions and examples:
        raise click.UsageError("--model and --examples both say what labels mean; give one of them")
    if (actions or examples) and (method or settings["clusters"]):
        raise click.UsageError("--method and --clusters find labels; --model and --examples bring their own")
    if not (clip or fit or actions):
        raise click.UsageError("give a CLIP, or --fit CLIPS -o FILE")


def _check_drawings(clip: str | None, sheet: str | None, report: str | None) -> None:
    if (sheet or report) and not clip:
        raise click.UsageError("--sheet and --report show a CLIP, and none was given")
    if not (sheet or report):
        note_unused("video", because="no sheet or page was asked for")
    if not clip:
        note_unused("repetitions", because="there is no CLIP to count in")


def _read_model(actions: str | None) -> ActionModel | None:
    if actions is None:
        return None
    from poseflow.segmentation.model_file import read_actions

    return read_actions(actions)


def _keep_model(
    fit: Sequence[str], actions: str | None, output: str | None, names: dict[str, str], *, people: People,
    embedder: Embedder, settings: SegmentSettings, as_json: bool,
) -> None:  # fmt: skip
    from poseflow.batch import Job, run_batch
    from poseflow.errors import BatchError
    from poseflow.output import check_writable
    from poseflow.segment_files import clips_of
    from poseflow.segmentation.action_model import fit_actions
    from poseflow.segmentation.model_file import read_actions, write_actions

    if output is None:
        raise click.UsageError("a kept model needs a file: -o actions.model")
    check_writable(output)
    batch = run_batch([Job(path, Path(output)) for path in clips_of(fit)], lambda job: people(job.source)[1])
    for job, error in batch.failed:
        click.echo(f"{job.source}: {error}", err=True)
    if batch.failed and not batch.done:
        raise batch.failed[0][1]
    if actions is not None:
        model = read_actions(actions)
    else:
        model = fit_actions([track for _, track in batch.done], embedder=embedder, settings=settings)
    model = model.renamed(names)
    write_actions(output, model)
    told = {"output": output, "labels": list(model.names), "sha256": model.sha256}
    click.echo(json.dumps(told) if as_json else f"{output}: {len(model.names)} labels: {', '.join(model.names)}")
    if batch.failed:
        raise BatchError(f"{len(batch.failed)} of {len(batch.failed) + len(batch.done)} clips failed, for the reasons "
                         "above; the model was made of the others")  # fmt: skip


def _segment(
    clip: str, loaded: EmbeddedClip, track: EmbeddingTrack, model: ActionModel | None, shown: dict[str, Any],
    names: dict[str, str], embedder: Embedder, settings: SegmentSettings, outputs: Any, repetitions: bool,
    as_json: bool,
) -> None:  # fmt: skip
    from poseflow.segment import segment
    from poseflow.segment_files import write_outputs
    from poseflow.segment_output import repetitions_in, timeline_json, timeline_text

    examples = shown or None
    timeline = segment(track, embedder=embedder, model=model, examples=examples, settings=settings).renamed(names)
    found = repetitions_in(track, timeline, embedder=embedder) if repetitions else ()
    click.echo(
        json.dumps(timeline_json(timeline, found), allow_nan=False) if as_json else timeline_text(timeline, found)
    )
    for note in write_outputs(outputs, clip, loaded, timeline, found):
        click.echo(note, err=True)
