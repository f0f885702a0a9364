"""From the embeddings of a clip to 3D poses through time, with rigid bones and without holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from poseflow.embed import steady_track
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.lifted import (
    FrameState,
    LiftedTrack,
    LiftFrame,
    RotationSource,
    between_poses,
    between_rotations,
    bone_lengths,
    with_bone_lengths,
)
from poseflow.people import choose_people
from poseflow.records import EmbeddedClip, EmbeddingTrack, PoseTrack
from vvipe.skeleton import COCO13, H36M17, conversion_indices

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

HEIGHTS_M = (0.4, 2.8)
_TOLERANCE_S = 1e-9  # rounding of sums of times


@dataclass(frozen=True)
class LiftSettings:
    """How a clip is lifted.

    Attributes:
        frame: Axes of the poses: the body's own (canonical: no lean, no facing), or the camera's (x right, y down,
            z forward), in which the root's rotation is kept.
        rotation: The root's rotation: ``fit`` turns the decoded pose until it projects onto the keypoints, from the
            encoder's own answer, which is ``head``.
        height_m: Body height that turns torso lengths into metres.
        max_gap_s: Longest gap that is interpolated; over a longer one the pose is held.
    """

    frame: LiftFrame = "canonical"
    rotation: RotationSource = "fit"
    height_m: float | None = None
    max_gap_s: float = 0.2

    def __post_init__(self) -> None:
        for name, known in (("frame", get_args(LiftFrame)), ("rotation", get_args(RotationSource))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        low, high = HEIGHTS_M
        if self.height_m is not None and not low <= self.height_m <= high:
            raise ValueError(f"height_m: expected a body height from {low} to {high} metres, got {self.height_m}")
        if not self.max_gap_s >= 0:
            raise ValueError(f"max_gap_s: expected a number of at least 0, got {self.max_gap_s}")


def lift_clip(
    clip: EmbeddedClip, *, embedder: Embedder, person: str = "all", settings: LiftSettings | None = None
) -> tuple[LiftedTrack, ...]:
    """The 3D poses of the chosen people of a clip; of several, those without any usable frame are left out.

    Args:
        clip: Embedded by the model of `embedder`.
        embedder: Its decoder gives the poses.
        person: A rule of `poseflow.people.choose_people`.
        settings: Default: those of `LiftSettings`.

    Raises:
        ModelMismatchError: Another model embedded the clip.
        NothingToScoreError: Nobody was seen well enough in any frame.
        ValueError: Nobody has that id, or the model has no rotation head and ``head`` is asked for.
    """
    chosen = choose_people(clip.tracks, person=person, frame_size=clip.metadata.size)
    smooth = clip.metadata.is_smoothed is not False
    tracks = [(track, clip.person(track.person_id)[1]) for track in chosen]
    usable = [(track, embedding) for track, embedding in tracks if embedding.valid.any()]
    if not usable:
        ids = ", ".join(str(track.person_id) for track in chosen)
        raise NothingToScoreError(
            f"{clip.metadata.source}: person {ids} was never seen with enough of shoulders, hips and limbs to lift; "
            "choose another person or a clip that shows the whole body"
        )
    return tuple(
        lift_track(track, embedding, embedder=embedder, settings=settings, smooth=smooth) for track, embedding in usable
    )


def lift_track(
    track: PoseTrack,
    embedding: EmbeddingTrack,
    *,
    embedder: Embedder,
    settings: LiftSettings | None = None,
    smooth: bool = True,
) -> LiftedTrack:
    """One person's 3D poses, one for each frame of the track; errors as `lift_clip`.

    Bones get one length each: the median over the usable frames of the decoded bone, sides averaged, torso 1. The
    decoder was trained on one skeleton for all, so that these are that skeleton's proportions rather than the person's.

    Args:
        track: Raw keypoints, as they are stored.
        embedding: Of the same frames.
        embedder: The model of `embedding`.
        settings: Default: those of `LiftSettings`.
        smooth: Whether `embedding` is of smoothed keypoints; the fit then takes the same ones.
    """
    settings = settings or LiftSettings()
    if embedding.model != embedder.model_id:
        raise ModelMismatchError(
            f"the clip was embedded by {embedding.model}, and {embedder.model_id} is to decode it: "
            "embed it again with `poseflow embed`, or name its model with --model"
        )
    valid = embedding.valid
    if not valid.any():
        raise NothingToScoreError(f"person {track.person_id} was never seen well enough to lift")
    decoded = embedder.decode(embedding.vectors[valid])
    rotation = _root_rotation(decoded, steady_track(track) if smooth else track, embedding, settings.rotation)
    lengths = steady_lengths(decoded)
    rows = np.flatnonzero(valid)
    return LiftedTrack(
        person_id=track.person_id,
        index=track.index,
        time_s=track.time_s,
        canonical=_fill_poses(with_bone_lengths(decoded, lengths), rows, track.time_s, settings.max_gap_s, lengths),
        root_rotation=_fill_rotations(rotation, rows, track.time_s, settings.max_gap_s),
        state=_states(track, rows, settings.max_gap_s),
        uncertainty=embedding.uncertainty,
        frame=settings.frame,
        rotation=settings.rotation,
        height_m=settings.height_m,
        model=embedding.model,
        is_smoothed=smooth,
    )


def steady_lengths(poses: NDArray) -> NDArray[np.float64]:
    """(16,) median bone lengths of poses (T, 17, 3), left and right averaged, scaled to a torso of 1."""
    median = np.median(bone_lengths(poses), axis=0)
    names = [H36M17.joints[child] for _, child in H36M17.bones]
    other = [names.index(H36M17.joints[H36M17.flip_order[H36M17.index(name)]]) for name in names]
    lengths = (median + median[other]) / 2
    return lengths / (lengths[names.index("spine")] + lengths[names.index("thorax")])


def _root_rotation(
    decoded: NDArray, track: PoseTrack, embedding: EmbeddingTrack, source: RotationSource
) -> NDArray[np.float64]:
    """(V, 4) quaternions of the valid frames."""
    from vvipe.root_fit import fit_root  # imports torch, which takes a second

    valid = embedding.valid
    head = embedding.root_rotation[valid]
    if source == "fit":
        order = conversion_indices(track.skeleton, COCO13)
        points, scores = track.keypoints[valid][:, order], track.scores[valid][:, order]
        fitted = fit_root(decoded, points, scores=scores, start=head).rotation
        head = np.where(np.isfinite(fitted), fitted, head)
    if not np.isfinite(head).all():
        raise ValueError("rotation: these embeddings come without a root rotation; take fit, or embed the clip again")
    return head.astype(np.float64)


def _sides(rows: NDArray[np.int64], frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each frame, positions in `rows` of the usable frame at or before it and at or after it; ends repeat."""
    after = np.searchsorted(rows, np.arange(frames))
    before = np.where(rows[np.minimum(after, len(rows) - 1)] == np.arange(frames), after, after - 1)
    return np.maximum(before, 0), np.minimum(after, len(rows) - 1)


def _shares(
    rows: NDArray[np.int64], time_s: NDArray[np.float64], max_gap_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Usable frames before and after, and how far between them each frame's pose lies; 0 over a long gap (held)."""
    before, after = _sides(rows, len(time_s))
    gap_s = time_s[rows[after]] - time_s[rows[before]]
    is_short = (gap_s > 0) & (gap_s <= max_gap_s + _TOLERANCE_S)
    since_s = time_s - time_s[rows[before]]
    return before, after, np.divide(since_s, gap_s, out=np.zeros_like(gap_s), where=is_short)


def _fill_poses(
    poses: NDArray,
    rows: NDArray[np.int64],
    time_s: NDArray[np.float64],
    max_gap_s: float,
    lengths: NDArray[np.float64],
) -> NDArray[np.float64]:
    before, after, share = _shares(rows, time_s, max_gap_s)
    filled = between_poses(poses[before], poses[after], share, lengths)
    filled[rows] = poses
    return filled


def _fill_rotations(
    rotation: NDArray[np.float64], rows: NDArray[np.int64], time_s: NDArray[np.float64], max_gap_s: float
) -> NDArray[np.float64]:
    before, after, share = _shares(rows, time_s, max_gap_s)
    from_s, to_s = time_s[rows[before]], time_s[rows[after]]
    return between_rotations(time_s[rows], rotation, from_s + share * (to_s - from_s))


def _states(track: PoseTrack, rows: NDArray[np.int64], max_gap_s: float) -> NDArray[np.uint8]:
    """FrameState of each frame; a usable frame in which nobody was detected had its keypoints bridged."""
    _, _, share = _shares(rows, track.time_s, max_gap_s)
    state = np.where(share > 0, FrameState.INTERPOLATED, FrameState.HELD).astype(np.uint8)
    state[rows] = np.where(track.is_seen[rows], FrameState.SEEN, FrameState.INTERPOLATED)
    return state
