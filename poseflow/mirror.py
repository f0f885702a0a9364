"""Mirrored performances: a true mirror image of keypoints, and whether a match is with the person or with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from poseflow.embed import embed_tracks
from poseflow.records import EmbeddedClip, EmbeddingTrack, MatchResult, PoseTrack

if TYPE_CHECKING:
    from vvipe.embedder import Embedder

Mirror = Literal["auto", "on", "off"]
MIRROR_CHOICES: tuple[Mirror, ...] = ("auto", "on", "off")


def mirror_track(track: PoseTrack) -> PoseTrack:
    """The person in a mirror: x flipped about the middle of all boxes, and left and right joints exchanged."""
    order = track.skeleton.flip_order
    has_box = bool(np.isfinite(track.boxes).any())
    axis = np.float32(np.nanmin(track.boxes[:, 0]) + np.nanmax(track.boxes[:, 2])) if has_box else np.float32(0)
    keypoints = track.keypoints[:, order].copy()
    keypoints[..., 0] = axis - keypoints[..., 0]
    boxes = track.boxes.copy()
    boxes[:, 0], boxes[:, 2] = axis - track.boxes[:, 2], axis - track.boxes[:, 0]
    return replace(track, keypoints=keypoints, scores=track.scores[:, order], boxes=boxes)


def embed_mirrored(clip: EmbeddedClip, person_id: int, embedder: Embedder) -> EmbeddingTrack:
    """The embeddings of a person's mirror image, from keypoints smoothed as those of the clip are."""
    track, _ = clip.person(person_id)
    return embed_tracks([mirror_track(track)], embedder, smooth=clip.metadata.is_smoothed is not False)[0]


def compared_query(query: EmbeddedClip, result: MatchResult, embedder: Embedder) -> EmbeddingTrack:
    """The embeddings of the query as `result` compared them: the person's, or those of the mirror image."""
    if result.is_mirrored:
        return embed_mirrored(query, result.query_person, embedder)
    return query.person(result.query_person)[1]


@dataclass(frozen=True)
class MirrorVerdict:
    """Whether a movement was performed mirrored.

    Attributes:
        is_mirrored: None where the movement is nearly its own mirror image, and nobody could tell.
        margin: Mean distance along the best path to the person, less that to the mirror image, torso lengths.
    """

    is_mirrored: bool | None
    margin: float


def judge_mirror(plain_cost: float, mirrored_cost: float, *, asymmetry: float, evidence: float) -> MirrorVerdict:
    """The verdict from the mean distances of both alignments.

    Args:
        plain_cost: Of the reference to the query.
        mirrored_cost: Of the reference to the query's mirror image.
        asymmetry: Mean distance of the query to its own mirror image at the same times.
        evidence: Least |margin| x asymmetry that tells: the more a movement differs from its own mirror image, the
            smaller a margin will do.
    """
    margin = plain_cost - mirrored_cost
    if not abs(margin) * asymmetry >= evidence:
        return MirrorVerdict(None, margin)
    return MirrorVerdict(margin > 0, margin)
