"""The page of a match in a real browser, from disk: in step, by click and key, in light and dark, on a phone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from report_clips import QUERY_TIMES_S, REF_TIMES_S, SIZE, distance_to_path, embedded_person, known_match, known_steps

from poseflow.report import write_clip_report, write_report
from poseflow.report.sync_path import matched_path
from poseflow.report.timeline import Lane, Span
from vvipe import Embedder

from ..clips import numbered_picture, write_clip

TOLERANCE_S = 0.05
NASTY = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\'&quot;'
VIDEO_TIMES = "[...document.querySelectorAll('video')].map((video, i) => video.currentTime + page.clips[i].videoStart)"


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture(scope="module")
def clips(embedder):
    return tuple(embedded_person(t, embedder, source="saved.mp4") for t in (REF_TIMES_S, QUERY_TIMES_S))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Films whose pictures spell their own numbers; the names try to break out of the page."""
    folder = tmp_path_factory.mktemp("videos")
    names = ('teacher <img src=x onerror=window.hacked=1>".mp4', "student's & co.mp4")
    size = {"width": SIZE[0], "height": SIZE[1]}
    return tuple(
        write_clip(folder / name, times_s=times_s, pictures=[numbered_picture(i, **size) for i in range(len(times_s))])
        for name, times_s in zip(names, (REF_TIMES_S, QUERY_TIMES_S), strict=True)
    )


@pytest.fixture(scope="module")
def write(tmp_path_factory, clips, videos, embedder):
    """Writes the report of the known match; `changes` are of its JSON."""

    def make(*, with_videos=True, max_bytes=25_000_000, video=True, **changes):
        paths = {"ref_video": videos[0], "query_video": videos[1]} if with_videos else {}
        path = tmp_path_factory.mktemp("page") / "a report #1.html"
        return write_report(
            path, known_match(**changes), *clips, embedder=embedder, video=video, max_bytes=max_bytes, **paths
        )

    return make


@pytest.fixture(scope="module")
def report(write):
    return write()


@pytest.fixture
def page(browser, report):
    return opened(browser, report)


def opened(browser, files, **device):
    browser.set_size(**({"width": 1280, "height": 900} | device)).open(files.page)
    browser.run("window.page = poseflow.data(); 0")
    return browser


def times_of(page):
    """Times of the two videos in seconds of their sources."""
    return page.run(VIDEO_TIMES)


def assert_on_path(ref_s, query_s):
    assert distance_to_path(ref_s, query_s, known_steps()) <= TOLERANCE_S


def test_at_twenty_seek_points_both_clips_are_on_the_path(page):
    steps = known_steps()
    path = matched_path(steps[:, 0], steps[:, 1])
    for position in np.linspace(0, path.duration_s, 20):
        page.run(f"poseflow.player.clock.seek({position})")
        ref_s, query_s = times_of(page)
        assert (ref_s, query_s) == pytest.approx(path.times_at(position), abs=TOLERANCE_S)
        assert_on_path(ref_s, query_s)


def test_a_seek_shows_the_picture_of_that_moment(page):
    code = """(async () => {
      await poseflow.player.clock.seek(%f);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return [...document.querySelectorAll('video')].map((video) => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0);
        const row = context.getImageData(0, canvas.height >> 1, canvas.width, 1).data;
        const middles = Array.from({length: 8}, (_, bar) => Math.round((bar + 0.5) * canvas.width / 8));
        return middles.reduce((number, x) => 2 * number + (row[4 * x] > 128), 0);
      });
    })()"""
    for position in (0.35, 2.17, 3.4, 5.51, 7.1):
        numbers = page.run(code % position)
        for number, time_s, all_s in zip(numbers, times_of(page), (REF_TIMES_S, QUERY_TIMES_S), strict=True):
            assert number in np.searchsorted(all_s, [time_s - 1e-3, time_s + 1e-3], side="right") - 1


def test_during_five_seconds_of_play_both_clips_stay_on_the_path(page):
    samples = page.run(
        f"""new Promise((resolve) => {{
          const clock = poseflow.player.clock;
          const samples = [];
          const look = () => {{
            const position = clock.position;
            samples.push([position, clock.timeAt(0, position), clock.timeAt(1, position), ...{VIDEO_TIMES}]);
            if (clock.isPlaying && position < 5.2) requestAnimationFrame(look);
            else {{ clock.pause(); resolve(samples); }}
          }};
          clock.seek(0.1).then(() => {{ clock.play(); look(); }});
        }})"""
    )
    positions = [sample[0] for sample in samples]
    assert positions[-1] - positions[0] >= 5
    assert len(samples) >= 25
    for _, ref_due, query_due, ref_s, query_s in samples:
        assert (ref_s, query_s) == pytest.approx((ref_due, query_due), abs=TOLERANCE_S)
        assert_on_path(ref_s, query_s)


def test_half_speed_takes_twice_as_long(page):
    page.click("[aria-label^='Half speed']")
    moved, took = page.run(
        """new Promise((resolve) => {
          const clock = poseflow.player.clock;
          clock.seek(1).then(() => {
            clock.play();
            const [began, from] = [performance.now(), clock.position];
            setTimeout(() => resolve([clock.position - from, (performance.now() - began) / 1000]), 1500);
          });
        })"""
    )
    page.run("poseflow.player.clock.pause()")
    assert 0.2 * took < moved <= 0.5 * took + 0.02  # less where the machine is too slow to keep up


@pytest.mark.parametrize("by_key", [False, True])
def test_a_line_of_feedback_takes_both_clips_to_its_moment(page, by_key):
    if by_key:
        page.run("document.querySelector(\"[data-line='0']\").focus()")
        page.press("Enter", text="\r")
    else:
        page.click("[data-line='0']")
    page.run("poseflow.player.clock.settled()")
    ref_s, query_s = times_of(page)
    assert query_s == pytest.approx(5.8, abs=TOLERANCE_S)
    assert ref_s == pytest.approx(3.7 + (5.8 - 3.0) / 1.4, abs=TOLERANCE_S)
    assert page.run("document.querySelector(\"[data-line='0']\").getAttribute('aria-current')") == "true"


def test_stills_and_spans_of_the_strip_seek_too(page):
    page.click("#stills li:nth-child(2) button")
    page.run("poseflow.player.clock.settled()")
    assert page.run("poseflow.player.clock.position") == pytest.approx(page.run("page.stills[1].position"), abs=1e-3)
    page.click(".span[aria-label*='left knee']")
    page.run("poseflow.player.clock.settled()")
    assert times_of(page)[1] == pytest.approx(1.0, abs=TOLERANCE_S)


def test_keys_play_pause_step_and_scrub(page):
    page.run("document.activeElement.blur(); poseflow.player.clock.seek(2)")
    page.press(" ", text=" ")
    page.wait_for("poseflow.player.clock.isPlaying && poseflow.player.clock.position > 2.1")
    page.press(" ", text=" ")
    page.wait_for("!poseflow.player.clock.isPlaying")
    page.run("poseflow.player.clock.seek(2)")
    page.press(".", text=".")
    assert page.run("poseflow.player.clock.position") == pytest.approx(2 + 1 / 30, abs=1e-3)
    page.run("document.querySelector('.scrub').focus()")
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert page.run("poseflow.player.clock.position") == pytest.approx(2 - 1 / 30, abs=1e-3)
    assert "Query" in page.run("document.querySelector('.scrub').getAttribute('aria-valuetext')")


def test_every_control_is_reached_by_tab_has_a_name_and_shows_its_focus(page):
    page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = []
    for _ in range(60):
        page.press("Tab")
        seen = page.run(
            """(() => {
              const e = document.activeElement;
              if (e === document.body) return null;
              const name = e.getAttribute('aria-label') || e.textContent.trim();
              return [e.tagName + '.' + e.className, name, getComputedStyle(e).outlineStyle];
            })()"""
        )
        if seen is None:
            break
        reached.append(seen)
    assert all(name and outline != "none" for _, name, outline in reached)
    kinds = {kind for kind, _, _ in reached}
    assert {"BUTTON.play", "INPUT.scrub", "BUTTON.line", "CANVAS.figure3d"} <= kinds
    assert sum(kind.startswith("BUTTON.span") for kind, _, _ in reached) == 1  # the strip is one stop


def test_the_3d_view_turns_by_keys_and_by_dragging(page):
    picture = "document.querySelector('.figure3d').toDataURL()"
    seen = {page.run(picture)}
    page.run("document.querySelector('.figure3d').focus()")
    for key in ("ArrowLeft", "ArrowUp"):
        page.press(key)
        seen.add(page.run(picture))
    x, y = page.run("(({ x, y }) => [x + 80, y + 80])(document.querySelector('.figure3d').getBoundingClientRect())")
    for kind, moved in (("mousePressed", 0), ("mouseMoved", 60), ("mouseReleased", 60)):
        page.call("Input.dispatchMouseEvent", type=kind, x=x + moved, y=y, button="left", buttons=1, clickCount=1)
    seen.add(page.run(picture))
    assert len(seen) == 4


def test_the_3d_view_projects_as_an_eye_that_walks_around(page):
    def place(point, turn, tilt):
        return page.run(f"poseflow.project3d({list(point)}, {turn}, {tilt})")

    assert place((0, 0, 1), 0, 0) == pytest.approx([0, -1, 0])  # up the spine is up
    assert place((0, -1, 0), 0, 0) == pytest.approx([1, 0, 0])  # from the front their left is on the right
    assert place((-1, 0, 0), np.pi / 2, 0) == pytest.approx([-1, 0, 0], abs=1e-9)  # from their left the front is left
    assert place((-3, 0, 0), 0, 0)[2] == pytest.approx(-3)  # who faces us is nearer
    assert place((-1, 0, 0), 0, np.pi / 2)[1] == pytest.approx(1)  # from above the front is below


def test_nothing_complains_and_nothing_is_fetched(page):
    page.click("[data-line='1']")
    page.click(".play")
    page.wait_for("poseflow.player.clock.position > 1.2")
    page.click(".play")
    assert page.complaints() == []


def test_strings_of_others_stay_strings(browser, write):
    line = {"start_s": 1.0, "end_s": 2.0, "joint": NASTY, "text": NASTY, "delta_deg": None}
    page = opened(browser, write(feedback=[line], signature=NASTY, joints=[{"joint": NASTY, NASTY: 1.0}], tempo=None))
    assert page.run("window.hacked") is None
    assert page.run("document.querySelector('[data-line]').textContent") == NASTY
    assert page.run("document.querySelector('.stage .name').textContent").startswith("teacher <img src=x")
    assert page.run("document.querySelectorAll('img').length") == 0
    assert page.complaints() == []


def test_a_phone_needs_no_scrolling_sideways(browser, report):
    page = opened(browser, report, width=360, height=780, is_phone=True)
    assert page.run("document.documentElement.scrollWidth") <= 360
    sizes = page.run(
        "[...document.querySelectorAll('.controls button, .line')].map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44  # a fingertip


def test_light_and_dark_follow_the_system(browser, report):
    code = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    light = opened(browser, report).run(code)
    dark = opened(browser, report, is_dark=True).run(code)
    assert min(light) > 200
    assert max(dark) < 60


def test_nothing_moves_by_itself_where_motion_is_unwanted(browser, report):
    page = opened(browser, report, is_still=True)
    assert page.run("getComputedStyle(document.querySelector('.line')).transitionDuration") == "0s"
    assert page.run("poseflow.wantsStillness()") is True
    assert page.run("poseflow.player.clock.isPlaying") is False


@pytest.mark.parametrize("settings", [{"video": False}, {"with_videos": False}])
def test_without_videos_skeletons_play_and_no_picture_of_a_person_is_inside(browser, write, settings):
    files = write(**settings)
    html = files.page.read_text(encoding="utf-8")
    assert "data:image" not in html
    assert 'id="video-' not in html
    page = opened(browser, files)
    assert page.run("document.querySelectorAll('video, img').length") == 0
    inked = (
        "((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean))"
        "(document.querySelector('.stage canvas'))"
    )
    assert page.run(inked) is True
    page.run("poseflow.player.clock.play()")
    page.wait_for("poseflow.player.clock.position > 0.5")
    assert page.complaints() == []


def test_beyond_the_limit_a_folder_holds_page_and_videos(browser, write):
    files = write(max_bytes=100_000)
    assert sorted(path.name for path in files.page.parent.iterdir()) == [
        "a report #1.html",
        "query.mp4",
        "reference.mp4",
    ]
    page = opened(browser, files)
    page.run("poseflow.player.clock.seek(5)")
    assert_on_path(*times_of(page))
    assert page.complaints() == []
    asked_for = files.page.parents[1] / files.page.name
    page.call("Page.navigate", url=asked_for.as_uri())  # leads into the folder
    page.wait_for(f"location.href === {json.dumps(files.page.as_uri())}")


@pytest.mark.parametrize("count", [0, 1])
def test_a_path_of_no_or_one_step_makes_a_page(browser, write, count):
    steps = known_match()["path"][:count]
    page = opened(browser, write(with_videos=False, path=steps, feedback=[], pauses=[], tempo_changes=[]))
    assert page.run("document.querySelectorAll('.stage').length") == 2
    assert ("not aligned" in page.run("document.body.textContent")) == (count == 0)
    assert page.complaints() == []


def test_moments_at_which_nobody_was_compared_are_shown_as_such(browser, write):
    unseen = [step | {"distance": None, "match_probability": None} for step in known_match()["path"]]
    page = opened(browser, write(with_videos=False, path=unseen))
    assert page.run("[...document.querySelectorAll('.lane-name')].map((e) => e.textContent)")[-1] == "Not seen"
    assert page.complaints() == []


def test_a_mirrored_query_is_shown_as_in_a_mirror(browser, write):
    page = opened(browser, write(with_videos=False, is_mirrored=True))
    assert page.run("[...document.querySelectorAll('.picture')].map((e) => e.classList.contains('mirrored'))") == [
        False,
        True,
    ]


@pytest.mark.parametrize("is_filmed", [True, False])
def test_one_clip_plays_above_its_coloured_spans(browser, tmp_path, clips, videos, is_filmed):
    lanes = [Lane("segments", [Span(1.0, 2.5, "wave", "1.0-2.5 s: wave", 0), Span(2.5, 99.0, NASTY, NASTY, 1)])]
    files = write_clip_report(
        tmp_path / "clip.html",
        clips[0],
        person_id=1,
        lanes=[*lanes, Lane("none", [])],
        details_html='<button type="button" data-at="4.5">second wave</button>',
        video=videos[0] if is_filmed else None,
    )
    page = opened(browser, files)
    page.click(".span:nth-child(1)")
    page.run("poseflow.player.clock.settled()")
    assert page.run("poseflow.player.clock.times()") == pytest.approx([1.0], abs=TOLERANCE_S)
    page.click("[data-at]")
    page.run("poseflow.player.clock.settled()")
    assert page.run("poseflow.player.clock.times()") == pytest.approx([4.5], abs=TOLERANCE_S)
    assert page.run("document.querySelectorAll('video').length") == int(is_filmed)
    assert page.run("window.hacked") is None
    assert page.complaints() == []
