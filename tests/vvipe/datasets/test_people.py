from __future__ import annotations

import pytest

from vvipe.datasets.people import person_id


@pytest.mark.parametrize(
    ("subject", "take", "person"),
    [
        ("02", "02_01", "cmu02"),
        ("2", "02_01", "cmu02"),
        ("cmu02", "02_01", "cmu02"),
        ("cmu_02", "cmu_02_01", "cmu02"),
        ("CMU02", "", "cmu02"),
        ("amass/CMU/02", "02_01_poses", "cmu02"),
        ("cmu", "cmu_06_02_300frames", "cmu06"),
        ("118", "118_03", "cmu118"),
        ("HDM_bd", "HDM_bd_squat1Reps_001_120", "bd"),
        ("bd", "HDM_bd_squat1Reps_001_120", "bd"),
        ("cmu8act", "8act_train_walking_4", "cmu8act"),
        ("cmu_gs1", "x_zombie", "cmu_gs1"),
        ("amass/BMLrub/rub001", "0000_treadmill", "amass/BMLrub/rub001"),
        ("me", "dance", "me"),
    ],
)
def test_one_person_has_one_name_whatever_the_source_says(subject, take, person):
    assert person_id(subject, take) == person
    assert person_id(person, take) == person


@pytest.mark.parametrize(("subject", "take"), [("02", "03_01"), ("02", "squat"), ("2", ""), ("", "")])
def test_a_bare_number_is_nobody_of_cmu_without_a_take_that_says_so(subject, take):
    assert person_id(subject, take) == subject
