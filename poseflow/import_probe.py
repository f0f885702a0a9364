"""Runs Python statements in a process of their own, and tells which fail: a broken binary package may end the process.

The parent calls `run_probes`; the child is this module run with `python -m`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ProbeResult:
    """What one probe said.

    Attributes:
        value: What the statements assigned to `result`; empty where they assigned nothing.
        error: One line that says why they failed; None where they did not.
    """

    value: str = ""
    error: str | None = None


def run_probes(
    probes: Mapping[str, str], *, on_start: Callable[[str], None] = lambda name: None
) -> dict[str, ProbeResult]:
    """Result of each probe (name -> statements), run one after the other; one that kills its process is named too."""
    results: dict[str, ProbeResult] = {}
    while len(results) < len(probes):
        remaining = {name: code for name, code in probes.items() if name not in results}
        results |= _run_until_death(remaining, on_start)
    return results


def _run_until_death(probes: Mapping[str, str], on_start: Callable[[str], None]) -> dict[str, ProbeResult]:
    """Results of the probes up to and with the first that ended the process; at least one."""
    results: dict[str, ProbeResult] = {}
    command = [sys.executable, "-P", "-m", "poseflow.import_probe", json.dumps(probes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        running = next(iter(probes))
        for line in child.stdout:
            message = json.loads(line)
            running = message["name"]
            if message["is_start"]:
                on_start(running)
            else:
                results[running] = ProbeResult(message["value"], message["error"])
    if running not in results:
        results[running] = ProbeResult(error=f"it ended the Python process (exit status {child.returncode})")
    return results


def _run_here(probes: Mapping[str, str], descriptor: int) -> None:
    """Runs the probes in this process and writes what they say, one line of JSON each, to the file descriptor."""
    with os.fdopen(descriptor, "w") as channel:
        for name, code in probes.items():
            _send(channel, name=name, is_start=True)
            namespace: dict[str, object] = {}
            error = None
            try:
                exec(code, namespace)
            except BaseException as fault:  # also SystemExit: nothing that a package does may end the examination
                error = f"{type(fault).__name__}: {' '.join(str(fault).split())}"
            _send(channel, name=name, is_start=False, value=str(namespace.get("result", "")), error=error)


def _send(channel: object, **message: object) -> None:
    print(json.dumps(message), file=channel, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    results_descriptor = os.dup(1)
    os.dup2(2, 1)  # what the packages print is none of the parent's business
    _run_here(json.loads(sys.argv[1]), results_descriptor)
