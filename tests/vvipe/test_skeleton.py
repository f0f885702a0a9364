from __future__ import annotations

import numpy as np
import pytest

from vvipe.skeleton import BLAZEPOSE33, COCO13, COCO17, H36M17, MPI_INF_3DHP28, SKELETONS, Skeleton, conversion_indices


def test_h36m17_has_the_fields_order():
    assert H36M17.indices("pelvis", "right_ankle", "left_hip", "thorax", "head", "left_wrist", "right_wrist") == (
        0,
        3,
        4,
        8,
        10,
        13,
        16,
    )


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_mirroring_twice_changes_nothing(skeleton):
    order = skeleton.flip_order
    assert (order[order] == np.arange(skeleton.n_joints)).all()
    assert 2 * len(skeleton.flip_pairs) == sum("left" in j or "right" in j for j in skeleton.joints)


@pytest.mark.parametrize("skeleton", [H36M17, COCO13, COCO17], ids=lambda s: s.name)
def test_bones_name_each_joint(skeleton):
    assert {joint for bone in skeleton.bones for joint in bone} >= set(range(skeleton.n_joints)) - {
        skeleton.index("nose") if "nose" in skeleton.joints else -1
    }


def test_conversion_picks_joints_by_name():
    picked = conversion_indices("blazepose33", "coco17")
    assert [BLAZEPOSE33.joints[i] for i in picked] == list(COCO17.joints)


def test_projected_nose_is_the_neck_joint_of_h36m():
    assert conversion_indices("h36m17", "coco13")[0] == 9


def test_conversion_to_joints_that_the_source_lacks_is_an_error():
    with pytest.raises(ValueError, match="left_eye"):
        conversion_indices(H36M17, COCO17)


def test_sizes_are_the_formats():
    assert [s.n_joints for s in (H36M17, COCO17, COCO13, BLAZEPOSE33, MPI_INF_3DHP28)] == [17, 17, 13, 33, 28]


def test_repeated_joint_is_an_error():
    with pytest.raises(ValueError, match="repeat"):
        Skeleton("x", ("a", "a"), ())
