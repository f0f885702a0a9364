import base64
import json

import numpy as np
import pytest

from poseflow.report.packing import pack_array, script_json


def unpacked(packed):
    """By hand: little-endian integers, the least one = not known."""
    size = packed["bits"] // 8
    content = base64.b64decode(packed["base64"])
    whole = [int.from_bytes(content[i : i + size], "little", signed=True) for i in range(0, len(content), size)]
    least = -(2 ** (packed["bits"] - 1))
    return [float("nan") if value == least else value * packed["step"] for value in whole]


@pytest.mark.parametrize(("largest", "bits"), [(300.0, 16), (90000.0, 32)])
def test_numbers_come_back_within_half_a_step_and_unknown_ones_as_unknown(largest, bits):
    values = [[0.0, -1.26, largest], [float("nan"), 3.14159, 2.0]]
    packed = pack_array(values, step=0.1)
    assert (packed["shape"], packed["bits"]) == ([2, 3], bits)
    assert unpacked(packed) == pytest.approx(np.ravel(values), abs=0.0501, nan_ok=True)


def test_no_numbers_are_packed_as_none():
    assert unpacked(pack_array(np.empty((0, 17, 2)), step=1.0)) == []


@pytest.mark.parametrize("value", [float("inf"), 1e12])
def test_numbers_that_do_not_fit_are_refused(value):
    with pytest.raises(ValueError, match="pack_array"):
        pack_array([value], step=0.1)


def test_json_in_a_script_holds_nothing_that_ends_it_and_reads_back():
    value = {"</script><b>&'\"": "<!-- \u2028\u2029 é", "n": [1.5, None, True]}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_json_with_nan_is_refused():
    with pytest.raises(ValueError):
        script_json({"x": float("nan")})
