import cv2
import numpy as np
import pytest
from poses import standing

from poseflow.draw_figures import CELL, Panel, draw_panels, seen_obliquely, write_picture
from vvipe.geometry import to_canonical
from vvipe.skeleton import COCO13, H36M17


def test_a_standing_person_is_upright_with_the_left_to_the_viewers_right():
    points = seen_obliquely(to_canonical(standing())[0].numpy())
    assert points[H36M17.index("head"), 1] < points[0, 1] < points[H36M17.index("left_ankle"), 1]
    assert points[H36M17.index("left_hip"), 0] > points[H36M17.index("right_hip"), 0]


def test_projection_is_that_of_a_far_camera():
    from vvipe.cameras import look_at_rotation, project

    pose = to_canonical(standing())
    angles = (pose.new_tensor([np.deg2rad(value)]) for value in (215.0, 12.0, 0.0))
    far = 1e4
    expected = project(pose, look_at_rotation(*angles), pose.new_tensor([far]))[0][0].numpy() * far
    np.testing.assert_allclose(seen_obliquely(pose[0].numpy()), expected, atol=2e-3)


def test_figures_share_one_scale_unless_each_is_fitted():
    points = to_canonical(standing())[0].numpy()
    row = [Panel(seen_obliquely(points), H36M17), Panel(seen_obliquely(points / 3), H36M17)]

    def heights(picture):
        return [np.ptp(np.flatnonzero((part < 200).any((1, 2)))) for part in np.split(picture, 2, axis=1)]

    large, small = heights(draw_panels([row]))
    assert large == pytest.approx(3 * small, rel=0.15)
    large, small = heights(draw_panels([row], fit_each=True))
    assert large == pytest.approx(small, abs=2)


def test_missing_joints_are_left_out_and_nothing_is_an_empty_panel():
    points = np.full((13, 2), np.nan)
    assert (draw_panels([[Panel(points, COCO13)]]) == 255).all()
    points[:3] = [[0, 0], [1, 0], [0, 1]]
    assert (draw_panels([[Panel(points, COCO13)]]) < 255).any()
    assert (draw_panels([]) == 255).all()


def test_hits_and_misses_have_frames_of_their_colours():
    points = np.full((13, 2), np.nan)
    pictures = [draw_panels([[Panel(points, COCO13, mark=mark)]])[CELL // 2, 3] for mark in ("hit", "miss", "start")]
    assert len({tuple(pixel) for pixel in pictures}) == 3


def test_a_picture_is_written_whole_or_refused(tmp_path):
    picture = draw_panels([[Panel(seen_obliquely(standing()[0].numpy()), H36M17, "one", "hit")]])
    write_picture(tmp_path / "out.png", picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out.png")), picture)
    with pytest.raises(ValueError, match=".png"):
        write_picture(tmp_path / "out.gif", picture)
