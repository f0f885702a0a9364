"""The records that flow between the stages; shapes are checked once, here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poseflow.feedback_records import Feedback
from poseflow.match_records import Occurrence, Pause, ScoreMatrix, TempoChange
from vvipe.skeleton import Skeleton

if TYPE_CHECKING:  # the protocol's module needs these records
    from poseflow.detect.protocol import DetectorInfo, ModelFile

FORMAT_VERSION = 1
"""Version of the files of saved clips; it rises when what other programs rely on changes."""


def _check_shape(record: str, name: str, array: NDArray, shape: tuple[int | None, ...]) -> None:
    if array.ndim != len(shape) or any(w not in (None, g) for w, g in zip(shape, array.shape, strict=True)):
        expected = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
        raise ValueError(f"{record}.{name}: expected shape {expected}, got {array.shape}")


def _check_times(record: str, time_s: NDArray) -> None:
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise ValueError(f"{record}.time_s: expected finite, strictly rising times")


@dataclass(frozen=True)
class Frame:
    """One upright picture of a video.

    Attributes:
        index: Number of the frame in the source, from 0.
        time_s: Presentation time; 0 is the container's start.
        image: (H, W, 3) uint8, BGR, upright.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]

    def __post_init__(self) -> None:
        _check_shape("Frame", "image", self.image, (None, None, 3))


@dataclass(frozen=True)
class FramePoses:
    """Everybody whom a detector saw in one frame (P people, K joints), in pixels of the upright frame.

    Attributes:
        index, time_s: Those of the frame.
        keypoints: (P, K, 2) float32; NaN = not seen.
        scores: (P, K) float32 in [0, 1]; 0 where not seen.
        boxes: (P, 4) float32: x0, y0, x1, y1.
        box_scores: (P,) float32 in [0, 1].
    """

    index: int
    time_s: float
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        _check_shape("FramePoses", "keypoints", self.keypoints, (None, None, 2))
        people, joints = self.keypoints.shape[:2]
        _check_shape("FramePoses", "scores", self.scores, (people, joints))
        _check_shape("FramePoses", "boxes", self.boxes, (people, 4))
        _check_shape("FramePoses", "box_scores", self.box_scores, (people,))


@dataclass(frozen=True)
class PoseTrack:
    """One person through a clip: T processed frames from the first to the last sighting, K joints.

    Attributes:
        person_id: Identity within the clip, from 1.
        skeleton: The joints of `keypoints`.
        index: (T,) int64 frame numbers in the source.
        time_s: (T,) float64 presentation times, rising.
        keypoints: (T, K, 2) float32 pixels of the upright source frame; NaN = not seen.
        scores: (T, K) float32 in [0, 1]; 0 where not seen.
        boxes: (T, 4) float32: x0, y0, x1, y1; NaN where the person was not seen.
        box_scores: (T,) float32; NaN where the person was not seen.
    """

    person_id: int
    skeleton: Skeleton
    index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        _check_times("PoseTrack", self.time_s)
        frames, joints = len(self.time_s), self.skeleton.n_joints
        _check_shape("PoseTrack", "index", self.index, (frames,))
        _check_shape("PoseTrack", "keypoints", self.keypoints, (frames, joints, 2))
        _check_shape("PoseTrack", "scores", self.scores, (frames, joints))
        _check_shape("PoseTrack", "boxes", self.boxes, (frames, 4))
        _check_shape("PoseTrack", "box_scores", self.box_scores, (frames,))

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """(T,) whether the person was detected in the frame."""
        return np.asarray(np.isfinite(self.keypoints).all(-1).any(-1))


@dataclass(frozen=True)
class EmbeddingTrack:
    """The embeddings of one person through a clip.

    Attributes:
        person_id: Identity within the clip.
        time_s: (T,) float64 presentation times, rising.
        vectors: (T, D) float32; NaN where not valid.
        uncertainty: (T,) float32 expected NP-MPJPE in torso lengths; NaN where not valid.
        valid: (T,) bool, whether the frame has an embedding.
        model: Id of the weights; embeddings of two models cannot be compared.
        root_rotation: (T, 4) float32 quaternion (w, x, y, z) from the canonical to the camera frame; NaN = unknown.
    """

    person_id: int
    time_s: NDArray[np.float64]
    vectors: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    valid: NDArray[np.bool_]
    model: str
    root_rotation: NDArray[np.float32] = field(repr=False)

    def __post_init__(self) -> None:
        _check_times("EmbeddingTrack", self.time_s)
        frames = len(self.time_s)
        _check_shape("EmbeddingTrack", "vectors", self.vectors, (frames, None))
        _check_shape("EmbeddingTrack", "uncertainty", self.uncertainty, (frames,))
        _check_shape("EmbeddingTrack", "valid", self.valid, (frames,))
        _check_shape("EmbeddingTrack", "root_rotation", self.root_rotation, (frames, 4))


@dataclass(frozen=True)
class ClipMetadata:
    """How an embedded clip was made; None = not known (somebody's own keypoints say nothing of their video).

    Attributes:
        source: File name of the video or of the keypoints, or ``webcam 0``.
        frames: Frames that were processed, whether or not somebody was in them.
        size: (width, height) of the upright picture in pixels.
        rotation_deg: Degrees by which the stored picture was turned to stand upright; keypoints are upright.
        duration_s: Length of the source.
        time_base: Unit of the source's timestamps in seconds, e.g. ``1/15360``.
        detector: What found the keypoints.
        model: Id of the embedding weights, and their SHA-256.
        is_smoothed: Whether the embeddings are those of smoothed keypoints; stored keypoints are always raw.
        command: The command line, if one was used.
        versions: Package name -> version.
        format_version: Version of the file format.
    """

    source: str
    frames: int
    size: tuple[int, int] | None = None
    rotation_deg: int | None = None
    duration_s: float | None = None
    time_base: str | None = None
    detector: DetectorInfo | None = None
    model: ModelFile | None = None
    is_smoothed: bool | None = None
    command: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class EmbeddedClip:
    """The people of one clip: raw keypoints and embeddings, one track of each for every person.

    Attributes:
        tracks: Raw keypoints (not smoothed), one track a person.
        embeddings: Embeddings in the order of `tracks`, for the same frames.
        metadata: How the clip was made.
    """

    tracks: tuple[PoseTrack, ...]
    embeddings: tuple[EmbeddingTrack, ...]
    metadata: ClipMetadata

    def __post_init__(self) -> None:
        ids = [track.person_id for track in self.tracks]
        if ids != [embedding.person_id for embedding in self.embeddings] or len(set(ids)) != len(ids):
            raise ValueError("EmbeddedClip: expected one track and one embedding a person, in the same order")
        for track, embedding in zip(self.tracks, self.embeddings, strict=True):
            if not np.array_equal(track.time_s, embedding.time_s):
                raise ValueError(f"EmbeddedClip: person {track.person_id}: track and embedding differ in their times")

    @property
    def person_ids(self) -> tuple[int, ...]:
        return tuple(track.person_id for track in self.tracks)

    def person(self, person_id: int) -> tuple[PoseTrack, EmbeddingTrack]:
        """The raw track and the embeddings of one person; raises ValueError for an id that is not there."""
        if person_id not in self.person_ids:
            raise ValueError(f"no person {person_id}; there are {', '.join(map(str, self.person_ids))}")
        position = self.person_ids.index(person_id)
        return self.tracks[position], self.embeddings[position]


@dataclass(frozen=True)
class Segment:
    """One labelled span of a timeline, half-open: what happens from `start_s` until just before `end_s`.

    Attributes:
        start_s, end_s: Seconds of the source's own time.
        label: What happens.
        confidence: In [0, 1]; NaN = not known.
    """

    start_s: float
    end_s: float
    label: str
    confidence: float = math.nan

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and self.start_s < self.end_s):
            raise ValueError(f"Segment: expected finite times, start_s before end_s, got {self.start_s}, {self.end_s}")
        if not self.label.strip():
            raise ValueError("Segment.label: expected a name, got an empty text")
        if not (math.isnan(self.confidence) or 0 <= self.confidence <= 1):
            raise ValueError(f"Segment.confidence: expected 0 to 1, or NaN where not known, got {self.confidence}")


@dataclass(frozen=True)
class MatchResult:
    """How alike the movements of two people are, and which moment of one belongs to which of the other.

    Attributes:
        score: 0 to 100, from `path_distance`: 100 = one person repeating a movement, 60 =
            another competent person, 0 = another movement.
        pose_score: 0 to 100, how alike the poses are at aligned times; it is the score, which the others stand beside.
        timing_score: 0 to 100, how even the tempo is along the path, less the share of pauses: 100 = one tempo
            throughout, 0 = off by the factor of three that an alignment allows; NaN where too short to tell.
        coverage_score: 0 to 100, the share of the clip that had to be matched whole that could be compared.
        match_probability: Mean over the path, outside pauses, of P(NP-MPJPE <= 0.1).
        offset_s: Median over the path of query time - reference time.
        tempo: Speed of the query / speed of the reference; NaN where the clips are too short to tell.
        ref_coverage, query_coverage: Share in [0, 1] of each person's time that was compared.
        ref_person, query_person: Who was compared.
        ref_s, query_s: (L,) times of the steps of the path.
        distance: (L,) calibrated expected NP-MPJPE in torso lengths; NaN where a side was not seen.
        probability: (L,) P(NP-MPJPE <= 0.1); NaN where a side was not seen.
        model: Id of the embedding weights.
        ref_detector, query_detector: Signatures of what found the keypoints; "unknown" where the clip does not say.
        signature: How the score was made; scores with unequal signatures are not comparable.
        is_mirrored: Whether the query was compared as its mirror image; None where the movement is nearly its own
            mirror image and nobody could tell, or where it was not tried.
        mirror_margin: Mean distance along the best path to the query, less that to its mirror image; NaN if not tried.
        pauses: Where one person stands still and the other one's clip has no such stop.
        tempo_changes: Where the query was clearly faster or slower than the reference.
        occurrences: Every place of the longer clip in which the shorter one was found, if that was asked for.
        matrix: The scores of all pairs of people that were compared, if the clips hold people to choose from.
        motion_gain: How much nearer aligned moments are than the same moments in any order, torso lengths: what the
            movement, rather than the mere pose, has to do with the likeness; about 0 where one of the two stands still.
        path_distance: What is scored: harmonic mean of `distance` at typical certainty, outside pauses, torso lengths
            (`poseflow.score.path_distance`).
        feedback: What to tell the person of the query, if that was asked for (`poseflow.feedback`).
    """

    score: float
    pose_score: float
    timing_score: float
    coverage_score: float
    match_probability: float
    offset_s: float
    tempo: float
    ref_coverage: float
    query_coverage: float
    ref_person: int
    query_person: int
    ref_s: NDArray[np.float64] = field(repr=False)
    query_s: NDArray[np.float64] = field(repr=False)
    distance: NDArray[np.float64] = field(repr=False)
    probability: NDArray[np.float64] = field(repr=False)
    model: str
    ref_detector: str
    query_detector: str
    signature: str
    is_mirrored: bool | None = None
    mirror_margin: float = math.nan
    pauses: tuple[Pause, ...] = ()
    tempo_changes: tuple[TempoChange, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    matrix: ScoreMatrix | None = None
    feedback: Feedback | None = None
    motion_gain: float = math.nan
    path_distance: float = math.nan

    def __post_init__(self) -> None:
        _check_shape("MatchResult", "ref_s", self.ref_s, (None,))
        for name in ("query_s", "distance", "probability"):
            _check_shape("MatchResult", name, getattr(self, name), self.ref_s.shape)
