"""Writes requirements.lock: the exact versions, for every package that a resolver picks for poseflow and its tools.

Run it with the oldest Python that is supported, so that the versions hold for the newer ones too. The lock is used as
constraints (`pip install -c`), so it may name packages that a machine does not need, such as the CUDA libraries.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
OLDEST_PYTHON = (3, 11)
CHOSEN = ["torch==2.13.0", "numpy==2.4.6"]
"""Versions that we choose and measured with; all others are the newest that fit."""

HEADER = """\
# Written by `make lock`. Constraints of `make demo` and `make test`: pip install -c requirements.lock -e ".[dev]"
# The packages that are installed without their dependencies have a file of their own: poseflow/requirements-nodeps.txt
"""


def main() -> None:
    """Resolves the project with its development tools and writes the lock."""
    if sys.version_info[:2] != OLDEST_PYTHON:
        sys.exit("scripts/lock.py: run it with Python {}.{}, the oldest supported one".format(*OLDEST_PYTHON))
    pins = sorted(resolve())
    LOCK.write_text(HEADER + "".join(f"{name}=={version}\n" for name, version in pins), encoding="utf-8")
    print(f"{LOCK}: {len(pins)} packages")


def resolve() -> set[tuple[str, str]]:
    """Name and version of every package that pip would install; nothing is installed."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    result = subprocess.run([*command, f"{ROOT}[dev]", *CHOSEN], check=True, stdout=subprocess.PIPE, text=True)
    packages = [package["metadata"] for package in json.loads(result.stdout)["install"]]
    # A build's local label (2.13.0+cpu) is left out: which build of torch is the user's choice of index.
    return {(p["name"].lower(), p["version"].partition("+")[0]) for p in packages if p["name"] != "poseflow"}


if __name__ == "__main__":
    main()
