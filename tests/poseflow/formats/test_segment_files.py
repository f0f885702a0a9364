"""Files of segments: what is written reads back, other programs' readers agree, and damaged files are named."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from urllib.parse import unquote, urlparse

import pandas as pd
import pympi
import pytest

from poseflow.errors import FileFormatError, OutputError
from poseflow.formats import SEGMENT_FORMATS, read_segments, segment_format, write_segments
from poseflow.formats.elan import write_elan
from poseflow.records import Segment

SEGMENTS = [
    Segment(0.0, 1.2344, "squat", 0.875),
    Segment(1.2344, 2.0, 'jump, "high" & <low> --> up'),
    Segment(59.9996, 3725.123, "übung 3", 1.0),
]


def times_and_labels(segments, digits=None):
    return [(round(s.start_s, digits or 9), round(s.end_s, digits or 9), s.label) for s in segments]


@pytest.mark.parametrize("ending", [".json", ".csv", ".eaf"])
def test_what_is_written_reads_back(ending, tmp_path):
    path = tmp_path / f"clip{ending}"
    write_segments(path, reversed(SEGMENTS), media="clip.mp4")
    found = read_segments(path)
    digits = 3 if ending == ".eaf" else None
    assert times_and_labels(found) == times_and_labels(SEGMENTS, digits)
    assert [s.confidence for s in found] == pytest.approx([0.875, math.nan, 1.0], nan_ok=True)


@pytest.mark.parametrize("ending", [".json", ".csv", ".eaf", ".vtt", ".parquet", ".label-studio.json"])
def test_no_segments_make_a_file_without_segments(ending, tmp_path):
    path = tmp_path / f"clip{ending}"
    write_segments(path, [])
    assert path.stat().st_size > 0
    if ending in (".json", ".csv", ".eaf"):
        assert read_segments(path) == []


def test_parquet_is_a_table_for_pandas(tmp_path):
    write_segments(tmp_path / "clip.parquet", SEGMENTS)
    table = pd.read_parquet(tmp_path / "clip.parquet")
    assert list(table.columns) == ["start_s", "end_s", "label", "confidence"]
    assert table["start_s"].tolist() == [s.start_s for s in SEGMENTS]
    assert table["label"].tolist() == [s.label for s in SEGMENTS]
    assert table["confidence"].isna().tolist() == [False, True, False]


def test_csv_has_one_line_a_segment_under_its_header(tmp_path):
    write_segments(tmp_path / "clip.csv", SEGMENTS)
    with (tmp_path / "clip.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["start_s", "end_s", "label", "confidence"]
    assert rows[2] == ["1.2344", "2.0", SEGMENTS[1].label, ""]


def test_elan_is_read_by_pympi_with_the_same_tiers_labels_and_times(tmp_path):
    repetitions = [Segment(0.1, 0.6, "1"), Segment(0.6, 1.1, "2")]
    video = tmp_path / "a clip.mp4"
    write_elan(tmp_path / "clip.eaf", {"actions": SEGMENTS, "repetitions": repetitions}, media=video)
    eaf = pympi.Elan.Eaf(str(tmp_path / "clip.eaf"))
    assert list(eaf.get_tier_names()) == ["actions", "actions confidence", "repetitions"]
    for tier, segments in (("actions", SEGMENTS), ("repetitions", repetitions)):
        expected = [(round(s.start_s * 1000), round(s.end_s * 1000), s.label) for s in segments]
        assert sorted(eaf.get_annotation_data_for_tier(tier)) == expected
    parents = [(start, value) for start, _, value, *_ in eaf.get_ref_annotation_data_for_tier("actions confidence")]
    assert parents == [(0, "0.875"), (60000, "1.0")]
    slots = re.findall(r'TIME_VALUE="(\d+)"', (tmp_path / "clip.eaf").read_text(encoding="utf-8"))
    assert slots == sorted(slots, key=int) and len(slots) == 10  # ELAN lists them in the order of time
    (linked,) = eaf.get_linked_files()
    assert unquote(urlparse(linked["MEDIA_URL"]).path) == str(video)
    assert (linked["RELATIVE_MEDIA_URL"], linked["MIME_TYPE"]) == ("./a clip.mp4", "video/mp4")


def test_an_elan_file_of_pympi_is_read(tmp_path):
    eaf = pympi.Elan.Eaf()
    eaf.add_tier("labels")
    eaf.add_annotation("labels", 250, 1500, "walk")
    eaf.add_annotation("labels", 2000, 2750, "run")
    eaf.add_tier("empty")
    eaf.to_file(str(tmp_path / "theirs.eaf"))
    assert times_and_labels(read_segments(tmp_path / "theirs.eaf")) == [(0.25, 1.5, "walk"), (2.0, 2.75, "run")]


def test_the_tier_of_an_elan_file_can_be_chosen_and_must_be(tmp_path):
    path = tmp_path / "two.eaf"
    write_elan(path, {"left hand": [Segment(0, 1, "up")], "right hand": [Segment(0.5, 2, "down")]})
    assert times_and_labels(read_segments(path, tier="right hand")) == [(0.5, 2.0, "down")]
    with pytest.raises(FileFormatError, match="left hand, right hand"):
        read_segments(path)
    with pytest.raises(FileFormatError, match="no tier 'foot'"):
        read_segments(path, tier="foot")


def test_a_video_that_elan_starts_later_keeps_its_own_time(tmp_path):
    path = tmp_path / "clip.eaf"
    write_segments(path, [Segment(1, 2, "squat")], media="clip.mp4")
    path.write_text(path.read_text().replace("<MEDIA_DESCRIPTOR", '<MEDIA_DESCRIPTOR TIME_ORIGIN="1500"'))
    assert times_and_labels(read_segments(path)) == [(2.5, 3.5, "squat")]


STAMP = r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"
CUE = re.compile(rf"(?P<id>[^\n]+)\n(?P<start>{STAMP}) --> (?P<end>{STAMP})\n(?P<text>[^\n]+)")


def parse_webvtt(text):
    """(start_s, end_s, text) of the cues, by the grammar of a WebVTT file body (W3C WebVTT, section 4.1)."""
    assert text.startswith("WEBVTT\n") and text.endswith("\n") and "\0" not in text
    cues = []
    for block in re.split(r"\n{2,}", text.rstrip("\n"))[1:]:
        if block.startswith("NOTE "):
            assert "-->" not in block
            continue
        match = CUE.fullmatch(block)
        assert match, block
        assert "-->" not in match["id"] + match["text"]
        assert not re.search(r"[<>]|&(?!(amp|lt|gt|lrm|rlm|nbsp);)", match["text"])
        start, end = (
            sum(float(part) * unit for part, unit in zip(match[which].split(":"), (3600, 60, 1), strict=True))
            for which in ("start", "end")
        )
        assert end > start
        plain = match["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        cues.append((round(start, 3), round(end, 3), plain))
    return cues


def test_webvtt_obeys_its_grammar_and_tells_the_same(tmp_path):
    write_segments(tmp_path / "clip.vtt", SEGMENTS, media="odd --> name\n\n.mp4")
    assert parse_webvtt((tmp_path / "clip.vtt").read_text(encoding="utf-8")) == times_and_labels(SEGMENTS, 3)


def test_a_label_of_several_lines_is_one_line_in_webvtt(tmp_path):
    write_segments(tmp_path / "clip.vtt", [Segment(0, 100 * 3600.0, "a\n\nb")])
    assert parse_webvtt((tmp_path / "clip.vtt").read_text(encoding="utf-8")) == [(0, 360000, "a b")]


def test_label_studio_gets_one_region_a_segment_in_frames_from_one(tmp_path):
    path = tmp_path / "clip.label-studio.json"
    write_segments(path, [Segment(0, 2, "squat", 0.5), Segment(2, 2.04, "rest")], media="clip.mp4", fps=25)
    (task,) = json.loads(path.read_text())
    assert task["data"] == {"video": "clip.mp4", "fps": 25}
    regions = task["predictions"][0]["result"]
    assert [region["value"] for region in regions] == [
        {"ranges": [{"start": 1, "end": 50}], "timelinelabels": ["squat"]},
        {"ranges": [{"start": 51, "end": 51}], "timelinelabels": ["rest"]},
    ]
    assert {(r["type"], r["from_name"], r["to_name"]) for r in regions} == {("timelinelabels", "actions", "video")}
    assert len({region["id"] for region in regions}) == 2
    assert [region.get("score") for region in regions] == [0.5, None]


def test_the_format_can_be_named_whatever_the_ending(tmp_path):
    write_segments(tmp_path / "labels.txt", SEGMENTS, format="csv")
    assert times_and_labels(read_segments(tmp_path / "labels.txt", format="csv")) == times_and_labels(SEGMENTS)
    assert {segment_format("clip.label-studio.json"), segment_format("CLIP.EAF")} == {"label-studio", "elan"}


def test_the_output_of_the_segment_command_and_a_bare_list_are_read(tmp_path):
    told = {"segments": [{"start_s": 1, "end_s": 2.5, "label": "squat", "confidence": None}], "signature": "x"}
    for content in (told, told["segments"]):
        (tmp_path / "told.json").write_text(json.dumps(content))
        assert times_and_labels(read_segments(tmp_path / "told.json")) == [(1.0, 2.5, "squat")]


def test_columns_of_a_csv_come_in_any_order_and_confidence_is_optional(tmp_path):
    (tmp_path / "mine.csv").write_text("\ufefflabel,who,end_s,start_s\nsquat,me,2,1\n\n", encoding="utf-8")
    assert times_and_labels(read_segments(tmp_path / "mine.csv")) == [(1.0, 2.0, "squat")]


@pytest.mark.parametrize("name", ["clip.xlsx", "clip", "clip.mp4"])
def test_an_unknown_ending_is_wrong_usage(name, tmp_path):
    for refuse in (lambda: write_segments(tmp_path / name, SEGMENTS), lambda: read_segments(tmp_path / name)):
        with pytest.raises(ValueError, match=r"\.eaf"):
            refuse()
    with pytest.raises(ValueError, match="webvtt"):
        write_segments(tmp_path / name, SEGMENTS, format="word")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", SEGMENT_FORMATS)
def test_overlapping_segments_are_refused_and_nothing_is_written(format, tmp_path):
    overlapping = [Segment(0, 2, "squat"), Segment(1.9, 3, "jump")]
    with pytest.raises(ValueError, match="overlap.*squat.*jump"):
        write_segments(tmp_path / "out", overlapping, format=format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", SEGMENT_FORMATS)
def test_an_unwritable_output_is_named(format, tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_segments(tmp_path / "nowhere" / "out", SEGMENTS, format=format)


@pytest.mark.parametrize("format", ["elan", "webvtt", "label-studio"])
@pytest.mark.parametrize("segment", [Segment(-1, 1, "early"), Segment(1.0, 1.0001, "blink")])
def test_what_a_format_cannot_tell_is_refused(format, segment, tmp_path):
    with pytest.raises(ValueError, match=segment.label):
        write_segments(tmp_path / "out", [segment], format=format)
    assert not list(tmp_path.iterdir())


def test_control_characters_are_refused_where_xml_cannot_hold_them(tmp_path):
    with pytest.raises(ValueError, match="control characters"):
        write_segments(tmp_path / "out.eaf", [Segment(0, 1, "bell\a")])


@pytest.mark.parametrize("fps", [0, -5, math.inf, math.nan])
def test_label_studio_needs_a_frame_rate(fps, tmp_path):
    with pytest.raises(ValueError, match="fps"):
        write_segments(tmp_path / "a.label-studio.json", SEGMENTS, fps=fps)


@pytest.mark.parametrize("name", ["a.vtt", "a.parquet", "a.label-studio.json"])
def test_what_is_only_written_says_so(name, tmp_path):
    with pytest.raises(ValueError, match="written, not read"):
        read_segments(tmp_path / name)


ROW = "start_s,end_s,label,confidence\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"segments": [{"start_s": 1', "line 1"),
        ("a.json", "3", "list of segments"),
        ("a.json", '{"segments": [{"start_s": 1, "end_s": 2}]}', "segment 0: no label"),
        ("a.json", '[{"start_s": 2, "end_s": 1, "label": "x"}]', "segment 0: .*before"),
        ("a.json", '[{"start_s": "soon", "end_s": 1, "label": "x"}]', "segment 0: .*soon"),
        ("a.json", '[{"start_s": 0, "end_s": 1, "label": "x", "confidence": 7}]', "0 to 1"),
        ("a.json", '{"format_version": 99, "segments": []}', "version 99"),
        ("a.csv", "", "no column start_s"),
        ("a.csv", "start_s,label\n1,x\n", "no column end_s"),
        ("a.csv", ROW + "1,2\n", "line 2: expected 4 cells"),
        ("a.csv", ROW + "1,zwei,x,\n", "line 2"),
        ("a.csv", ROW + "nan,2,x,\n", "line 2.*finite"),
        ("a.csv", ROW + "0,2,x,\n1,3,y,\n", "overlap"),
        ("a.eaf", "", "no ELAN file"),
        ("a.eaf", "<ANNOTATION_DOCUMENT><TIER", "damaged"),
        ("a.eaf", "<html/>", "found html"),
        ("a.eaf", "<ANNOTATION_DOCUMENT/>", "no tiers"),
        ("a.eaf", '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="PAL-frames"/></ANNOTATION_DOCUMENT>', "PAL-frames"),
    ],
)
def test_damaged_files_are_named_with_what_is_wrong(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_segments(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('TIME_VALUE="1000"', "", "no time at its TIME_SLOT_REF1; align it"),
        ('TIME_VALUE="1000"', 'TIME_VALUE="soon"', "'soon'"),
        ('TIME_VALUE="1000"', 'TIME_VALUE="2000"', "before end_s"),
        ('TIME_SLOT_REF2="ts2"', 'TIME_SLOT_REF2="ts9"', "no time at its TIME_SLOT_REF2"),
        (">squat<", "><", "annotation a1 at 1 s.*label"),
        ("<MEDIA_DESCRIPTOR", '<MEDIA_DESCRIPTOR TIME_ORIGIN="x"', "TIME_ORIGIN"),
        ("</ANNOTATION_DOCUMENT>", "", "damaged"),
    ],
)
def test_a_damaged_elan_file_is_named_with_what_is_wrong(old, new, message, tmp_path):
    path = tmp_path / "clip.eaf"
    write_segments(path, [Segment(1, 2, "squat")], media="clip.mp4")
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        read_segments(path)


def test_a_missing_file_and_a_tier_without_elan_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        read_segments(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="tier"):
        read_segments(tmp_path / "a.csv", tier="x")


@pytest.mark.parametrize(
    "change",
    [{"end_s": 0.0}, {"start_s": math.nan}, {"end_s": math.inf}, {"label": " "}, {"confidence": 1.5}],
)
def test_a_segment_checks_itself(change):
    with pytest.raises(ValueError, match="Segment"):
        replace(Segment(0.0, 1.0, "squat"), **change)
