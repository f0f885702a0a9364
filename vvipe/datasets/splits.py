"""Which CMU takes train, which choose, which test: by person where the person is known, by take where not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.people import person_id
from vvipe.datasets.rebuild import CMU, HDM05

Split = Literal["train", "carve-out", "test"]

TRAIN_SUBJECTS = frozenset(
    {"cmu01", "cmu02", "cmu05", "cmu07", "cmu08", "cmu09", "cmu13", "cmu14", "cmu16", "cmu29", "cmu49"}
    | {"cmu60", "cmu61", "cmu64", "cmu85", "cmu91", "cmu94", "cmu137", "cmu_gs1", "cmu_gs2", "cmu_gs3"}
)
CARVE_OUT_SUBJECTS = frozenset({"cmu10", "cmu17", "cmu69", "cmu118", "cmu131", "cmu135"})
"""Every choice (settings, calibration, which checkpoint ships) is made on these people."""
TEST_SUBJECTS = frozenset({"cmu06", "cmu55", "cmu86", "cmu114", "cmu115", "cmu127"})
"""Seen-domain test people: read once a reported figure."""
PARTNERS = (frozenset({"cmu60", "cmu61"}),)
"""People who dance the same takes together; they stay in one part."""


def _takes(**numbers: Iterable[int]) -> frozenset[str]:
    return frozenset(f"8act_train_{action}_{take}" for action, takes in numbers.items() for take in takes)


# The people of the 8-action set are unknown: whole takes are kept aside, two of each repeated action.
TEST_TAKES = _takes(jumping=(4, 5), soccer=(4, 5), basketball_signal=(4, 5))
TRAIN_TAKES = _takes(
    jumping=(1, 2, 3),
    soccer=(1, 2, 3),
    basketball_signal=(1, 2, 3),
    directing_traffic=(1, 4),
    running=range(1, 6),
    walking=(4, 5, *range(13, 53)),
)


def person_of(sequence: MocapSequence) -> str:
    """The person of a take under the name that the lists above use."""
    return person_id(sequence.subject, sequence.name)


def split_of(sequence: MocapSequence) -> Split:
    """The part that a take belongs to; people that the lists do not name (other sources than CMU) train."""
    person = person_of(sequence)
    if person in CARVE_OUT_SUBJECTS:
        return "carve-out"
    if person in TEST_SUBJECTS or sequence.name in TEST_TAKES:
        return "test"
    return "train"


def select(sequences: Iterable[MocapSequence], split: Split) -> list[MocapSequence]:
    """The takes of one part."""
    return [sequence for sequence in sequences if split_of(sequence) == split]


def official_only(sequences: Iterable[MocapSequence]) -> list[MocapSequence]:
    """The takes that the official ASF/AMC files of CMU and HDM05 give exactly, which anyone can rebuild.

    Left out are takes that came through other programs (kinds bvh, fbx24, daz, mannequin30 and clip of
    cmu_more.npz; subjects 05 and 06 and the 8-action set of cmu.npz) and takes whose CMU number is unknown.
    """
    names = {take.name for source in (CMU, HDM05) for take in source.takes}
    return [sequence for sequence in sequences if sequence.name in names]
