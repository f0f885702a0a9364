"""What of a match runs over time: the played path, the curves, the spans of the strip, the feedback's moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.match_records import Pause
from poseflow.match_text import pause_text
from poseflow.report.packing import pack_array
from poseflow.report.sync_path import SyncPath, matched_path, tempo_at
from poseflow.report.timeline import Lane, Span, label_colours
from vvipe.skeleton import H36M17

QUERY = 1
"""The clip whose seconds the words of a match and the page's axes speak of: the one that is to learn."""
_TEMPO_TICKS, _TEMPO_RANGE = ((0.5, "½×"), (1.0, "1×"), (2.0, "2×")), (1 / 3, 3.0)
_SCORE_TICKS = ((0.0, "0"), (50.0, "50"), (100.0, "100"))
_SCORE_RANGE = (0.0, 100.0)
_TEMPO_STEP_S = 0.05
_MOST_TICKS = 8
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


def path_steps(match_json: Mapping[str, Any]) -> NDArray[np.float64]:
    """(L, 3) ref_s, query_s and distance of the steps of the path; distance is NaN where a side was not seen."""
    steps = [
        (step["ref_s"], step["query_s"], np.nan if step.get("distance") is None else step["distance"])
        for step in match_json.get("path") or []
        if step.get("ref_s") is not None and step.get("query_s") is not None
    ]
    return np.array(steps, dtype=np.float64).reshape(-1, 3)


def played_path(match_json: Mapping[str, Any], times_s: Sequence[NDArray[np.float64]]) -> SyncPath:
    """The match's path; where it has none, both clips from their starts, of `times_s`, as long as both last."""
    steps = path_steps(match_json)
    if len(steps):
        return matched_path(steps[:, 0], steps[:, 1])
    length_s = min(float(times[-1] - times[0]) for times in times_s)
    return matched_path(*(np.array([times[0], times[0] + length_s]) for times in times_s))


def curves_data(match_json: Mapping[str, Any], sync: SyncPath, *, score: Callable[[float], float]) -> dict[str, Any]:
    """The score and the tempo over the player's positions, as chart.js reads them; `score` is that of a distance."""
    steps = path_steps(match_json)
    scores = np.array([score(distance) for distance in steps[:, 2]])
    grid = np.linspace(0, sync.duration_s, max(2, round(sync.duration_s / _TEMPO_STEP_S) + 1))
    tempo = tempo_at(sync, grid) if len(steps) > 1 else np.full(len(grid), np.nan)
    times = time_ticks(sync)
    return {
        "score": _curve(step_positions(steps, sync), scores, span=_SCORE_RANGE, ticks=_SCORE_TICKS, times=times),
        "tempo": _curve(grid, tempo, span=_TEMPO_RANGE, ticks=_TEMPO_TICKS, times=times, is_log=True),
    }


def step_positions(steps: NDArray[np.float64], sync: SyncPath) -> NDArray[np.float64]:
    """(L,) positions of the path's steps, never falling: where both clips together have gone as far as there."""
    return np.asarray(np.interp(steps[:, :2].sum(1), sync.times_s.sum(0), sync.position_s))


def time_ticks(sync: SyncPath) -> list[tuple[float, str]]:
    """(position, seconds of the query in words), at round seconds."""
    start_s, end_s = float(sync.times_s[QUERY, 0]), float(sync.times_s[QUERY, -1])
    step_s = next((step for step in _TICK_STEPS_S if (end_s - start_s) / step <= _MOST_TICKS), 1800)
    ticks_s = np.arange(np.ceil(start_s / step_s - 1e-9), np.floor(end_s / step_s + 1e-9) + 1) * step_s
    places = sync.position_of(ticks_s, clip=QUERY)
    return [(round(float(place), 3), f"{tick + 0.0:g} s") for place, tick in zip(places, ticks_s, strict=True)]


def marks_of(match_json: Mapping[str, Any], sync: SyncPath) -> list[dict[str, Any]]:
    """For each line of feedback its positions and the joints of H36M-17 that it speaks of."""
    return [
        {**_positions(line, sync), "joints": joint_numbers(str(line.get("joint") or ""))}
        for line in match_json.get("feedback") or []
    ]


def lanes_of(match_json: Mapping[str, Any], sync: SyncPath) -> list[Lane]:
    """The strip's lanes: feedback by joint, changes of tempo with pauses, and where somebody was not seen."""
    feedback = list(match_json.get("feedback") or [])
    colours = label_colours([str(line.get("joint") or "") for line in feedback])
    lanes = [
        Lane("Feedback", [_span(line, sync, colours[str(line.get("joint") or "")]) for line in feedback]),
        Lane("Tempo", _tempo_spans(match_json, sync)),
        Lane("Not seen", _unseen_spans(match_json, sync)),
    ]
    return [lane for lane in lanes if lane.spans]


def joint_numbers(words: str) -> list[int]:
    """The joints of H36M-17 that a name means: "right elbow" or "right_elbow"; the trunk is spine and thorax."""
    name = words.strip().lower().replace(" ", "_")
    if name in H36M17.joints:
        return [H36M17.index(name)]
    if "trunk" in name or "lean" in name:
        return list(H36M17.indices("spine", "thorax"))
    return [H36M17.index(joint) for joint in H36M17.joints if name and name in joint.split("_")]


def _positions(line: Mapping[str, Any], sync: SyncPath, *, clip: int = QUERY) -> dict[str, float]:
    start_s = float(line.get("start_s") or 0.0)
    end_s = float(start_s if line.get("end_s") is None else line["end_s"])
    start, end = sync.position_of([start_s, max(start_s, end_s)], clip=clip)
    return {"start": round(float(start), 3), "end": round(float(max(start, end)), 3)}


def _span(line: Mapping[str, Any], sync: SyncPath, colour: int) -> Span:
    places = _positions(line, sync)
    label = str(line.get("joint") or line.get("text") or "").replace("_", " ")
    return Span(places["start"], places["end"], label, str(line.get("text") or label), colour)


def _tempo_spans(match_json: Mapping[str, Any], sync: SyncPath) -> list[Span]:
    changes = [_span(line, sync, 6) for line in match_json.get("tempo_changes") or []]
    return changes + [_pause_span(pause, sync) for pause in match_json.get("pauses") or []]


def _pause_span(pause: Mapping[str, Any], sync: SyncPath) -> Span:
    """A pause, whose times are those of the clip that pauses (`side`)."""
    is_ref = pause.get("side") == "ref"
    places = _positions(pause, sync, clip=0 if is_ref else QUERY)
    text = pause_text(Pause(pause["start_s"], pause["end_s"], "ref" if is_ref else "query"))
    return Span(places["start"], places["end"], "pause", text, 5)


def _unseen_spans(match_json: Mapping[str, Any], sync: SyncPath) -> list[Span]:
    steps = path_steps(match_json)
    if not len(steps):
        return []
    is_unseen = np.concatenate([[False], np.isnan(steps[:, 2]), [False]])
    edges = np.flatnonzero(np.diff(is_unseen.astype(int)))
    places = step_positions(steps, sync)
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [
        Span(float(places[a]), float(places[min(b, len(places) - 1)]), "", "one of the two was not seen", 7)
        for a, b in spans
    ]


def _curve(
    position: NDArray[np.float64],
    value: NDArray[np.float64],
    *,
    span: tuple[float, float],
    ticks: Sequence[tuple[float, str]],
    times: Sequence[tuple[float, str]],
    is_log: bool = False,
) -> dict[str, Any]:
    return {
        "low": span[0],
        "high": span[1],
        "ticks": [{"value": value, "label": label} for value, label in ticks],
        "times": [list(tick) for tick in times],
        "isLog": is_log,
        "colour": "accent",
        "position": pack_array(position, step=1e-3),
        "value": pack_array(np.clip(value, *span), step=1e-3),
    }
