import json

import numpy as np
import pytest
from told_poses import LIMITS

from poseflow.angle_differences import ALL_ANGLES
from poseflow.tolerances import TOLERANCES_FILE, Tolerances, read_tolerances, tolerances_of
from vvipe.model_file import load_model


def test_no_origin_names_the_evaluation_data():
    for kinds in json.loads(TOLERANCES_FILE.read_text(encoding="utf-8")).values():
        for entry in kinds.values():
            assert "CMU" in entry["origin"]
            assert not any(name in entry["origin"].lower() for name in ("hdm05", "mocap6", "test people"))


def test_the_shipped_model_has_tolerances_of_its_own():
    model = load_model(None)
    assert f"{model.name}@{model.sha256[:8]}" in read_tolerances()


def test_both_sides_of_the_body_are_allowed_the_same():
    for kinds in read_tolerances().values():
        for limits in kinds.values():
            by_name = dict(zip([angle.name for angle in ALL_ANGLES], limits.change_deg, strict=True))
            left = {name: value for name, value in by_name.items() if name.startswith("left_")}
            assert left and all(by_name["right_" + name.removeprefix("left_")] == value for name, value in left.items())


def test_a_model_that_is_not_known_gets_the_widest_limits():
    widest = tolerances_of("unheard-of@0", has_keypoints=True).change_deg.mean()
    assert widest == max(kinds["keypoints"].change_deg.mean() for kinds in read_tolerances().values())


def test_limits_survive_json():
    again = Tolerances.from_json(json.loads(json.dumps(LIMITS.to_json())))
    assert np.array_equal(again.change_deg, LIMITS.change_deg) and np.array_equal(again.offset_deg, LIMITS.offset_deg)
    assert (again.min_sureness, again.typical_uncertainty, again.max_uncertainty) == (0.0, 0.1, 0.5)
    assert again.origin == "made for tests"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"change_deg": np.ones(3)}, "change_deg: expected 20 numbers above 0"),
        ({"offset_deg": np.zeros(20)}, "offset_deg: expected 20 numbers above 0"),
        ({"min_sureness": -1.0}, "min_sureness: expected 0 or more"),
        ({"typical_uncertainty": 0.9}, "typical_uncertainty <= max_uncertainty"),
    ],
)
def test_limits_that_limit_nothing_are_refused(changes, message):
    values = {name: getattr(LIMITS, name) for name in Tolerances.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        Tolerances(**{**values, **changes})
