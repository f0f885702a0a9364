"""Saved clips of invented embeddings, for tests in which movements are known curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from poseflow.detect.protocol import ModelFile
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, PoseTrack
from poseflow.store import write_clip
from vvipe.skeleton import COCO17

FPS = 30.0


def movement(seed: int, time_s: np.ndarray, dimension: int = 8) -> np.ndarray:
    """(T, dimension) a smooth curve of its own for each seed, at any times."""
    generator = np.random.default_rng(seed)
    speed, phase = generator.uniform(1.5, 6, (2, 4, dimension))
    weight = generator.normal(size=(4, dimension))
    return (np.sin(np.asarray(time_s)[:, None, None] * speed + phase) * weight).sum(1)


def embedding_track(vectors: np.ndarray, *, person_id: int = 1, model: str, start_s: float = 0.0) -> EmbeddingTrack:
    """The curve as one person's track; NaN rows are not valid."""
    valid = np.isfinite(vectors).all(-1)
    frames = len(vectors)
    return EmbeddingTrack(
        person_id=person_id,
        time_s=start_s + np.arange(frames) / FPS,
        vectors=vectors.astype(np.float32),
        uncertainty=np.where(valid, 0.1, np.nan).astype(np.float32),
        valid=valid,
        model=model,
        root_rotation=np.full((frames, 4), np.nan, np.float32),
    )


def save_tracks(path: Path, people: Mapping[int, np.ndarray], *, model: str) -> Path:
    """Writes a clip of the people's curves; the keypoints mean nothing."""
    embeddings = tuple(embedding_track(v, person_id=person, model=model) for person, v in people.items())
    tracks = tuple(
        PoseTrack(
            person_id=one.person_id,
            skeleton=COCO17,
            index=np.arange(len(one.time_s)),
            time_s=one.time_s,
            keypoints=np.zeros((len(one.time_s), 17, 2), np.float32),
            scores=np.ones((len(one.time_s), 17), np.float32),
            boxes=np.tile(np.array([0, 0, 100, 200], np.float32), (len(one.time_s), 1)),
            box_scores=np.ones(len(one.time_s), np.float32),
        )
        for one in embeddings
    )
    metadata = ClipMetadata(source=f"{path.stem}.mp4", frames=len(tracks[0].time_s), model=ModelFile(model, "0" * 64))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_clip(path, EmbeddedClip(tracks, embeddings, metadata))
    return path
