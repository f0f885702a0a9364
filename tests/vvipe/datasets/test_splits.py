from __future__ import annotations

import numpy as np
import pytest

from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.splits import (
    CARVE_OUT_SUBJECTS,
    PARTNERS,
    TEST_SUBJECTS,
    TEST_TAKES,
    TRAIN_SUBJECTS,
    TRAIN_TAKES,
    official_only,
    person_of,
    select,
    split_of,
)

CONVERTED = {"bvh", "fbx24", "daz", "mannequin30", "clip"}


def _take(name: str, subject: str) -> MocapSequence:
    return MocapSequence(name, subject, "", 60, np.zeros((1, 17, 3), np.float32))


def test_nobody_and_no_take_is_in_two_parts():
    people, takes = [TRAIN_SUBJECTS, CARVE_OUT_SUBJECTS, TEST_SUBJECTS], [TRAIN_TAKES, TEST_TAKES]
    for parts in (people, takes):
        assert sum(map(len, parts)) == len(frozenset().union(*parts))


@pytest.mark.parametrize("partners", PARTNERS)
def test_partners_of_one_take_are_in_one_part(partners):
    assert partners == {"cmu60", "cmu61"}
    assert len({split_of(_take("x", person)) for person in partners}) == 1


@pytest.mark.parametrize(("number", "part"), [("10", "carve-out"), ("06", "test"), ("02", "train"), ("03", "train")])
def test_part_does_not_depend_on_how_the_source_names_the_person(number, part):
    subjects = (number, f"cmu{number}", f"cmu_{number}", f"amass/CMU/{number}")
    assert {split_of(_take(f"{number}_01", subject)) for subject in subjects} == {part}


def test_whole_takes_of_unknown_people_are_kept_aside():
    assert split_of(_take("8act_train_soccer_4", "cmu8act")) == "test"
    assert split_of(_take("8act_train_soccer_3", "cmu8act")) == "train"


def test_nothing_selected_from_nothing():
    assert select([], "train") == [] and official_only([]) == []


def test_official_takes_are_told_by_name():
    takes = [
        _take("02_01", "cmu02"),
        _take("60_01", "cmu60"),
        _take("HDM_bd_squat1Reps_001_120", "bd"),
        _take("a", "b"),
    ]
    assert [take.name for take in official_only(takes)] == ["02_01", "HDM_bd_squat1Reps_001_120"]


@pytest.mark.real_data
def test_every_take_of_the_open_files_is_listed_by_person_or_by_name(real_file):
    takes = [take for name in ("cmu", "cmu_more") for take in read_npz(real_file(f"data/mocap/{name}.npz"))]
    listed = {
        "train": (TRAIN_SUBJECTS, TRAIN_TAKES),
        "carve-out": (CARVE_OUT_SUBJECTS, frozenset()),
        "test": (TEST_SUBJECTS, TEST_TAKES),
    }
    for take in takes:
        people, names = listed[split_of(take)]
        assert (person_of(take) in people) != (take.name in names), take.name
    assert {take.name for take in takes if take.subject == "cmu8act"} == TRAIN_TAKES | TEST_TAKES
    assert {take.subject for take in takes} - {"cmu8act"} == TRAIN_SUBJECTS | CARVE_OUT_SUBJECTS | TEST_SUBJECTS


@pytest.mark.real_data
def test_official_takes_are_those_of_their_own_skeleton(real_file):
    path = real_file("data/mocap/cmu_more.npz")
    with np.load(path) as archive:
        kind = dict(zip(archive["names"].tolist(), archive["kind"].tolist(), strict=True))
    official = {take.name for take in official_only(read_npz(path))}
    assert {kind[name] for name in official} == {"asf"}
    left_out = {name: kind[name] for name in kind.keys() - official}
    assert {name for name, how in left_out.items() if how not in CONVERTED} == {
        name for name in kind if name.startswith("x_")
    }
    first = {take.subject for take in official_only(read_npz(real_file("data/mocap/cmu.npz")))}
    assert first == {"cmu01", "cmu02"}
