"""ELAN's annotation files (.eaf): tiers of labelled spans, in milliseconds.

The files are read back by pympi-ling in the tests; ELAN itself was not run on them.
"""

from __future__ import annotations

import math
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from poseflow.errors import FileFormatError
from poseflow.formats.milliseconds import span_ms
from poseflow.output import atomic_path
from poseflow.records import Segment

ACTIONS_TIER = "actions"
CONFIDENCE_SUFFIX = " confidence"
"""A tier of that name holds the confidences of the tier that it belongs to, one for each annotation."""
_SPANS, _VALUES = "spans", "values"
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this "
    "interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are "
    "ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Element = ElementTree.Element


def write_elan(path: Path, tiers: Mapping[str, Sequence[Segment]], *, media: str | Path | None = None) -> None:
    """Writes one tier of annotations for each name of `tiers`; a tier may be empty, and its segments may touch.

    Args:
        path: The .eaf to make or replace.
        tiers: Name -> segments by time, without overlaps. Known confidences go to a tier ``NAME confidence``.
        media: The video, linked by its absolute path and by its name.

    Raises:
        ValueError: A segment starts before 0, is shorter than 1 ms, overlaps another of its tier, or a name or label
            holds a character that XML cannot hold.
        OutputError: The file cannot be written.
    """
    document = _document(media)
    time_order = ElementTree.SubElement(document, "TIME_ORDER")
    ids = _Ids()
    for name, segments in tiers.items():
        _add_tier(document, time_order, ids, name, segments)
    time_order[:] = sorted(time_order, key=lambda slot: int(slot.get("TIME_VALUE", "0")))
    header = document.find("HEADER")
    assert header is not None
    ElementTree.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(ids.annotations)
    _add_types(document)
    ElementTree.indent(document, " ")
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(document).write(temporary, encoding="UTF-8", xml_declaration=True)


@dataclass
class _Ids:
    """How many annotations and time slots there are; each has its own number."""

    annotations: int = 0
    slots: int = 0

    def annotation(self) -> str:
        self.annotations += 1
        return f"a{self.annotations}"

    def slot(self) -> str:
        self.slots += 1
        return f"ts{self.slots}"


def _document(media: str | Path | None) -> Element:
    schema = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "poseflow",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            schema: "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = ElementTree.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media is not None:
        video = Path(media)
        ElementTree.SubElement(
            header,
            "MEDIA_DESCRIPTOR",
            MEDIA_URL=video.resolve().as_uri(),
            MIME_TYPE=mimetypes.guess_type(video.name)[0] or "video/mp4",
            RELATIVE_MEDIA_URL=f"./{video.name}",
        )
    return document


def _add_tier(document: Element, time_order: Element, ids: _Ids, name: str, segments: Sequence[Segment]) -> None:
    tier = ElementTree.SubElement(document, "TIER", LINGUISTIC_TYPE_REF=_SPANS, TIER_ID=_xml_text(name))
    confidences: list[tuple[str, float]] = []
    last_end = 0
    for segment in segments:
        start, end = span_ms(segment, "ELAN")
        if start < last_end:
            raise ValueError(f"tier {name!r}: {segment.label!r} at {segment.start_s} s overlaps the one before it")
        last_end = end
        slots = [ids.slot(), ids.slot()]
        for slot, ms in zip(slots, (start, end), strict=True):
            ElementTree.SubElement(time_order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(ms))
        which = ids.annotation()
        holder = ElementTree.SubElement(tier, "ANNOTATION")
        annotation = ElementTree.SubElement(
            holder, "ALIGNABLE_ANNOTATION", ANNOTATION_ID=which, TIME_SLOT_REF1=slots[0], TIME_SLOT_REF2=slots[1]
        )
        ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _xml_text(segment.label)
        if not math.isnan(segment.confidence):
            confidences.append((which, segment.confidence))
    if confidences:
        _add_confidences(document, ids, name, confidences)


def _add_confidences(document: Element, ids: _Ids, name: str, confidences: list[tuple[str, float]]) -> None:
    tier = ElementTree.SubElement(
        document, "TIER", LINGUISTIC_TYPE_REF=_VALUES, PARENT_REF=name, TIER_ID=name + CONFIDENCE_SUFFIX
    )
    for parent, confidence in confidences:
        holder = ElementTree.SubElement(tier, "ANNOTATION")
        annotation = ElementTree.SubElement(
            holder, "REF_ANNOTATION", ANNOTATION_ID=ids.annotation(), ANNOTATION_REF=parent
        )
        ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = repr(float(confidence))


def _add_types(document: Element) -> None:
    add = ElementTree.SubElement
    add(document, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID=_SPANS, TIME_ALIGNABLE="true")
    add(
        document, "LINGUISTIC_TYPE", CONSTRAINTS="Symbolic_Association", GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID=_VALUES, TIME_ALIGNABLE="false",
    )  # fmt: skip
    for stereotype, description in _CONSTRAINTS.items():
        add(document, "CONSTRAINT", DESCRIPTION=description, STEREOTYPE=stereotype)


def _xml_text(text: str) -> str:
    if _NOT_IN_XML.search(text):
        raise ValueError(f"ELAN's files cannot hold the control characters in {text!r}; rename it")
    return text


def read_elan(path: Path, *, tier: str | None = None) -> list[Segment]:
    """The segments of one tier, in the time of the file's first video.

    Args:
        path: An .eaf file.
        tier: Name of the tier; None = the one that has time-aligned annotations.

    Raises:
        FileFormatError: No .eaf, damaged, no such tier, several to choose from, or an annotation without a label or
            without times.
    """
    document = _parse(path)
    slots = _slots(path, document)
    tiers = {element.get("TIER_ID", ""): element for element in document.iter("TIER")}
    chosen = _choose_tier(path, tiers, tier)
    confidences = dict(_confidences(tiers.get(chosen + CONFIDENCE_SUFFIX)))
    shift_s = _media_shift_s(path, document)
    segments = []
    for annotation in tiers[chosen].iter("ALIGNABLE_ANNOTATION"):
        which = annotation.get("ANNOTATION_ID", "")
        start_s, end_s = (_time_s(path, slots, annotation, end) for end in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"))
        label = annotation.findtext("ANNOTATION_VALUE") or ""
        try:
            segment = Segment(start_s + shift_s, end_s + shift_s, label, confidences.get(which, math.nan))
        except ValueError as error:
            raise FileFormatError(
                f"{path}, tier {chosen!r}, annotation {which} at {start_s:g} s: {error}; correct or remove it in ELAN"
            ) from error
        segments.append(segment)
    return segments


def _parse(path: Path) -> Element:
    try:
        document = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise FileFormatError(f"{path}: no ELAN file, cut off, or damaged ({error}); save it again in ELAN") from error
    if document.tag != "ANNOTATION_DOCUMENT":
        raise FileFormatError(f"{path}: expected ELAN's ANNOTATION_DOCUMENT, found {document.tag}; give an .eaf file")
    header = document.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit != "milliseconds":
        raise FileFormatError(f"{path}: times in {unit}; save it in milliseconds, as ELAN does by default")
    return document


def _slots(path: Path, document: Element) -> dict[str, float | None]:
    """Id of each time slot -> its seconds; None = it has no time of its own."""
    slots: dict[str, float | None] = {}
    for slot in document.iter("TIME_SLOT"):
        which, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        slots[which] = None if value is None else _seconds(path, value, f"time slot {which}")
    return slots


def _time_s(path: Path, slots: Mapping[str, float | None], annotation: Element, end: str) -> float:
    slot = annotation.get(end)
    time_s = slots.get(slot) if slot is not None else None
    if time_s is None:
        which = annotation.get("ANNOTATION_ID")
        raise FileFormatError(f"{path}: annotation {which} has no time at its {end}; align it in ELAN")
    return time_s


def _choose_tier(path: Path, tiers: Mapping[str, Element], tier: str | None) -> str:
    aligned = [name for name, element in tiers.items() if element.find(".//ALIGNABLE_ANNOTATION") is not None]
    if tier is not None:
        if tier not in tiers:
            raise FileFormatError(f"{path}: no tier {tier!r}; it has {', '.join(map(repr, tiers)) or 'none'}")
        return tier
    if len(aligned) > 1:
        raise FileFormatError(f"{path}: several tiers have annotations ({', '.join(aligned)}); name one (tier)")
    if not tiers:
        raise FileFormatError(f"{path}: it has no tiers; save it again in ELAN")
    return aligned[0] if aligned else next(iter(tiers))


def _confidences(tier: Element | None) -> Iterator[tuple[str, float]]:
    """(annotation, its confidence) of a tier of confidences; words that somebody wrote there count as not known."""
    for annotation in [] if tier is None else tier.iter("REF_ANNOTATION"):
        text = annotation.findtext("ANNOTATION_VALUE") or ""
        if re.fullmatch(r"0(\.\d*)?|1(\.0*)?|\d(\.\d+)?e-\d+", text.strip()):
            yield annotation.get("ANNOTATION_REF", ""), float(text)


def _media_shift_s(path: Path, document: Element) -> float:
    """Time of the first video at the file's time 0: ELAN may start a video later or earlier (TIME_ORIGIN)."""
    first = document.find("HEADER/MEDIA_DESCRIPTOR")
    return _seconds(path, "0" if first is None else first.get("TIME_ORIGIN", "0"), "TIME_ORIGIN of its video")


def _seconds(path: Path, ms: str, where: str) -> float:
    try:
        return int(ms) / 1000
    except ValueError as error:
        raise FileFormatError(f"{path}: {where}: expected whole milliseconds, found {ms[:40]!r}") from error
