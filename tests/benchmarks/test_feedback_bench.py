import json

import numpy as np
import pytest
from poseflow_benchmarks.bent_takes import BENT_JOINTS, Bend, Case, bent, draw_case
from poseflow_benchmarks.feedback import judge_lines, run_feedback
from poses import random_poses, standing
from tiny_model import save_tiny_model

from poseflow.feedback_records import FeedbackLine
from poseflow.joint_angles import ANGLES, joint_angles
from poseflow.tolerances import TOLERANCES_FILE
from vvipe import Embedder
from vvipe.datasets.mocap import MocapSequence
from vvipe.skeleton import H36M17

NAMES = [angle.name for angle in ANGLES]
MAIN = {"elbow": "elbow_bend", "knee": "knee_bend", "shoulder": "shoulder_raise", "hip": "hip_bend"}


def main_column(joint):
    side, part = joint.split("_")
    return NAMES.index(f"{side}_{MAIN[part]}")


def bent_person():
    """(1, 17, 3) with elbows and knees at about 50 degrees, arms forward and thighs raised."""
    pose = standing().numpy()[0].astype(float)
    place = {name: pose[H36M17.index(name)] for name in H36M17.joints}
    for side, out in (("left", -1), ("right", 1)):
        elbow = place[f"{side}_shoulder"] + 0.28 * np.array([-0.6, 0.3 * out, -0.74])
        knee = place[f"{side}_hip"] + 0.45 * np.array([-0.5, 0, -0.87])
        moved = {"elbow": elbow, "wrist": elbow + 0.25 * np.array([-1.0, 0, 0.1]), "knee": knee}
        moved["ankle"] = knee + 0.42 * np.array([0.4, 0, -0.92])
        for part, at in moved.items():
            pose[H36M17.index(f"{side}_{part}")] = at
    return pose[None]


@pytest.mark.parametrize("joint", BENT_JOINTS)
@pytest.mark.parametrize("amount", [25.0, -15.0])
def test_a_bend_changes_its_angle_by_the_amount_and_no_bone(joint, amount):
    poses = bent_person()
    turned = bent(poses, joint, np.array([amount]))
    change = (joint_angles(turned) - joint_angles(poses))[0, main_column(joint)]
    assert change == pytest.approx(amount, abs=6 if "hip" in joint else 0.5)
    lengths = [np.linalg.norm(p[:, [c for _, c in H36M17.bones]] - p[:, [a for a, _ in H36M17.bones]], axis=-1)
               for p in (poses, turned)]  # fmt: skip
    np.testing.assert_allclose(*lengths, atol=1e-9)


def test_a_bend_leaves_every_other_limb_alone():
    poses = bent_person()
    turned = bent(poses, "left_shoulder", np.array([30.0]))
    moved = {H36M17.joints[i] for i in np.flatnonzero(np.abs(turned - poses)[0].max(-1) > 1e-9)}
    assert moved == {"left_elbow", "left_wrist"}


def take():
    generator = np.random.default_rng(0)
    ends = random_poses(8, seed=2, spread=0.04).numpy()
    share = np.linspace(0, 7, 480)
    left = np.minimum(share.astype(int), 6)
    mixed = ends[left] + (share - left)[:, None, None] * (ends[left + 1] - ends[left])
    return MocapSequence("take", str(generator.integers(9)), "moves", 60.0, mixed.astype(np.float32))


def save(sequence, path):
    columns = {"names": sequence.name, "labels": sequence.label, "subjects": sequence.subject, "fps": 60}
    columns = {name: np.array([value]) for name, value in columns.items()}
    np.savez(path, poses=sequence.poses, lengths=np.array([len(sequence.poses)]), **columns)


def test_a_drawn_bend_is_in_the_poses_for_its_window_alone():
    case = draw_case([take()], np.random.default_rng(3), amount_deg=30.0, length_s=6.0)
    change = case.true_delta_deg[:, main_column(case.bend.joint)] * np.sign(case.bend.amount_deg)
    inside = (case.time_s > case.bend.start_s + 0.2) & (case.time_s < case.bend.end_s - 0.2)
    outside = (case.time_s < case.bend.start_s) | (case.time_s > case.bend.end_s)
    assert np.median(change[inside]) == pytest.approx(30, abs=8)
    assert np.abs(change[outside]).max() < 1e-9


def test_nothing_is_bent_where_that_is_asked_for():
    case = draw_case([take()], np.random.default_rng(0), amount_deg=None)
    assert case.bend is None
    assert case.query_poses is case.ref_poses


def test_other_bodies_come_in_other_lengths():
    plain, varied = (draw_case([take()], np.random.default_rng(0), amount_deg=None, is_varied=v) for v in (False, True))
    assert plain.duration_s == pytest.approx(8, abs=0.1) and 1.9 < varied.duration_s < 7.9

    def thigh(case):
        hip, knee = H36M17.indices("left_hip", "left_knee")
        return np.median(np.linalg.norm(case.ref_poses[:, knee] - case.ref_poses[:, hip], axis=-1))

    assert abs(thigh(varied) / thigh(plain) - 1) > 0.01


def test_a_bend_that_no_take_allows_is_an_error():
    short = MocapSequence("short", "x", "", 60.0, take().poses[:60])
    with pytest.raises(ValueError, match="amount_deg"):
        draw_case([short], np.random.default_rng(0), amount_deg=20.0)


def line(joint="left_elbow", angle="left_elbow_bend", delta=20.0, start=2.0, end=4.0):
    return FeedbackLine(start, end, joint, "", delta, angle, 1.0)


def elbow_case():
    time_s = np.arange(180) / 30
    poses = np.repeat(bent_person(), 180, axis=0)
    inside = (time_s >= 2) & (time_s < 4)
    return Case(time_s, poses, bent(poses, "left_elbow", 30.0 * inside), Bend("left_elbow", 30.0, 2.0, 4.0), "")


def test_a_line_is_right_by_joint_way_and_time():
    case = elbow_case()
    assert judge_lines([line()], case).told_shares == pytest.approx([20 / 30], rel=0.02)
    wrong = [line(joint="right_elbow", angle="right_elbow_bend"), line(delta=-20.0), line(start=0.0, end=1.9)]
    wrong += [line(start=3.5, end=4.0), line(start=0.0, end=6.0)]
    outcome = judge_lines(wrong, case)
    assert (outcome.told, outcome.right, outcome.is_found) == (5, 0, False)


def test_every_line_on_an_unaltered_performance_is_false():
    case = elbow_case()
    unaltered = Case(case.time_s, case.ref_poses, case.ref_poses, None, "")
    assert judge_lines([line()], unaltered).right == 0


def test_the_benchmark_runs_through_with_any_model(tmp_path):
    save(take(), tmp_path / "hdm05.npz")
    embedder = Embedder.from_pretrained(save_tiny_model(tmp_path / "model"))
    settings = {"data": "hdm05", "count": 2, "keypoints": ("GT", "D1"), "amounts_deg": (0.0, 35.0)}
    report = run_feedback(tmp_path, embedder=embedder, **settings)
    assert [(row.keypoints, row.amount_deg, row.cases) for row in report.rows] == [
        ("GT", 0, 2), ("GT", 35, 2), ("D1", 0, 2), ("D1", 35, 2),
    ]  # fmt: skip
    assert all(0 <= row.recall <= 1 for row in report.rows if row.amount_deg)
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["rows"][0]["recall"] is None
    assert "| GT | nothing | 2 |" in report.to_markdown()


def test_no_tolerance_is_learnt_on_data_kept_for_tests():
    origins = [kind["origin"] for model in json.loads(TOLERANCES_FILE.read_text()).values() for kind in model.values()]
    assert origins
    assert not any(name in origin.lower() for origin in origins for name in ("hdm05", "mocap6"))
