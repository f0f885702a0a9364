"""One name for each person, however a file or folder says it, so that a split by person holds across sources."""

from __future__ import annotations

import re

_CMU = re.compile(r"(?:amass/)?cmu[_/]?0*(\d+)", re.IGNORECASE)
_CMU_TAKE = re.compile(r"(cmu_)?0*(\d{1,3})_\d{2}(?:\D.*)?", re.IGNORECASE)
_HDM05 = re.compile(r"HDM_([a-z]{2})(?:_.*)?")


def person_id(subject: str, take: str = "") -> str:
    """The person's id: ``cmu02`` for subject 2 of CMU, ``bd`` for actor bd of HDM05, else `subject` as it is.

    CMU's people are told by the database's own names: skeleton ``02`` with take ``02_01`` (ASF/AMC and conversions
    to BVH), ``cmu02``, ``cmu_02``, and ``amass/CMU/02`` of AMASS's copy.

    Args:
        subject: As the file, its name or its folder says.
        take: Name of the take; without it a bare number is nobody's.
    """
    if known := _CMU.fullmatch(subject):
        return f"cmu{int(known[1]):02d}"
    if known := _HDM05.fullmatch(subject):
        return known[1]
    of_cmu = _CMU_TAKE.fullmatch(take)
    if of_cmu and (of_cmu[1] or (subject.isdecimal() and int(subject) == int(of_cmu[2]))):
        return f"cmu{int(of_cmu[2]):02d}"
    return subject
