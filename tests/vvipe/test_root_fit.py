import numpy as np
import pytest
import torch
from poses import random_poses, random_rotations
from scipy.spatial.transform import Rotation

from vvipe.cameras import look_at_rotation
from vvipe.datasets.bodies import coco13_joints
from vvipe.geometry import to_canonical
from vvipe.root_fit import RootFitSettings, fit_root

EXACT = RootFitSettings(start_sd_deg=None, iterations=30)


def pictures(poses, rotations, *, distance=8.0, scale=120.0, place=(300.0, 200.0)):
    """(N, 13, 2) pixels of canonical poses turned into the camera's axes, by the pinhole's formula."""
    turned = np.einsum("nab,njb->nja", rotations, coco13_joints(poses).numpy())
    return scale * distance * turned[..., :2] / (turned[..., 2:] + distance) + place


def angles_deg(quaternions, rotations):
    found = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
    trace = np.einsum("nab,nab->n", found, rotations)
    return np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def turned_by(rotations, degrees, *, seed=0):
    """Quaternions that far away about random axes."""
    axes = np.random.default_rng(seed).standard_normal((len(rotations), 3))
    axes *= np.deg2rad(degrees) / np.linalg.norm(axes, axis=1, keepdims=True)
    return (Rotation.from_rotvec(axes) * Rotation.from_matrix(rotations)).as_quat(scalar_first=True)


@pytest.fixture
def scene():
    poses = to_canonical(random_poses(40))
    rotations = random_rotations(40).double().numpy()
    return poses, rotations, pictures(poses, rotations)


def test_exact_keypoints_give_the_rotation_back(scene):
    poses, rotations, keypoints = scene
    fit = fit_root(poses.numpy(), keypoints, start=turned_by(rotations, 20), settings=EXACT)
    assert np.median(angles_deg(fit.rotation, rotations)) < 0.05
    assert np.percentile(angles_deg(fit.rotation, rotations), 90) < 0.5
    assert np.percentile(fit.residual, 90) < 1e-3


def test_result_does_not_depend_on_unit_and_place(scene):
    poses, rotations, keypoints = scene
    start = turned_by(rotations, 10)
    one = fit_root(poses.numpy(), keypoints, start=start)
    other = fit_root(poses.numpy(), keypoints * 3 - 1000, start=start)
    np.testing.assert_allclose(one.rotation, other.rotation, atol=1e-4)


def test_missing_joints_and_an_outlier_do_little_harm(scene):
    poses, rotations, keypoints = scene
    keypoints = keypoints.copy()
    keypoints[:, [0, 7]] = np.nan
    keypoints[:, 5] += 60
    fit = fit_root(poses.numpy(), keypoints, start=turned_by(rotations, 10), settings=EXACT)
    assert np.median(angles_deg(fit.rotation, rotations)) < 2.5


def test_a_start_that_is_stiff_is_kept(scene):
    poses, rotations, keypoints = scene
    start = turned_by(rotations, 15)
    stiff = fit_root(poses.numpy(), keypoints, start=start, settings=RootFitSettings(start_sd_deg=0.01))
    assert angles_deg(stiff.rotation, Rotation.from_quat(start, scalar_first=True).as_matrix()).max() < 0.1


def test_without_a_start_an_upright_person_is_found():
    poses = to_canonical(random_poses(24, spread=0.05))
    azimuth = torch.linspace(0, 6, 24)
    camera = look_at_rotation(azimuth, torch.full((24,), 0.1), torch.zeros(24)).double().numpy()
    fit = fit_root(poses.numpy(), pictures(poses, camera), settings=EXACT)
    assert np.percentile(angles_deg(fit.rotation, camera), 90) < 1


def test_scores_weigh_joints(scene):
    poses, rotations, keypoints = scene
    keypoints = keypoints.copy()
    keypoints[:, [5, 6]] += 80
    scores = np.ones(keypoints.shape[:2])
    scores[:, [5, 6]] = 0
    fit = fit_root(poses.numpy(), keypoints, scores=scores, start=turned_by(rotations, 10), settings=EXACT)
    assert np.median(angles_deg(fit.rotation, rotations)) < 0.05


def test_rows_without_pose_or_enough_joints_are_nan(scene):
    poses, rotations, keypoints = scene
    given, keypoints = poses.numpy().copy(), keypoints.copy()
    given[0] = np.nan
    keypoints[1, 3:] = np.nan
    fit = fit_root(given, keypoints, start=turned_by(rotations, 5))
    assert np.isnan(fit.rotation[:2]).all() and np.isnan(fit.residual[:2]).all()
    assert np.isfinite(fit.rotation[2:]).all()


def test_no_rows_and_one_row(scene):
    poses, rotations, keypoints = scene
    assert fit_root(np.zeros((0, 17, 3)), np.zeros((0, 13, 2))).rotation.shape == (0, 4)
    start = turned_by(rotations, 5)
    many = fit_root(poses.numpy(), keypoints, start=start).rotation[:1]
    np.testing.assert_allclose(fit_root(poses[:1].numpy(), keypoints[:1], start=start[:1]).rotation, many, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("poses", {"poses": np.zeros((2, 16, 3))}),
        ("keypoints", {"keypoints": np.zeros((2, 17, 2))}),
        ("scores", {"scores": np.ones((2, 12))}),
        ("start", {"start": np.ones((1, 4))}),
    ],
)
def test_wrong_shapes_are_named(name, change):
    given = {"poses": np.zeros((2, 17, 3)), "keypoints": np.zeros((2, 13, 2))} | change
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        fit_root(given.pop("poses"), given.pop("keypoints"), **given)


@pytest.mark.parametrize(
    "setting",
    [{"distance": 0.0}, {"keypoint_sd": -1.0}, {"start_sd_deg": 0.0}, {"nose_weight": 2.0}, {"iterations": -1}],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f"RootFitSettings.*{next(iter(setting))}"):
        RootFitSettings(**setting)
