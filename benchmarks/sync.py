"""How well half a second of movement, seen by one camera, is found in the film of another, synchronised camera.

Each clip is cut into windows; each window is matched, open-ended, with the whole other clip, both ways. The truth is
ref_s = query_s, so the error of a step of the path is |ref_s - query_s|. The same alignment runs on embeddings, on raw
2D keypoints and on 2D joint angles; two blind placements say what a system scores that sees nothing. The two cameras
give no setting its value: the alignment's charge on leaving unit tempo, which a wandering path of this test prompted,
was chosen on motion capture kept aside from training.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.costs import PairDistance
from poseflow.detect.protocol import PosePredictor
from poseflow.embed import embed_keypoints_file, embed_video, steady_track
from poseflow.errors import NothingToScoreError
from poseflow.match import embedding_cost, series_of
from poseflow.metadata import package_versions
from poseflow.people import choose_people
from poseflow.records import EmbeddedClip, EmbeddingTrack, PoseTrack
from poseflow.store import write_clip
from poseflow.time_alignment import align_in_time
from poseflow.time_series import TimeSeries
from vvipe.embedder import Embedder
from vvipe.skeleton import COCO13, conversion_indices

ANGLES = tuple(
    COCO13.indices(*(f"{side}_{joint}" for joint in joints))
    for side in ("left", "right")
    for joints in (
        ("shoulder", "elbow", "wrist"),
        ("elbow", "shoulder", "hip"),
        ("shoulder", "hip", "knee"),
        ("hip", "knee", "ankle"),
    )
)
"""End, vertex, end of each 2D joint angle."""

TITLES = {
    "embedding": "embedding (ours)",
    "keypoints_2d": "raw 2D keypoints",
    "angles_2d": "2D joint angles",
    "middle": "always the middle",
    "random": "random placement",
}


@dataclass(frozen=True)
class SyncSettings:
    """What is cut, and how often the random placement is drawn."""

    window_s: float = 0.5
    every_s: float = 0.1
    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class SyncRow:
    """Error of one system, over all steps of all windows.

    Attributes:
        ref_in_query_s, query_in_ref_s: The mean for the windows of one clip in the whole of the other.
    """

    system: str
    mean_error_s: float
    median_error_s: float
    ref_in_query_s: float
    query_in_ref_s: float
    windows: int
    steps: int


@dataclass(frozen=True)
class SyncReport:
    """Everything that is needed to make the figures again."""

    rows: tuple[SyncRow, ...]
    settings: SyncSettings
    ref: str
    query: str
    detector: str
    detector_sha256: tuple[str, ...]
    model: str
    model_sha256: str
    versions: dict[str, str]

    def row(self, system: str) -> SyncRow:
        return next(row for row in self.rows if row.system == system)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The figures as a table, in ms, and under it what made them."""
        lines = ["| system | mean error, ms | median | windows of ref | windows of query | windows | steps |"]
        lines.append("|---|---|---|---|---|---|---|")
        for row in self.rows:
            errors = (row.mean_error_s, row.median_error_s, row.ref_in_query_s, row.query_in_ref_s)
            figures = " | ".join(f"{1000 * error:.0f}" for error in errors)
            lines.append(f"| {TITLES[row.system]} | {figures} | {row.windows} | {row.steps} |")
        s = self.settings
        lines.append(
            f"\n{self.ref} and {self.query}: windows of {s.window_s} s every {s.every_s} s; detector {self.detector}; "
            f"model {self.model}; random placement: {s.draws} draws a window, seed {s.seed}."
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class _System:
    name: str
    ref: TimeSeries
    query: TimeSeries
    distance: PairDistance


def run_sync(
    ref_path: str | Path,
    query_path: str | Path,
    *,
    get_detector: Callable[[], PosePredictor],
    embedder: Embedder,
    cache_dir: str | Path | None = None,
    settings: SyncSettings = SyncSettings(),  # noqa: B008 (frozen)
) -> SyncReport:
    """The report for two synchronised videos.

    Args:
        ref_path: A video whose times are those of `query_path`.
        query_path: The other camera's video.
        get_detector: Makes the detector of both.
        embedder: The model under test.
        cache_dir: Where keypoints are kept between runs; None = nowhere.
        settings: Windows, draws, seed.
    """
    detector = get_detector()
    clips = [_keypoints(Path(path), detector, embedder, cache_dir) for path in (ref_path, query_path)]
    return sync_report(clips[0], clips[1], embedder=embedder, settings=settings)


def sync_report(
    ref: EmbeddedClip,
    query: EmbeddedClip,
    *,
    embedder: Embedder,
    settings: SyncSettings = SyncSettings(),  # noqa: B008 (frozen)
) -> SyncReport:
    """The report for two synchronised clips that are embedded already, of their `auto` person."""
    systems = _systems(ref, query, embedder)
    embedding = systems[0]
    rows = [_summary(system.name, *_both_ways(system, settings)) for system in systems]
    rows += [_summary(name, *_blind(embedding, name, settings)) for name in ("middle", "random")]
    detector = ref.metadata.detector
    return SyncReport(
        rows=tuple(rows),
        settings=settings,
        ref=ref.metadata.source,
        query=query.metadata.source,
        detector=detector.signature if detector else "unknown",
        detector_sha256=tuple(model.sha256 for model in detector.models) if detector else (),
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        versions=package_versions(),
    )


def keypoint_series(track: PoseTrack) -> TimeSeries:
    """2D keypoints (T, 26) as the papers normalise them: hips' middle at 0, largest torso distance 0.5."""
    import torch

    from vvipe.geometry import normalize_2d

    normalized, is_valid = normalize_2d(torch.from_numpy(_coco13(track)))
    return TimeSeries(track.time_s, normalized.flatten(1).numpy(), is_valid.numpy())


def keypoint_distance(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(N,) mean distance of the joints that both of two (N, 26) keypoint rows have; NaN where there is none."""
    apart = np.linalg.norm((a - b).reshape(len(a), -1, 2), axis=-1)
    return _mean_of_known(apart)


def angle_series(track: PoseTrack) -> TimeSeries:
    """2D joint angles (T, 8) in degrees, 0 to 180: elbows, shoulders, hips, knees."""
    points = _coco13(track).astype(np.float64)
    ends, vertices, others = (points[:, [angle[part] for angle in ANGLES]] for part in range(3))
    u, v = ends - vertices, others - vertices
    cross, dot = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0], (u * v).sum(-1)
    angles = np.degrees(np.arctan2(np.abs(cross), dot))
    return TimeSeries(track.time_s, angles, np.isfinite(angles).any(1))


def angle_distance(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(N,) mean absolute difference of the angles that both of two (N, 8) rows have, degrees; NaN where none."""
    return _mean_of_known(np.abs(a - b))


def windows(series: TimeSeries, settings: SyncSettings) -> Iterator[TimeSeries]:
    """The windows that lie wholly inside the clip; a frame lasts until the next one."""
    frame_s = float(np.median(np.diff(series.time_s)))
    last_start_s = series.time_s[-1] + frame_s - settings.window_s
    count = int((last_start_s - series.time_s[0]) / settings.every_s + 1e-6) + 1
    for number in range(count):
        start_s = series.time_s[0] + number * settings.every_s - 1e-6
        yield series.between(start_s, start_s + settings.window_s)


def _systems(ref: EmbeddedClip, query: EmbeddedClip, embedder: Embedder) -> list[_System]:
    (ref_track, ref_embedding), (query_track, query_embedding) = _person(ref), _person(query)
    return [
        _System("embedding", series_of(ref_embedding), series_of(query_embedding), embedding_cost(embedder)),
        _System("keypoints_2d", keypoint_series(ref_track), keypoint_series(query_track), keypoint_distance),
        _System("angles_2d", angle_series(ref_track), angle_series(query_track), angle_distance),
    ]


def _person(clip: EmbeddedClip) -> tuple[PoseTrack, EmbeddingTrack]:
    """The `auto` person; its keypoints are smoothed where those that were embedded are."""
    chosen = choose_people(clip.tracks, person="auto", frame_size=clip.metadata.size)[0]
    track, embedding = clip.person(chosen.person_id)
    return (steady_track(track) if clip.metadata.is_smoothed else track), embedding


def _both_ways(system: _System, settings: SyncSettings) -> tuple[list[NDArray], list[NDArray]]:
    """Errors of the steps of each window: those of the reference in the query, and the other way round."""
    ways = ((system.ref, system.query), (system.query, system.ref))
    return tuple([_errors(w, whole, system.distance) for w in windows(cut, settings)] for cut, whole in ways)  # type: ignore[return-value]


def _errors(window: TimeSeries, whole: TimeSeries, distance: PairDistance) -> NDArray[np.float64]:
    """|ref_s - query_s| of each step; none where nobody was seen in the window."""
    try:
        alignment = align_in_time(window, whole, distance=distance)
    except NothingToScoreError:
        return np.empty(0)
    return np.abs(alignment.ref_s - alignment.query_s)


def _blind(system: _System, placement: str, settings: SyncSettings) -> tuple[list[NDArray], list[NDArray]]:
    """Errors of placements that look at nothing, at unit tempo: the middle, or `draws` uniform ones a window."""
    generator = np.random.default_rng(settings.seed)
    ways: list[list[NDArray]] = []
    for cut, whole in ((system.ref, system.query), (system.query, system.ref)):
        errors = []
        for window in windows(cut, settings):
            room_s = (whole.time_s[-1] - whole.time_s[0]) - (window.time_s[-1] - window.time_s[0])
            share = generator.random(settings.draws) if placement == "random" else np.array([0.5])
            errors.append(np.abs(whole.time_s[0] + share * room_s - window.time_s[0]))
        ways.append(errors)
    return ways[0], ways[1]


def _summary(name: str, ref_in_query: list[NDArray], query_in_ref: list[NDArray]) -> SyncRow:
    there, back = np.concatenate(ref_in_query), np.concatenate(query_in_ref)
    errors = np.concatenate([there, back])
    return SyncRow(
        system=name,
        mean_error_s=float(errors.mean()),
        median_error_s=float(np.median(errors)),
        ref_in_query_s=float(there.mean()),
        query_in_ref_s=float(back.mean()),
        windows=sum(len(window) > 0 for window in (*ref_in_query, *query_in_ref)),
        steps=len(errors),
    )


def _keypoints(path: Path, detector: PosePredictor, embedder: Embedder, cache_dir: str | Path | None) -> EmbeddedClip:
    """The clip with new embeddings; its keypoints come from the cache where this detector has read this file before."""
    if cache_dir is None:
        return embed_video(path, detector=detector, embedder=embedder, show_progress=True)
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    detector_name = re.sub(r"[^A-Za-z0-9]+", "-", detector.info.signature)
    cached = Path(cache_dir) / f"{path.stem}-{content}-{detector_name}.parquet"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_clip(cached, embed_video(path, detector=detector, embedder=embedder, show_progress=True))
    return embed_keypoints_file(cached, embedder=embedder)


def _coco13(track: PoseTrack) -> NDArray[np.float32]:
    return track.keypoints[:, conversion_indices(track.skeleton, COCO13)]


def _mean_of_known(values: NDArray) -> NDArray[np.float64]:
    is_known = np.isfinite(values)
    count = is_known.sum(1)
    total = np.where(is_known, values, 0.0).sum(1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
