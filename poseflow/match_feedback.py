"""Feedback on a match of two clips: the tracks that were compared, with the keypoints behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from poseflow.embed import steady_track
from poseflow.feedback import feedback
from poseflow.feedback_records import FeedbackSettings
from poseflow.mirror import compared_query, mirror_track
from poseflow.records import EmbeddedClip, MatchResult, PoseTrack

if TYPE_CHECKING:
    from vvipe.embedder import Embedder


def with_feedback(
    result: MatchResult,
    ref: EmbeddedClip,
    query: EmbeddedClip,
    *,
    embedder: Embedder,
    settings: FeedbackSettings = FeedbackSettings(),  # noqa: B008  (frozen)
) -> MatchResult:
    """The match with feedback on the two people that it compared.

    Args:
        result: The match of `ref` and `query`.
        ref: The example.
        query: What was compared with it.
        embedder: The model that made both clips.
        settings: How differences become sentences.

    Raises:
        ModelMismatchError: The embedder is not the clips' model.
    """
    query_track = query.person(result.query_person)[0]
    told = feedback(
        ref.person(result.ref_person)[1],
        compared_query(query, result, embedder),
        result,
        embedder=embedder,
        ref_track=_steady(ref, ref.person(result.ref_person)[0]),
        query_track=_steady(query, mirror_track(query_track) if result.is_mirrored else query_track),
        settings=settings,
    )
    return replace(result, feedback=told)


def _steady(clip: EmbeddedClip, track: PoseTrack) -> PoseTrack:
    """The keypoints that were embedded."""
    return track if clip.metadata.is_smoothed is False else steady_track(track)
