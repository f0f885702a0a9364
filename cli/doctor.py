"""`poseflow doctor`."""

from __future__ import annotations

import sys

import click


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as one JSON object.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Tells what works on this machine, and how to mend what does not.

    Every package is really imported. The exit code is 0 where `poseflow embed` can run with at least one detector.
    """
    from poseflow.doctor import diagnose, format_diagnosis

    def show(status: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{status}", err=True, nl=False)

    diagnosis = diagnose(on_start=lambda name: show(f"trying {name} …"))
    show("")
    click.echo(diagnosis.to_json() if as_json else format_diagnosis(diagnosis))
    ctx.exit(0 if diagnosis.can_embed else 1)
