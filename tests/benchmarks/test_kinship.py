import json

import numpy as np
import pytest
import torch
from mocap_files import write_npz
from poseflow_benchmarks.kinship import run_kinship
from poseflow_benchmarks.mirror_pairs import MirrorMeasure, found_share, learn_evidence, symmetric
from poseflow_benchmarks.mocap_clips import View, film, random_view, warped
from poseflow_benchmarks.movement_pairs import (
    Performance,
    cmu_performances,
    draw_pairs,
    kinship_of,
    labelled_performances,
)
from poses import random_poses, standing
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.datasets.mocap import MocapSequence
from vvipe.geometry import to_canonical
from vvipe.skeleton import COCO13, H36M17


def take(name, subject, label, frames=120):
    return MocapSequence(name, subject, label, 60.0, np.zeros((frames, 17, 3), np.float32))


def test_kinship_is_read_off_take_movement_and_person():
    a, b = Performance(take("1", "x", "jump"), "jump", "x"), Performance(take("2", "x", "jump"), "jump", "x")
    other = Performance(take("3", "y", "jump"), "jump", "y")
    walk = Performance(take("4", "y", "walk"), "walk", "y")
    nobody = Performance(take("5", "?", "jump"), "jump", None)
    assert kinship_of(a, a) == "same performance"
    assert kinship_of(a, b) == "same person"
    assert kinship_of(a, other) == kinship_of(a, nobody) == "other person"
    assert kinship_of(a, walk) == kinship_of(nobody, walk) == "other movement"
    assert kinship_of(nobody, Performance(take("6", "?", "jump"), "jump", None)) is None


def test_takes_of_unknown_labels_and_lengths_are_left_out():
    takes = [take("1", "cmu10", "soccer - kick ball"), take("2", "cmu10", "daydream"), take("3", "cmu8act", "soccer")]
    takes.append(take("4", "cmu10", "soccer - kick ball", frames=30))
    found = cmu_performances(takes)
    assert [(p.take.name, p.movement, p.person) for p in found] == [("1", "kick", "cmu10"), ("3", "kick", None)]


def test_pairs_are_drawn_by_kinship_and_kept_as_asked():
    performances = labelled_performances([take(str(i), "ab"[i % 2], "jump" if i < 4 else "walk") for i in range(6)])
    generator = np.random.default_rng(0)
    drawn = draw_pairs(performances, 7, generator=generator)
    assert {
        kinship: sum(p.kinship == kinship for p in drawn) for kinship in {p.kinship for p in drawn}
    } == dict.fromkeys(("same performance", "same person", "other person", "other movement"), 7)
    kept = draw_pairs(performances, 5, generator=generator, keep=lambda pair: pair.query.person == "a")
    assert {pair.query.person for pair in kept} == {"a"}


def test_a_warp_plays_the_take_at_its_speed():
    poses = np.arange(61, dtype=float)[:, None, None] * np.ones((61, 17, 3))
    played, time_s = warped(poses, 60.0, lambda t: 2 * t, 0.4)
    np.testing.assert_allclose(played[:, 0, 0], 120 * time_s)
    np.testing.assert_allclose(time_s, np.arange(12) / 30)


def test_a_film_shows_the_persons_left_on_the_cameras_right_from_the_front():
    track = film(standing().numpy(), np.zeros(1), View(azimuth_deg=180.0, elevation_deg=0.0))  # the person faces -x
    left, right = COCO13.indices("left_shoulder", "right_shoulder")
    hip, ankle = COCO13.indices("left_hip", "left_ankle")
    assert track.keypoints[0, left, 0] > track.keypoints[0, right, 0]
    assert track.keypoints[0, ankle, 1] > track.keypoints[0, hip, 1]
    assert (track.boxes[0, :2] <= track.keypoints[0].min(0) + 1e-3).all()


def test_noise_is_that_of_the_seed():
    poses, time_s, view = random_poses(5).numpy(), np.arange(5) / 30, random_view(np.random.default_rng(1))
    exact, noisy = film(poses, time_s, view), film(poses, time_s, view, noise_seed=3)
    assert not np.allclose(exact.keypoints, noisy.keypoints, atol=0.5)
    np.testing.assert_array_equal(noisy.keypoints, film(poses, time_s, view, noise_seed=3).keypoints)


def test_symmetric_poses_are_their_own_mirror_images():
    canonical = to_canonical(torch.as_tensor(symmetric(random_poses(4).numpy()))).numpy()
    mirrored = canonical[:, H36M17.flip_order] * np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(mirrored, canonical, atol=0.02)


def test_evidence_leaves_the_wanted_share_untold():
    untold = [MirrorMeasure(False, margin, 0.1) for margin in np.linspace(-0.1, 0.1, 201)]
    evidence = learn_evidence(untold, null_share=0.9)
    assert evidence == pytest.approx(0.009, abs=2e-4)
    sided = [MirrorMeasure(True, margin, 0.3) for margin in (0.1, 0.2, 0.01, -0.2)]
    assert found_share([*untold, *sided], evidence) == 0.5


def test_the_report_tells_every_kinship_and_what_made_it(tmp_path):
    write_npz(tmp_path / "hdm05.npz", takes=4, frames=80)
    embedder = Embedder.from_pretrained(save_tiny_model(tmp_path))
    report = run_kinship(tmp_path, embedder=embedder, data="hdm05", count=2)
    assert set(report.rows) == {"same performance", "other person"}
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["model"] == embedder.model_id
    assert embedder.model_id in report.to_markdown() and "other person" in report.to_markdown()
    assert run_kinship(tmp_path, embedder=embedder, data="hdm05", count=2) == report
