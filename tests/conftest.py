"""Where the real test data lies, and fixtures that skip with a reason where it is absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

TEST_DATA = Path(os.environ.get("POSEFLOW_TEST_DATA") or Path(__file__).parents[2] / "shared")


@pytest.fixture(scope="session")
def real_file() -> Callable[[str], Path]:
    """Gives a file of $POSEFLOW_TEST_DATA by its relative path, e.g. "data/video/sports2d_demo.mp4"."""

    def find(relative: str) -> Path:
        path = TEST_DATA / relative
        if not path.exists():
            pytest.skip(f"real test data is absent: {path} (set POSEFLOW_TEST_DATA)")
        return path

    return find
