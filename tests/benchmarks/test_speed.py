from __future__ import annotations

import json

import pytest
import torch
from mocap_files import write_npz
from poseflow_benchmarks.open_sets import make_set
from poseflow_benchmarks.speed import agreement_of, rerank_agreement, run_speed
from poses import random_poses
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.body_frame import body_aligned
from vvipe.cameras import TRAINING_RIG
from vvipe.datasets.mocap import read_npz
from vvipe.errors import FileFormatError
from vvipe.geometry import normalize_3d, np_mpjpe
from vvipe.retrieval import Representation


def test_a_small_run_reports_both_kinds_of_vectors(tmp_path):
    embedder = Embedder.from_pretrained(save_tiny_model(tmp_path))
    write_npz(tmp_path / "cmu_more.npz", takes=3, frames=200)
    report = run_speed(tmp_path, embedder=embedder, n_poses=60, n_cameras=3)
    telling, random = report.rows
    assert telling.hit1 > random.hit1
    assert 0 < telling.decided <= random.decided <= 60 * 60
    assert report.n_pairs == 6
    assert json.loads(json.dumps(report.to_json()))["machine"]["cores"] >= 1
    assert "| random |" in report.to_markdown()
    assert 0 < report.encoder_ms < 100


def test_too_few_poses_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="larger file"):
        embedder = Embedder.from_pretrained(save_tiny_model(tmp_path))
        write_npz(tmp_path / "cmu_more.npz", takes=1, frames=30)
        run_speed(tmp_path, embedder=embedder, n_poses=60)


class PoseSystem:
    """Poses found in the body's frame and sorted by NP-MPJPE."""

    name = "poses"

    def of_poses(self, poses):
        return Representation(body_aligned(poses).flatten(1), poses)

    def distance(self, query, candidates):
        b, m = candidates.shape[:2]
        target = query[:, None].expand(b, m, 17, 3).flatten(0, 1)
        return np_mpjpe(candidates.flatten(0, 1), target).reshape(b, m)


def noisy(poses: torch.Tensor, seed: int, *, sd: float) -> torch.Tensor:
    return poses + sd * torch.randn(poses.shape, generator=torch.Generator().manual_seed(seed))


def test_sorting_all_agrees_with_itself():
    system, poses = PoseSystem(), normalize_3d(random_poses(60))
    query, index = (system.of_poses(noisy(poses, seed, sd=0.05)) for seed in (1, 2))
    agreement = agreement_of(system, query, index, poses, pool=60)
    assert agreement.nearest == 1
    assert set(agreement.hits.values()) == {1.0}


def test_sorting_too_few_does_not():
    system, poses = PoseSystem(), normalize_3d(random_poses(200, spread=0.05))
    query, index = (system.of_poses(noisy(poses, seed, sd=0.2)) for seed in (1, 2))
    assert agreement_of(system, query, index, poses, pool=20).hits[20] < 1


def test_a_trained_system_is_asked_on_one_camera_pair(tmp_path):
    from poseflow_benchmarks.retrieval import EmbedderSystem

    own = make_set("own", read_npz(write_npz(tmp_path / "m.npz", takes=2, frames=300)), TRAINING_RIG)
    embedder = Embedder.from_pretrained(save_tiny_model(tmp_path))
    agreement = rerank_agreement(EmbedderSystem(embedder), own, max_poses=30)
    assert (agreement.n_queries, agreement.nearest) == (30, 1.0)
