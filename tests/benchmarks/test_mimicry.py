from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from poseflow_benchmarks.degradations import (
    LIMBS,
    busiest_limb,
    cut_late,
    limb_held,
    shaken,
    towards,
    wrong_movement,
)
from poseflow_benchmarks.kendall import measure_taus
from poseflow_benchmarks.machine import Machine
from poseflow_benchmarks.mimicry import DEGRADATIONS, MimicryReport, MimicryRow, pooled, within
from poseflow_benchmarks.mimicry_raters import OURS, draw_triples, faced
from poseflow_benchmarks.mirrored import SIDED, SIDELESS, MirrorRow, mirrored_poses
from poseflow_benchmarks.mocap_clips import View, film
from poseflow_benchmarks.ranks import auc, auc_by_actor, lead, mean_by_actor, nearest_neighbour_tau, spearman, whole
from poseflow_benchmarks.sync import keypoint_distance, keypoint_series
from poseflow_benchmarks.sync_mocap import SeriesSystem
from poseflow_cli.main import main
from poses import random_poses, standing
from scipy.spatial.transform import Rotation
from tiny_model import save_tiny_model

from vvipe.datasets.mocap import MocapSequence
from vvipe.geometry import canonicalize, center
from vvipe.skeleton import COCO13, H36M17


def waving(frames: int, *, joints: tuple[str, ...] = ("left_elbow", "left_wrist"), turn: float = 0.0) -> np.ndarray:
    """A standing person whose limb swings about its root through 60 degrees, body turning by `turn` degrees."""
    poses = np.repeat(standing().numpy().astype(np.float64), frames, axis=0)
    side, root = joints[0].split("_")[0], "shoulder" if joints[0].endswith("elbow") else "hip"
    pivot = poses[:, H36M17.index(f"{side}_{root}")][:, None]
    swing = Rotation.from_euler("y", np.linspace(0, 60, frames)[:, None], degrees=True).as_matrix()
    limb = list(H36M17.indices(*joints))
    poses[:, limb] = (poses[:, limb] - pivot) @ swing.transpose(0, 2, 1) + pivot
    heading = Rotation.from_euler("z", np.linspace(0, turn, frames)[:, None], degrees=True).as_matrix()
    return poses @ heading.transpose(0, 2, 1)


def bone_lengths(poses: np.ndarray) -> np.ndarray:
    return np.array([[np.linalg.norm(pose[c] - pose[p]) for p, c in H36M17.bones] for pose in poses])


def takes() -> list[MocapSequence]:
    """Every movement that the benchmark names, and one more, each by two actors."""
    labels = [*SIDED.values(), *SIDELESS.values(), "throwBasketball"]
    made = []
    for number, label in enumerate(labels):
        for actor in "ab":
            base = random_poses(2, seed=number).numpy()
            share = np.linspace(0, 1, 45 + 4 * number)[:, None, None] + (0.05 if actor == "b" else 0)
            poses = ((1 - share) * base[0] + share * base[1]).astype(np.float32)
            made.append(MocapSequence(f"{label}_{actor}", actor, label, 60.0, poses))
    return made


def write_takes(folder, sequences):
    np.savez(
        folder / "hdm05.npz",
        poses=np.concatenate([take.poses for take in sequences]),
        lengths=np.array([len(take.poses) for take in sequences]),
        names=np.array([take.name for take in sequences]),
        labels=np.array([take.label for take in sequences]),
        subjects=np.array([take.subject for take in sequences]),
        fps=np.array([take.fps for take in sequences]),
    )


def test_auc_is_the_share_of_pairs_won_with_ties_half():
    generator = np.random.default_rng(0)
    positive, negative = generator.integers(0, 6, 30), generator.integers(0, 5, 20)
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    assert auc(positive, negative) == pytest.approx(won / 600)
    assert auc(np.array([2.0]), np.array([1.0])) == 1.0
    assert auc(np.array([1.0, -np.inf]), np.array([-np.inf])) == 0.75


def test_spearman_is_the_closed_form_of_squared_rank_differences():
    a, b = np.array([3.0, 1.0, 4.0, 1.5, 9.0]), np.array([2.0, 7.0, 1.0, 8.0, 2.5])
    differences = np.argsort(np.argsort(a)) - np.argsort(np.argsort(b))
    assert spearman(a, b) == pytest.approx(1 - 6 * (differences**2).sum() / (5 * 24))
    assert spearman(a, a**3) == pytest.approx(1)
    assert spearman(a, np.zeros(5)) == 0


def test_tied_scores_share_their_ranks():
    assert spearman(np.array([100.0, 100.0, 50.0]), np.array([0, -1, -2])) == pytest.approx(np.sqrt(3) / 2)


def test_nearest_neighbour_tau_is_that_of_a_slow_count_of_pairs():
    cost = np.random.default_rng(1).random((25, 12))
    nearest = cost.argmin(1)
    agree, rows, columns = 0, 0, 0
    for i, j in combinations(range(25), 2):
        agree += np.sign(j - i) * np.sign(nearest[j] - nearest[i])
        rows, columns = rows + 1, columns + (nearest[i] != nearest[j])
    assert nearest_neighbour_tau(cost) == pytest.approx(agree / np.sqrt(rows * columns))


def test_tau_is_1_for_the_same_order_and_minus_1_for_the_reverse():
    cost = 1 - np.eye(7)
    assert nearest_neighbour_tau(cost) == pytest.approx(1)
    assert nearest_neighbour_tau(cost[::-1]) == pytest.approx(-1)


def test_tau_leaves_out_unseen_frames_and_is_unknown_where_nothing_is_ordered():
    cost = 1 - np.eye(6)
    cost[2], cost[:, 4] = np.nan, np.nan
    cost[4] = np.nan
    assert nearest_neighbour_tau(cost) == pytest.approx(1)
    assert np.isnan(nearest_neighbour_tau(np.full((3, 3), np.nan)))
    assert np.isnan(nearest_neighbour_tau(np.ones((1, 4))))
    assert np.isnan(nearest_neighbour_tau(np.ones((5, 4))))


def test_resampled_auc_is_that_of_the_scores_written_out_as_often_as_drawn():
    generator = np.random.default_rng(2)
    positive, negative = generator.normal(1, 1, 9), generator.normal(0, 1, 9)
    actors = list("abcabcabc")
    figure = auc_by_actor(positive, negative, actors, everybody="abc")
    times = {"a": 2, "b": 0, "c": 1}
    written = [
        np.concatenate([np.repeat(s, times[a]) for s, a in zip(x, actors, strict=True)]) for x in (positive, negative)
    ]
    assert figure(np.array([[2, 0, 1]]))[0] == pytest.approx(auc(*written))
    assert whole(figure, 3) == pytest.approx(auc(positive, negative))


def test_a_mean_over_groups_weighs_each_group_alike_and_leaves_nan_out():
    figure = mean_by_actor(np.array([1.0, 3.0, np.nan, 8.0]), list("abab"), ["x", "x", "y", "y"], everybody="ab")
    assert whole(figure, 2) == pytest.approx((2 + 8) / 2)
    assert figure(np.array([[2, 0]]))[0] == pytest.approx(1.0)


def test_a_lead_that_every_actor_gives_alike_has_an_interval_of_no_width():
    values = np.array([0.2, 0.5, 0.9])
    ours, theirs = (mean_by_actor(v, list("abc"), everybody="abc") for v in (values + 0.1, values))
    assert lead(ours, theirs, 3, seed=0) == pytest.approx((0.1, 0.1, 0.1))


def test_a_held_limb_keeps_its_first_angles_in_the_turning_body_and_all_bone_lengths():
    poses = waving(20, turn=90)
    held = limb_held(poses, "left arm", 1.0)
    canonical = canonicalize(center(torch.as_tensor(held))).numpy()
    arm = list(H36M17.indices("left_shoulder", "left_elbow", "left_wrist"))
    np.testing.assert_allclose(canonical[:, arm], np.repeat(canonical[:1, arm], 20, 0), atol=1e-9)
    np.testing.assert_allclose(bone_lengths(held), bone_lengths(poses), atol=1e-9)
    others = [j for j in range(17) if j not in arm[1:]]
    np.testing.assert_allclose(held[:, others], poses[:, others], atol=1e-9)


def test_nothing_held_changes_nothing_and_half_held_swings_half_as_far():
    poses = waving(21)
    np.testing.assert_allclose(limb_held(poses, "left arm", 0.0), poses, atol=1e-9)
    shoulder, elbow = H36M17.indices("left_shoulder", "left_elbow")
    arm = limb_held(poses, "left arm", 0.5)[:, elbow] - poses[:, shoulder]
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    whole_arm = poses[:, elbow] - poses[:, shoulder]
    whole_arm /= np.linalg.norm(whole_arm, axis=1, keepdims=True)
    swung, half = (np.degrees(np.arccos(np.clip(v[-1] @ v[0], -1, 1))) for v in (whole_arm, arm))
    assert half == pytest.approx(swung / 2, abs=1e-3)


@pytest.mark.parametrize("limb", sorted(LIMBS))
def test_the_limb_that_swings_is_the_busiest(limb):
    side, part = limb.split()
    joints = ("elbow", "wrist") if part == "arm" else ("knee", "ankle")
    assert busiest_limb(waving(15, joints=tuple(f"{side}_{joint}" for joint in joints), turn=70)) == limb


def test_wholly_the_wrong_movement_has_its_bone_directions_and_ones_own_lengths():
    own, other = random_poses(8, seed=1).numpy() * 1.2, random_poses(15, seed=2).numpy()
    wrong = wrong_movement(own, other, 1.0)
    np.testing.assert_allclose(bone_lengths(wrong), bone_lengths(own), rtol=1e-5)
    for parent, child in H36M17.bones:
        mine, theirs = wrong[::7, child] - wrong[::7, parent], other[[0, 14], child] - other[[0, 14], parent]
        np.testing.assert_allclose(np.linalg.norm(np.cross(mine, theirs), axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(wrong_movement(own, other, 0.0), own, atol=1e-6)


def test_a_larger_share_is_farther_from_ones_own_pose():
    own, other = random_poses(6, seed=3).numpy(), random_poses(6, seed=4).numpy()
    apart = [np.linalg.norm(towards(own, other, share) - own, axis=-1).mean() for share in (0, 0.25, 0.5, 0.75, 1)]
    assert (np.diff(apart) > 0).all()


def test_a_late_cut_begins_late_and_goes_on_with_what_follows():
    poses, other = random_poses(20, seed=5).numpy(), random_poses(40, seed=6).numpy()
    own = poses - poses[:, :1]
    np.testing.assert_allclose(cut_late(poses, 60.0, [other], 0.0), own, atol=1e-6)
    late = cut_late(poses, 60.0, [other], 0.25)
    assert late.shape == poses.shape
    np.testing.assert_allclose(late[:15], own[5:], atol=1e-6)
    held = cut_late(poses, 60.0, [], 0.5)
    np.testing.assert_allclose(held[10:], np.repeat(own[-1:], 10, 0), atol=1e-6)


def test_shaken_keypoints_are_off_by_the_share_of_the_torso_that_was_asked_for():
    track = film(np.repeat(standing().numpy(), 4000, 0), np.arange(4000) / 30, View(30.0))
    sides = track.keypoints[0, list(COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))]
    torso = max(np.linalg.norm(a - b) for a, b in combinations(sides, 2))
    off = shaken(track, 0.03, seed=1).keypoints - track.keypoints
    assert off.std() == pytest.approx(0.03 * 2 * torso, rel=0.02)
    np.testing.assert_array_equal(shaken(track, 0.03, seed=1).keypoints, shaken(track, 0.03, seed=1).keypoints)
    np.testing.assert_array_equal(shaken(track, 0.0, seed=1).keypoints, track.keypoints)


def test_missing_keypoints_stay_missing_when_shaken():
    track = film(standing().numpy(), np.zeros(1), View(30.0))
    track.keypoints[0, [0, 2]] = np.nan
    missing = np.isnan(shaken(track, 0.03, seed=1).keypoints).any(-1)
    assert missing[0, [0, 2]].all() and missing.sum() == 2


def test_a_mirrored_performance_does_with_the_right_what_was_done_with_the_left():
    mirrored = mirrored_poses(waving(10))
    left, right = H36M17.indices("left_wrist", "right_wrist")
    np.testing.assert_allclose(mirrored[:, right], waving(10)[:, left] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(np.ptp(mirrored[:, left], axis=0), 0, atol=1e-6)


def test_faced_takes_have_the_left_hip_on_y_of_the_right_one():
    poses = random_poses(3, seed=7).numpy()
    turned = faced(MocapSequence("t", "a", "l", 60.0, poses))
    left, right = H36M17.indices("left_hip", "right_hip")
    across = turned[0, left] - turned[0, right]
    assert across[0] == pytest.approx(0, abs=1e-6) and across[1] > 0
    np.testing.assert_allclose(turned[..., 2], poses[..., 2], atol=1e-6)


def test_triples_are_of_other_actors_and_their_cameras_alike_where_asked():
    apart, alike = (list(draw_triples(takes(), 12, is_cross_view=cross, seed=3)) for cross in (True, False))
    for cross, same in zip(apart, alike, strict=True):
        assert cross.ref.label == cross.same.label != cross.other.label
        assert cross.ref.subject not in (cross.same.subject, cross.other.subject)
        assert cross.ref.name == same.ref.name and cross.same.name == same.same.name
        assert cross.ref_view == same.ref_view == same.query_view != cross.query_view
    assert len({triple.ref.label for triple in apart[:9]}) == 9


def test_one_actor_alone_cannot_be_compared_with_others():
    with pytest.raises(ValueError, match="two actors"):
        list(draw_triples([take for take in takes() if take.subject == "a"], 1, is_cross_view=True, seed=0))


def test_scores_that_fall_with_every_step_have_spearman_1_within_and_less_pooled():
    scores = np.array([[90.0, 80, 70, 60, 50], [60, 50, 40, 30, 20]])
    np.testing.assert_allclose(within(scores), 1)
    assert within(scores[:, ::-1]) == pytest.approx([-1, -1])
    assert 0.5 < pooled(scores) < 1


def test_taus_are_of_all_ordered_pairs_of_a_movement():
    system = SeriesSystem("keypoints", keypoint_series, keypoint_distance)
    some = [take for take in takes() if take.label in ("squat1Reps", "grabHighR")]
    taus = measure_taus(some, [system], source=None, is_cross_view=False, seed=0)["keypoints"]
    assert sorted(zip(taus.movements, taus.actors, strict=True)) == [
        (m, a) for m in ("grabHighR", "squat1Reps") for a in "ab"
    ]
    assert min(taus.values) > 0.9  # one camera, one straight way from pose to pose


def test_every_system_camera_and_source_is_measured(tmp_path, capsys):
    write_takes(tmp_path, takes())
    model = save_tiny_model(tmp_path)
    arguments = ["--mocap", str(tmp_path), "--model", str(model), "--pairs", "2"]
    assert main(["bench", "mimicry", *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["rows"]) == 2 * 3 * 4 and len(told["mirrored"]) == 3 * 8
    assert told["model"].startswith("tiny@")
    ours, *rivals = told["rows"][:4]
    assert ours["leads"] == {}
    assert all(set(row["leads"]) == {"AUC", *DEGRADATIONS, "tau"} for row in rivals)
    for row in told["mirrored"]:
        assert (row["found"] + row["kept"]) / 2 + row["wrong"] + row["null"] == pytest.approx(100)


def test_the_report_is_three_tables_and_what_made_them():
    figures = {"AUC": 0.97, "tau": 0.5}
    for name in DEGRADATIONS:
        figures |= {name: 0.9, f"pooled {name}": 0.8}
    leads = dict.fromkeys(("AUC", *DEGRADATIONS, "tau"), (0.1, -0.05, 0.2))
    rows = (MimicryRow("cross-view", "D1", OURS, figures), MimicryRow("cross-view", "D1", "x", figures, leads))
    verdicts = (MirrorRow("deposit", "D1", True, 13, 80.0, 70.0, 5.0, 20.0),)
    report = MimicryReport(rows, verdicts, 55, 3, "tiny@1", "1" * 64, Machine("p", 2))
    table = report.to_markdown()
    assert f"| cross-view | D1 | {OURS} | 0.970 | 0.90 / 0.80 |" in table
    assert "| x | cross-view | D1 | +0.10 (-0.05 to +0.20) |" in table
    assert "| deposit | D1 | yes | 13 | 80 % | 70 % | 5 % | 20 % |" in table
    assert "55 pairs" in table and "tiny@1" in table and "seed 3" in table


def test_without_motion_capture_the_missing_file_is_named(tmp_path, capsys):
    assert main(["bench", "mimicry", "--mocap", str(tmp_path)]) == 1
    assert "hdm05.npz" in capsys.readouterr().err
