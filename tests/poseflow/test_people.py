from __future__ import annotations

import numpy as np
import pytest

from poseflow.errors import NothingToScoreError
from poseflow.people import PERSON_CHOICES, check_person, choose_people
from poseflow.records import PoseTrack
from vvipe.skeleton import COCO17

FRAME_SIZE = (1000, 500)


def track(
    person_id: int,
    *,
    centre: tuple[float, float] = (500, 250),
    size: tuple[float, float] = (100, 200),
    time_s: np.ndarray | None = None,
    seen: slice = slice(None),
) -> PoseTrack:
    """A person in a box that does not move, seen in the frames of `seen`."""
    time_s = np.arange(30) / 30 if time_s is None else time_s
    n_frames = len(time_s)
    keypoints = np.full((n_frames, 17, 2), np.nan, np.float32)
    boxes = np.full((n_frames, 4), np.nan, np.float32)
    keypoints[seen] = centre
    corner = np.array(size) / 2
    boxes[seen] = np.concatenate([centre - corner, centre + corner])
    scores = np.isfinite(keypoints).all(-1).astype(np.float32)
    return PoseTrack(person_id, COCO17, np.arange(n_frames), time_s, keypoints, scores, boxes, boxes[:, 0] * 0 + 1)


def chosen_ids(tracks: list[PoseTrack], person: str) -> list[int]:
    return [t.person_id for t in choose_people(tracks, person=person, frame_size=FRAME_SIZE)]


LARGE_SHORT = track(1, size=(200, 400), time_s=np.arange(6) / 30, centre=(300, 250))  # 80 000 px² x 0.17 s
MEDIUM = track(2, size=(120, 300), centre=(100, 300))  # 36 000 px² x 0.97 s
SMALL_LONG = track(3, size=(50, 100), time_s=np.arange(60) / 30, centre=(520, 260))  # 5 000 px² x 1.97 s
EVERYBODY = [LARGE_SHORT, MEDIUM, SMALL_LONG]


@pytest.mark.parametrize(
    ("person", "ids"),
    [
        ("auto", [2]),
        ("all", [1, 2, 3]),
        ("largest", [1]),
        ("central", [3]),
        ("longest", [3]),
        ("id:1", [1]),
        ("id:3", [3]),
    ],
)
def test_choice_among_three_people(person: str, ids: list[int]):
    assert chosen_ids(EVERYBODY, person) == ids


def test_default_is_auto():
    assert choose_people(EVERYBODY, frame_size=FRAME_SIZE) == [MEDIUM]


@pytest.mark.parametrize("person", ["auto", "largest", "central", "longest"])
def test_of_equals_the_lowest_id_is_taken(person: str):
    assert chosen_ids([track(2), track(1), track(3)], person) == [1]


def test_longest_counts_seconds_seen_not_frames_and_not_the_span():
    dense = track(1, time_s=np.arange(40) / 60)  # 40 frames, 0.65 s
    sparse = track(2, time_s=np.arange(15) / 15)  # 15 frames, 0.93 s
    gappy = track(3, time_s=np.arange(60) / 30, seen=slice(0, None, 8))  # spans 1.97 s, seen in every 8th frame
    assert chosen_ids([dense, sparse, gappy], "longest") == [2]


def test_gaps_do_not_count_for_size_and_place():
    gappy = track(1, size=(150, 300), seen=slice(0, 5))
    assert chosen_ids([gappy, track(2)], "largest") == [1]
    assert chosen_ids([gappy, track(2, centre=(400, 250))], "central") == [1]


def test_middle_is_that_of_the_picture():
    people = [track(1, centre=(200, 200)), track(2, centre=(600, 200))]
    assert [t.person_id for t in choose_people(people, person="central", frame_size=(400, 400))] == [1]
    assert [t.person_id for t in choose_people(people, person="central", frame_size=(1200, 400))] == [2]


def test_one_frame_chooses_the_larger_person():
    people = [track(1, time_s=np.zeros(1)), track(2, time_s=np.zeros(1), size=(200, 300))]
    assert chosen_ids(people, "auto") == [2]


def test_unknown_id_lists_the_ids():
    with pytest.raises(ValueError, match=r"id 7; the ids are 1, 2, 3"):
        chosen_ids(EVERYBODY, "id:7")


@pytest.mark.parametrize("person", ["biggest", "id:", "id:x", "id:-1", "2", ""])
def test_unknown_choice_lists_the_choices(person: str):
    with pytest.raises(ValueError, match=r"auto, all, largest, central, longest, id:N") as error:
        chosen_ids(EVERYBODY, person)
    assert repr(person) in str(error.value)


@pytest.mark.parametrize("person", ["auto", "all", "id:1"])
def test_nobody_at_all_says_what_to_do(person: str):
    with pytest.raises(NothingToScoreError, match="--detector"):
        chosen_ids([], person)


def test_help_says_what_auto_means():
    assert "longest x largest" in PERSON_CHOICES["auto"]


@pytest.mark.parametrize("person", ["", "everyone", "id:", "id:N", "id:-1", "id:1.5"])
def test_a_rule_that_does_not_exist_is_refused_before_people_are_looked_at(person: str):
    with pytest.raises(ValueError, match="expected one of auto, all, largest"):
        check_person(person)


def test_a_rule_that_is_not_offered_is_refused():
    assert check_person("id:12", ["auto", "id:N"]) == "id:12"
    for person in ("all", "id:12"):
        with pytest.raises(ValueError, match=f"expected one of auto, got '{person}'"):
            check_person(person, ["auto"])
