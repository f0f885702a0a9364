"""The pages of count and segment in a real browser, from disk: by click and key, in light and dark, escaped."""

from __future__ import annotations

import pytest
from report_clips import REF_TIMES_S, embedded_person

from poseflow.records import Segment
from poseflow.repetition_page import write_count_report
from poseflow.repetitions import Repetition
from poseflow.report import write_clip_report
from poseflow.segment import Timeline
from poseflow.segment_output import (
    LabelledRepetition,
    timeline_details_html,
    timeline_lanes,
    timeline_summary_html,
)
from vvipe import Embedder

TOLERANCE_S = 0.05
NASTY = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\'&quot;'
REPETITIONS = (
    Repetition(1.0, 2.0, 100.0, None, 0.0),
    Repetition(2.0, 3.2, 61.4, "left_wrist", 0.31),
    Repetition(3.5, 4.5, 83.0, "right_knee", 0.12),
)


@pytest.fixture(scope="module")
def clip():
    return embedded_person(REF_TIMES_S, Embedder.from_pretrained(), source="saved.mp4")


@pytest.fixture(scope="module")
def count_page(tmp_path_factory, clip):
    return write_count_report(tmp_path_factory.mktemp("page") / "a count #1.html", clip, REPETITIONS, person_id=1)


@pytest.fixture(scope="module")
def segment_page(tmp_path_factory, clip):
    segments = (Segment(0.5, 2.0, "squat", 0.9), Segment(2.0, 4.0, NASTY, 0.8), Segment(4.0, 5.0, "squat", 0.7))
    timeline = Timeline(segments, 1, (1.0, 3.0, 4.5), "signature")
    counted = [LabelledRepetition(NASTY, r) for r in REPETITIONS]
    return write_clip_report(
        tmp_path_factory.mktemp("page") / "segments.html",
        clip,
        person_id=1,
        lanes=timeline_lanes(timeline, counted),
        summary_html=timeline_summary_html(timeline, counted),
        details_html=timeline_details_html(timeline, counted),
    )


def opened(browser, files, **device):
    browser.set_size(**({"width": 1280, "height": 900} | device)).open(files.page)
    return browser


def shown_s(page):
    page.run("poseflow.player.clock.settled()")
    return page.run("poseflow.player.clock.times()")[0]


def test_the_strip_has_a_span_for_each_repetition_and_the_least_alike_stands_out(browser, count_page):
    page = opened(browser, count_page)
    spans = page.run("[...document.querySelectorAll('.span')].map((e) => [e.textContent, e.className, e.title])")
    assert [text for text, _, _ in spans] == ["100", "61", "83"]
    assert ["span-1" in name for _, name, _ in spans] == [False, True, False]
    assert "farthest off: left wrist, 0.31 torso lengths" in spans[1][2]
    assert "The least alike is no. 2" in page.run("document.querySelector('header').textContent")


def test_a_row_of_the_table_and_a_span_seek_to_the_repetition(browser, count_page):
    page = opened(browser, count_page)
    page.click("[data-at='3.500']")
    assert shown_s(page) == pytest.approx(3.5, abs=TOLERANCE_S)
    page.click(".span:nth-child(2)")
    assert shown_s(page) == pytest.approx(2.0, abs=TOLERANCE_S)


def test_arrows_go_from_repetition_to_repetition(browser, count_page):
    page = opened(browser, count_page)
    page.run("document.querySelector('.span').focus()")
    page.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
    page.run("document.activeElement.click()")
    assert page.run("document.activeElement.textContent") == "61"
    assert shown_s(page) == pytest.approx(2.0, abs=TOLERANCE_S)


@pytest.mark.parametrize("is_dark", [False, True])
def test_pages_are_read_in_light_and_dark_and_complain_of_nothing(browser, count_page, segment_page, is_dark):
    for files in (count_page, segment_page):
        page = opened(browser, files, is_dark=is_dark)
        ground, ink = page.run(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
            ".map((c) => c.match(/\\d+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0) / 3)"
        )
        assert (ground < ink) == is_dark and abs(ground - ink) > 120
        assert page.complaints() == []


def test_labels_are_text_and_equal_labels_have_one_colour(browser, segment_page):
    page = opened(browser, segment_page)
    spans = page.run(
        "[...document.querySelectorAll('.lane:first-child .span')].map((e) => [e.textContent, e.className])"
    )
    assert [text for text, _ in spans] == ["squat", NASTY, "squat"]
    assert spans[0][1] == spans[2][1] != spans[1][1]
    assert page.run("window.hacked") is None
    assert page.complaints() == []


def test_a_segment_shows_its_key_moment(browser, segment_page):
    page = opened(browser, segment_page)
    page.click("[data-at='4.500']")
    assert shown_s(page) == pytest.approx(4.5, abs=TOLERANCE_S)


def test_a_page_without_repetitions_says_so(browser, tmp_path, clip):
    page = opened(browser, write_count_report(tmp_path / "none.html", clip, (), person_id=1))
    assert "No repetition" in page.run("document.querySelector('header').textContent")
    assert page.complaints() == []
