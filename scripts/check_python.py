"""Leaves with a message where this Python cannot run poseflow (`--demo`: where it cannot run the demo)."""

import sys

OLDEST, NEWEST = (3, 11), (3, 13)
NEWEST_OF_MEDIAPIPE = (3, 12)


def complaint(version, needs_mediapipe):
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


def main():
    """Checks the version and that virtual environments can be made."""
    problem = complaint(sys.version_info[:2], needs_mediapipe="--demo" in sys.argv[1:])
    if problem is None:
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError as error:
            problem = (
                f"{sys.executable} cannot make virtual environments ({error}); on Debian: apt install python3-venv"
            )
    if problem:
        sys.exit(f"poseflow: {problem}")


if __name__ == "__main__":
    main()
