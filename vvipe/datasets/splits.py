"""Which CMU takes train, which choose, which test: by person where the person is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from vvipe.datasets.mocap import MocapSequence

Split = Literal["train", "carve-out", "test"]

CARVE_OUT_SUBJECTS = frozenset({"cmu10", "cmu17", "cmu69", "cmu118", "cmu131", "cmu135"})
"""Every choice (settings, calibration, which checkpoint ships) is made on these people."""
TEST_SUBJECTS = frozenset({"cmu06", "cmu55", "cmu86", "cmu114", "cmu115", "cmu127"})
"""Seen-domain test people: read once a reported figure."""
# The people of the 8-action set are unknown: whole takes are kept aside, two of each repeated action.
TEST_TAKES = frozenset(
    f"8act_train_{action}_{take}" for action in ("jumping", "soccer", "basketball_signal") for take in (4, 5)
)


def split_of(sequence: MocapSequence) -> Split:
    """The part that a take belongs to; takes from other sources than CMU train."""
    if sequence.subject in CARVE_OUT_SUBJECTS:
        return "carve-out"
    if sequence.subject in TEST_SUBJECTS or sequence.name in TEST_TAKES:
        return "test"
    return "train"


def select(sequences: Iterable[MocapSequence], split: Split) -> list[MocapSequence]:
    """The takes of one part."""
    return [sequence for sequence in sequences if split_of(sequence) == split]
