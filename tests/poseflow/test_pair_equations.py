import numpy as np
import pytest
from poses import random_poses
from scipy.spatial.transform import Rotation

from poseflow.hinges import bones_of, hinge_axes, poses_of, turn_bones
from poseflow.pair_equations import N_SHARED, N_TURNS, SHIFT, Estimate, step_of
from poseflow.pair_fit import PairFitSettings
from poseflow.pair_views import TO_COCO13, View

SETTINGS = PairFitSettings()
FRAMES = 2


def views(seed):
    generator = np.random.default_rng(seed)
    turns = Rotation.random(2 * FRAMES, random_state=seed).as_matrix().reshape(2, FRAMES, 3, 3)
    home = Rotation.from_rotvec(generator.normal(0, 0.1, (2 * FRAMES, 3))).as_matrix().reshape(2, FRAMES, 3, 3) @ turns
    weights = generator.uniform(0.2, 1, (2, FRAMES, 13))
    points = generator.normal(0, 0.5, (2, FRAMES, 13, 2))
    return tuple(View(points[n], weights[n], turns[n], home[n]) for n in range(2))


def estimate(*, seed=0):
    """Keypoints that nearly fit, so that each of them counts as much as it would alone."""
    generator = np.random.default_rng(seed)
    bones = bones_of(random_poses(FRAMES, seed=seed, spread=0.1).numpy().astype(float))
    turns = generator.normal(0, 0.2, (FRAMES, N_TURNS))
    start = Estimate(bones, generator.normal(0, 0.5, bones.shape), np.linalg.norm(bones, axis=-1).mean(0) * 1.02,
                     turns, np.array([0.05, -0.02]), views(seed))  # fmt: skip
    fitting = tuple(
        View(projected(pose, view.rotation), view.weights, view.rotation, view.home)
        for pose, view in zip(both_poses(start), start.views, strict=True)
    )
    return Estimate(start.bones, start.velocity, start.lengths, start.turns, start.shift_s, fitting)


def both_poses(at):
    late = at.bones + at.velocity * at.shift_s[:, None, None]
    return poses_of(at.bones), poses_of(turn_bones(late, hinge_axes(poses_of(at.bones)), at.turns))


def projected(poses, rotation):
    turned = np.einsum("tjk,tik->tji", poses[:, TO_COCO13], rotation)
    return turned[..., :2] / (1 + turned[..., 2:] / SETTINGS.distance)


def test_an_estimate_that_explains_everything_is_not_moved():
    at = estimate()
    lengths = np.linalg.norm(at.bones, axis=-1)
    exact = Estimate(at.bones[:1], at.velocity[:1], lengths[0], at.turns[:1], np.zeros(1), tuple(
        View(projected(pose, view.rotation)[:1], view.weights[:1], view.rotation[:1], view.rotation[:1])
        for pose, view in zip(both_poses(at_rest(at)), at.views, strict=True)
    ))  # fmt: skip
    decoded = exact.bones, bones_of(both_poses(exact)[1])
    step = step_of(exact, decoded, SETTINGS)
    shared = np.zeros((1, N_SHARED))
    shared[:, :N_TURNS] = exact.turns
    assert np.abs(step.bones_given(shared)).max() < 1e-9
    assert np.abs(step.camera_turns_given(shared)).max() < 1e-9
    assert (step.information @ shared[..., None])[..., 0] == pytest.approx(step.vector, abs=1e-6)


def at_rest(at):
    return Estimate(at.bones, at.velocity, at.lengths, at.turns, np.zeros(FRAMES), at.views)


def chosen(at, true, decoded_query):
    """(S,) shared unknowns of the first moment where cameras and bones are held."""
    seen = tuple(
        View(projected(pose, view.rotation), view.weights, view.rotation, view.rotation)
        for pose, view in zip(both_poses(true), at.views, strict=True)
    )
    stiff = PairFitSettings(bone_sd=1e-3, camera_sd_deg=1e-4, camera_step_sd_deg=1e-4)
    at = Estimate(at.bones, at.velocity, at.lengths, at.turns, at.shift_s, seen)
    step = step_of(at, (at.bones, bones_of(decoded_query)), stiff)
    return np.linalg.solve(step.information[0] + 1e-3 * np.eye(N_SHARED), step.vector[0])


@pytest.mark.parametrize("degrees", [0.3, -0.3])
def test_a_known_turn_is_what_the_equations_choose(degrees):
    at = at_rest(estimate(seed=1))
    for hinge in (0, 3, N_TURNS - 1):
        turns = at.turns.copy()
        turns[:, hinge] += np.deg2rad(degrees)
        true = Estimate(at.bones, at.velocity, at.lengths, turns, at.shift_s, at.views)
        found = np.rad2deg(chosen(at, true, both_poses(true)[1])[:N_TURNS] - at.turns[0])
        assert found == pytest.approx(degrees * np.eye(N_TURNS)[hinge], abs=0.05)


@pytest.mark.parametrize("late_s", [0.004, -0.004])
def test_a_known_delay_is_what_the_equations_choose(late_s):
    at = at_rest(estimate(seed=1))
    true = Estimate(at.bones, at.velocity, at.lengths, at.turns, np.full(FRAMES, late_s), at.views)
    assert chosen(at, true, both_poses(at)[1])[SHIFT] == pytest.approx(late_s, rel=0.1)


def test_information_is_symmetric_and_never_negative_and_chunks_do_not_matter():
    at = estimate(seed=2)
    decoded = at.bones + 0.01, bones_of(both_poses(at)[1])
    one = step_of(at, decoded, SETTINGS)
    assert one.information == pytest.approx(one.information.transpose(0, 2, 1), rel=1e-6, abs=1e-6)
    assert np.linalg.eigvalsh(one.information).min() > -1e-6
    many = np.resize(np.arange(FRAMES), 300)
    long = Estimate(at.bones[many], at.velocity[many], at.lengths, at.turns[many], at.shift_s[many], tuple(
        View(v.points[many], v.weights[many], v.rotation[many], v.home[many]) for v in at.views
    ))  # fmt: skip
    again = step_of(long, (decoded[0][many], decoded[1][many]), SETTINGS)
    assert again.information[299] == pytest.approx(one.information[many[299]])
    assert again.start[298] == pytest.approx(one.start[many[298]])
