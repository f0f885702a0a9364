"""Under what terms motion capture is had, for the card of a model that was trained on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vvipe.datasets.mocap import MocapSequence
from vvipe.datasets.splits import person_of

UNKNOWN = "unknown: yours to state"
_CMU_PERSON = re.compile(r"cmu(\d+|8act|_gs\d+)")


@dataclass(frozen=True)
class DataLicence:
    """The terms of one source, and what it asks to be said where it is used."""

    source: str
    licence: str
    acknowledgement: str


CMU = DataLicence(
    "CMU Graphics Lab Motion Capture Database",
    "free for all uses: may be copied, modified and redistributed; the data itself may not be resold",
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217.",
)
HDM05 = DataLicence(
    "HDM05",
    "CC BY-SA 3.0",
    "M. Müller, T. Röder, M. Clausen, B. Eberhardt, B. Krüger, A. Weber: Documentation Mocap Database HDM05, "
    "Universität Bonn, CG-2007-2, 2007.",
)
AMASS = DataLicence(
    "AMASS",
    "AMASS licence: non-commercial research only (amass.is.tue.mpg.de), and the licences of the body model and of the "
    "data sets in it",
    "N. Mahmood, N. Ghorbani, N. F. Troje, G. Pons-Moll, M. J. Black: AMASS: Archive of Motion Capture as Surface "
    "Shapes, ICCV 2019; and the papers of the data sets in it.",
)


def licence_of(take: MocapSequence) -> DataLicence | None:
    """The terms of the source that the take's name and person tell; None for any other source."""
    if take.subject.startswith("amass/"):
        return AMASS
    if take.name.startswith("HDM_"):
        return HDM05
    return CMU if _CMU_PERSON.fullmatch(person_of(take)) else None


def licence_entries(takes: Iterable[MocapSequence], *, stated: str | None = None) -> list[dict[str, Any]]:
    """For each source, its name, number of takes, licence and acknowledgement, as a card has them.

    Args:
        stated: The licence of takes from sources that are not known here; None = `UNKNOWN`.
    """
    counts: dict[DataLicence | None, int] = {}
    for take in takes:
        licence = licence_of(take)
        counts[licence] = counts.get(licence, 0) + 1
    other = DataLicence("other", stated or UNKNOWN, "")
    return [
        {
            "source": (known or other).source,
            "takes": count,
            "licence": (known or other).licence,
            "acknowledgement": (known or other).acknowledgement,
        }
        for known, count in counts.items()
    ]
