from __future__ import annotations

import math

import pytest
import torch
from poses import standing

from vvipe import cameras as c
from vvipe.geometry import normalize_3d


def _angles(*degrees: float) -> list[torch.Tensor]:
    return [torch.tensor([math.radians(d)]) for d in degrees]


def test_camera_in_front_of_x_sees_y_to_the_right_and_z_up():
    rotation = c.look_at_rotation(*_angles(0, 0, 0))
    points = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]])
    image, depth = c.project(points, rotation, torch.tensor([2.0]))
    torch.testing.assert_close(image, torch.tensor([[[0.5, 0.0], [0.0, -0.5], [0.0, 0.0]]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(depth, torch.tensor([[2.0, 2.0, 1.0]]))


def test_no_camera_mirrors():
    generator = torch.Generator().manual_seed(0)
    rotations = c.random_rotations(500, c.CameraRange(), generator)
    torch.testing.assert_close(torch.det(rotations), torch.ones(500))
    torch.testing.assert_close(rotations @ rotations.transpose(1, 2), torch.eye(3).expand(500, 3, 3), atol=1e-5, rtol=0)


def test_facing_person_shows_the_left_hand_on_the_right_of_the_image():
    # The person faces -x, so the camera stands at azimuth 180.
    rotation = c.look_at_rotation(*_angles(180, 0, 0))
    image, _ = c.project(normalize_3d(standing()), rotation, torch.tensor([8.0]))
    assert image[0, 13, 0] > 0 > image[0, 16, 0]


def test_elevated_camera_looks_down():
    rotation = c.look_at_rotation(*_angles(0, 30, 0))
    forward = rotation[0, 2]
    assert forward[2] == pytest.approx(-0.5, abs=1e-6)


def test_roll_turns_the_image_about_its_middle():
    point = torch.tensor([[[0.0, 1.0, 0.0]]])
    image, _ = c.project(point, c.look_at_rotation(*_angles(0, 0, 90)), torch.tensor([1.0]))
    torch.testing.assert_close(image, torch.tensor([[[0.0, -1.0]]]), atol=1e-6, rtol=0)


def test_elevation_is_drawn_from_its_range_whatever_the_roll():
    cameras = c.CameraRange(elevation_deg=(10, 20), roll_deg=(-30, 30))
    forward = c.random_rotations(1000, cameras, torch.Generator().manual_seed(1))[:, 2]
    elevation = torch.rad2deg(torch.asin(-forward[:, 2]))
    assert elevation.min() >= 10 - 1e-3 and elevation.max() <= 20 + 1e-3
    assert elevation.min() < 10.5 and elevation.max() > 19.5


def test_no_joint_comes_nearer_than_the_limit():
    points = torch.randn(200, 17, 3)
    rotation = c.random_rotations(200, c.CameraRange(), torch.Generator().manual_seed(2))
    distance = c.push_back(points, rotation, torch.full((200,), 0.5), 0.3)
    _, depth = c.project(points, rotation, distance)
    assert depth.min() >= 0.3 - 1e-5
    assert (distance >= 0.5).all()


def test_rigs_have_the_papers_numbers_of_cameras():
    assert (len(c.TRAINING_RIG), len(c.UNSEEN_RIG), len(c.UNSEEN_RIG.chest)) == (4, 11, 5)
    assert c.UNSEEN_RIG.rotations().shape == (11, 3, 3)


@pytest.mark.parametrize("change", [{"elevation_deg": (5, -5)}, {"distance": (0.2, 4.0)}])
def test_impossible_ranges_are_errors(change):
    with pytest.raises(ValueError, match="CameraRange"):
        c.CameraRange(**change)
