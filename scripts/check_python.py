"""Leaves with a message where this Python cannot run poseflow.

`--demo` asks for what the demo needs too; `--environment FOLDER` also compares with the environment that is there.
"""

import argparse
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
NEWEST_OF_MEDIAPIPE = (3, 12)


def main():
    """Checks the version, that virtual environments can be made, and that the one there is of the same version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--environment", type=Path)
    arguments = parser.parse_args()
    problem = (
        version_problem(sys.version_info[:2], needs_mediapipe=arguments.demo)
        or module_problem()
        or (arguments.environment and environment_problem(arguments.environment))
    )
    if problem:
        sys.exit(f"poseflow: {problem}")


def version_problem(version, needs_mediapipe):
    """What is wrong with the Python version (major, minor), or None."""
    found = f"this is Python {version[0]}.{version[1]} ({sys.executable})"
    if not OLDEST <= version <= NEWEST:
        return f"poseflow needs Python 3.11, 3.12 or 3.13; {found}. Install one, or name it: make PYTHON=python3.12"
    if needs_mediapipe and version > NEWEST_OF_MEDIAPIPE:
        return (
            "the demo needs Python 3.11 or 3.12, because its pose detector, mediapipe 0.10.21, has wheels up to "
            f"Python 3.12 only; {found}. Name another one: make demo PYTHON=python3.12 (after `make clean`, where "
            "there is a .venv). On 3.13 poseflow runs with `--detector mmpose`, which needs weights: see README.md"
        )
    return None


def module_problem():
    """Which module that makes virtual environments is missing, or None."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return f"{sys.executable} cannot make a virtual environment ({error}); on Debian: apt install python3-venv"
    return None


def environment_problem(folder):
    """How the environment in the folder differs from this Python, or None."""
    settings = folder / "pyvenv.cfg"
    if not settings.is_file():
        return None
    fields = dict(line.split(" = ", 1) for line in settings.read_text(encoding="utf-8").splitlines() if " = " in line)
    there, here = fields.get("version", "").split(".")[:2], [str(part) for part in sys.version_info[:2]]
    if there and there != here:
        return f"{folder} was made with Python {'.'.join(there)}, and this is {'.'.join(here)}: `make clean` removes it"
    return None


if __name__ == "__main__":
    main()
