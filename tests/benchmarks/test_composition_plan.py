from __future__ import annotations

import subprocess
import sys

import pytest
from poseflow_benchmarks.composition_plan import KEYPOINTS, sources_of


def test_exact_keypoints_have_no_noise_and_all_are_the_default() -> None:
    assert sources_of(["D1", "GT"]) == ("D1", None)
    assert sources_of() == sources_of(KEYPOINTS) == (None, "D0", "D1")


def test_an_unknown_input_is_named() -> None:
    with pytest.raises(ValueError, match="GT, D0, D1, got D2"):
        sources_of(["GT", "D2"])


def test_reading_the_plan_loads_nothing_heavy() -> None:
    code = (
        "import sys, poseflow_benchmarks.composition_plan; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
