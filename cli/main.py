"""The command `poseflow`: finds the commands, and turns errors into messages and exit codes (nobody else does)."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import click

from vvipe.errors import PoseflowError

COMMANDS = {
    "embed": "embed:command",
    "match": "match:command",
    "segment": "segment:command",
    "count": "count:command",
    "lift": "lift:command",
    "generate": "generate:command",
    "search": "search:command",
    "import": "import_:command",
    "export": "export:command",
    "train": "train:command",
    "data": "data:command",
    "bench": "bench:command",
    "doctor": "doctor:command",
}
"""Name of a command -> "module:attribute" of this package. A new command is a new file and a line here."""

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
OUR_PACKAGES = frozenset({"vvipe", "poseflow", "poseflow_benchmarks", "poseflow_cli"})


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for, so that `--help` and `--version` answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _is_built(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS or not _is_built(cmd_name):
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} of the command line is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])


def _summary(name: str) -> str:
    """First line of the command's help, read off its source: importing every command would take half a second."""
    module, attribute = COMMANDS[name].split(":")
    source = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    texts = (ast.get_docstring(function) for function in functions if function.name == attribute)
    return (next(texts, None) or "").partition("\n")[0]


def _is_built(name: str) -> bool:
    module = COMMANDS[name].split(":")[0]
    return importlib.util.find_spec(f".{module}", __package__) is not None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 failed (also where a file is missing, damaged or a folder), 2 wrong usage, 3 some of "
    "several files failed, 4 no person or too little of one to score, 130 interrupted. Results go to stdout; progress "
    "and messages to stderr.",
)
@click.version_option(package_name="poseflow", prog_name="poseflow")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of every error.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Reads human movement in video, whatever camera filmed it."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the command line `arguments` (those of the process by default)."""
    wants_traceback = "--debug" in (sys.argv[1:2] if arguments is None else arguments[:1])
    try:
        code = cli.main(arguments, prog_name="poseflow", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return _say("interrupted", EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _leave_closed_pipe()
    except Exception as error:
        return _report(error, wants_traceback=wants_traceback)
    return code if isinstance(code, int) else 0


def _report(error: Exception, *, wants_traceback: bool) -> int:
    """Exit code of an error, after its message, or its traceback where it is a fault of this program."""
    known = _message_and_code(error)
    if known is None or wants_traceback:
        traceback.print_exception(error)
    if known is None:
        return _say("this is a fault of poseflow: please report it with the lines above", EXIT_FAILED)
    return _say(*known)


def _message_and_code(error: Exception) -> tuple[str, int] | None:
    """What to tell of an error that the user can mend, and its exit code; None for a fault of this program."""
    match error:
        case PoseflowError():
            return str(error), error.exit_code
        case ValueError() if _raising_package(error.__traceback__) in OUR_PACKAGES:
            return str(error), EXIT_USAGE
        case ImportError(name=str(name)) if name.partition(".")[0] not in OUR_PACKAGES:
            return f"{error}; `poseflow doctor` tells how to mend the installation", EXIT_FAILED
        case OSError(errno=int(), strerror=str(reason)):
            return f"{reason}: {error.filename}" if error.filename else reason, EXIT_FAILED
    return None


def _raising_package(trace: TracebackType | None) -> str:
    """Top-level package of the code that raised: a ValueError of ours names a wrong setting, a library's is a fault."""
    name = ""
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next
    return name.partition(".")[0]


def _say(message: str, code: int) -> int:
    click.echo(f"poseflow: {message}", err=True)
    return code


def _leave_closed_pipe() -> int:
    """Exit code for a reader that has gone (`poseflow … | head`); the interpreter's last flush then goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_FAILED
