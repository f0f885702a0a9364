from __future__ import annotations

import shutil

import cdflib
import numpy as np
import pytest
import torch
from capture_files import (
    H36M_CAMERAS,
    H36M_JOINTS,
    h36m_takes,
    in_camera,
    pixels,
    spread,
    world_poses,
    write_cdf,
    write_h36m_cdf,
    write_h36m_mmpose,
    write_videopose,
)

from vvipe.datasets.h36m import action_name, camera_to_world, load_h36m, read_pose_cdf
from vvipe.datasets.mmpose_body3d import read_body3d, read_cameras
from vvipe.errors import FileFormatError
from vvipe.geometry import normalize_2d

# COCO-13 among H36M-17 by hand: nose = neck/nose, then left and right of shoulder, elbow, wrist, hip, knee, ankle.
COCO13 = [9, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
FRAMES = 21
TAKES = [(i, take) for i, take in enumerate(h36m_takes()) if take != ("S11", "Directions")]
WRITERS = {"cdf": write_h36m_cdf, "videopose": write_videopose, "mmpose": write_h36m_mmpose}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return {name: write(tmp_path_factory.mktemp(name), frames=FRAMES) for name, write in WRITERS.items()}


def _expected() -> tuple[np.ndarray, np.ndarray]:
    """World poses and the four cameras' pixels of frames 0, 10, 20, recordings sorted by name."""
    order = sorted(TAKES, key=lambda item: (item[1][0] != "S9", action_name(item[1][1])))
    world = np.concatenate([world_poses(i, FRAMES)[::10] for i, _ in order])
    return world, np.stack([pixels(in_camera(world, number)) for number in range(4)])


@pytest.mark.parametrize("layout", WRITERS)
def test_each_layout_gives_every_tenth_frame_of_both_subjects_in_four_cameras(roots, layout):
    found = load_h36m(roots[layout])
    world, seen = _expected()
    assert found.keypoints.shape == (4, len(TAKES) * 3, 13, 2) and found.chest == (0, 1, 2, 3)
    centred = world - world[:, :1]
    torso = np.linalg.norm(centred[:, 7], axis=-1) + np.linalg.norm(centred[:, 8] - centred[:, 7], axis=-1)
    poses = torch.from_numpy(centred / torso[:, None, None]).float()
    torch.testing.assert_close(found.poses, poses, atol=1e-4, rtol=0)
    pixel = torch.from_numpy(seen[:, :, COCO13]).float()
    torch.testing.assert_close(found.keypoints, pixel, atol=0.02, rtol=0)
    assert found.take.unique(return_counts=True)[1].tolist() == [3] * len(TAKES)


@pytest.mark.parametrize("view", ["D3_Positions_mono", "D3_Positions_mono_universal"])
def test_cdf_folder_without_2d_files_is_projected(roots, tmp_path, view):
    projected, seen = load_h36m(write_h36m_cdf(tmp_path, view)), load_h36m(roots["cdf"])
    assert view in projected.name
    ours, theirs = (normalize_2d(s.keypoints.flatten(0, 1))[0] for s in (projected, seen))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_real_2d_files_are_preferred_to_projection(tmp_path):
    root = write_h36m_cdf(tmp_path, ("D3_Positions_mono_universal", "D2_Positions"), frames=11)
    assert load_h36m(root).name == "Human3.6M (2D of D2_Positions)"


def test_take_of_near_duplicates_is_one_pose_unless_keys_ask_for_all(tmp_path):
    root = write_h36m_cdf(tmp_path / "data")
    still = np.repeat(world_poses(0, 1), FRAMES, axis=0)
    path = root / "S9" / "MyPoseFeatures" / "D3_Positions" / "Directions.cdf"
    path.unlink()
    write_cdf(path, spread(still, H36M_JOINTS, 32).reshape(FRAMES, 96) * 1000)
    assert len(load_h36m(root).poses) == len(TAKES) * 3 - 2
    keys = tmp_path / "keys.txt"
    keys.write_text("".join(f"S9:Directions:54138969:{frame:06d}\n" for frame in (0, 10, 20)))
    assert len(load_h36m(root, keys=keys).poses) == 3


@pytest.mark.parametrize("layout", WRITERS)
def test_keys_choose_the_frames(roots, tmp_path, layout):
    keys = tmp_path / "h36m-val-C0.txt"
    keys.write_text("S11:Directions 1:54138969:000020\nS9:TakingPhoto:54138969:000000\nS9:Photo:54138969:000005\n")
    found = load_h36m(roots[layout], keys=keys)
    takes = h36m_takes()
    photo, directions = takes.index(("S9", "TakingPhoto")), takes.index(("S11", "Directions 1"))
    world = np.concatenate([world_poses(photo, FRAMES)[[0, 5]], world_poses(directions, FRAMES)[[20]]])
    seen = torch.from_numpy(pixels(in_camera(world, 2))[:, COCO13]).float()
    rows = torch.argsort(found.keypoints[2, :, 0, 0]), torch.argsort(seen[:, 0, 0])
    torch.testing.assert_close(found.keypoints[2][rows[0]], seen[rows[1]], atol=0.02, rtol=0)


def test_keys_that_the_data_lacks_are_named(roots, tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text("S9:Directions:54138969:000090\nS9:Directions:54138969:000100\n")
    with pytest.raises(FileFormatError, match=r"lists frame 90 of S9 Directions, and 1 more"):
        load_h36m(roots["cdf"], keys=keys)
    keys.write_text("S9:Directions:54138969:000000\nS5:Dancing:54138969:000000\n")
    with pytest.raises(FileFormatError, match=r"recording\(s\) that keys\.txt lists are missing: S5 Dancing"):
        load_h36m(roots["cdf"], keys=keys)


def test_keys_of_the_other_data_set_are_refused_with_the_line(roots, tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text("S9:Directions:54138969:000000\n\nS1:Seq1:V0:C0:003370\n")
    with pytest.raises(FileFormatError, match=r"keys\.txt, line 3: expected SUBJECT:ACTION:CAMERA:FRAME"):
        load_h36m(roots["cdf"], keys=keys)
    keys.write_text("")
    with pytest.raises(FileFormatError, match="empty"):
        load_h36m(roots["cdf"], keys=keys)


def test_folder_without_the_data_names_the_layouts_and_where_they_are_had(tmp_path):
    with pytest.raises(FileFormatError, match=r"no Human3\.6M here; .*D3_Positions.*data_3d.*annotation_body3d.*imar"):
        load_h36m(tmp_path)
    with pytest.raises(FileFormatError, match="no such file or folder"):
        load_h36m(tmp_path / "none")


def test_partial_cdf_folder_says_what_is_missing(tmp_path):
    root = write_h36m_cdf(tmp_path, frames=1)
    path = root / "S9" / "MyPoseFeatures" / "D2_Positions" / "Eating.60457274.cdf"
    path.unlink()
    with pytest.raises(FileFormatError, match=r"Eating\.60457274\.cdf: no such file; .* four cameras"):
        load_h36m(root)
    (root / "S9" / "MyPoseFeatures" / "D3_Positions" / "Eating.cdf").unlink()
    with pytest.raises(FileFormatError, match=r"recording\(s\) missing: S9 Eating \(1 of 2\); .*vision\.imar\.ro"):
        load_h36m(root)
    shutil.rmtree(root / "S11" / "MyPoseFeatures" / "D2_Positions")
    with pytest.raises(FileFormatError, match="the 2D is missing: expected one of D2_Positions, D3_Positions_mono"):
        load_h36m(root)
    shutil.rmtree(root / "S11")
    with pytest.raises(FileFormatError, match=r"S11/D3_Positions: no such folder"):
        load_h36m(root)


def test_camera_with_fewer_frames_is_an_error(tmp_path):
    root = write_h36m_cdf(tmp_path, frames=2)
    path = root / "S9" / "MyPoseFeatures" / "D2_Positions" / "Eating.60457274.cdf"
    path.unlink()
    write_cdf(path, np.zeros((1, 64)))
    with pytest.raises(FileFormatError, match=r"Eating\.60457274\.cdf: 1 frames, D3_Positions has 2"):
        load_h36m(root)


def test_damaged_or_foreign_cdf_is_an_error(tmp_path):
    (tmp_path / "x.cdf").write_bytes(b"\0" * 400)
    with pytest.raises(FileFormatError, match="cannot be read as a CDF"):
        read_pose_cdf(tmp_path / "x.cdf", coordinates=3)
    write_cdf(tmp_path / "y.cdf", np.zeros((2, 64)))
    with pytest.raises(FileFormatError, match=r"expected Pose \(1, frames, 96\)"):
        read_pose_cdf(tmp_path / "y.cdf", coordinates=3)


def test_cdf_joints_are_those_of_the_32(tmp_path):
    values = np.arange(2 * 96, dtype=float).reshape(2, 96)
    write_cdf(tmp_path / "x.cdf", values)
    assert cdflib.CDF(tmp_path / "x.cdf").varget("Pose").shape == (1, 2, 96)  # as the real files are
    np.testing.assert_array_equal(
        read_pose_cdf(tmp_path / "x.cdf", coordinates=3), values.reshape(2, 32, 3)[:, H36M_JOINTS]
    )


def test_detections_in_coco_order_keep_their_nose(tmp_path):
    found = load_h36m(write_videopose(tmp_path, layout="coco", frames=1))
    seen = pixels(in_camera(world_poses(0, 1), 0))[0]  # S9 Directions comes first
    np.testing.assert_allclose(found.keypoints[0, 0, 0], seen[0], atol=0.02)
    np.testing.assert_allclose(found.keypoints[0, 0, 12], seen[16], atol=0.02)


@pytest.mark.parametrize(("name_2d", "has_scores"), [("gt", False), ("cpn_ft_h36m_dbb", True)])
def test_a_detectors_keypoints_have_scores_and_projected_ones_have_none(tmp_path, name_2d, has_scores):
    found = load_h36m(write_videopose(tmp_path, frames=1, name_2d=name_2d))
    assert (found.scores is not None) == has_scores
    if has_scores:
        assert bool((found.scores == 1).all())


def test_scores_of_a_detector_are_kept(tmp_path):
    write_videopose(tmp_path, frames=1, name_2d="mine")
    path = tmp_path / "data_2d_h36m_mine.npz"
    content = dict(np.load(path, allow_pickle=True))
    for actions in content["positions_2d"].item().values():
        for name, views in actions.items():
            actions[name] = [np.concatenate([v, np.full((*v.shape[:2], 1), 0.25)], axis=-1) for v in views]
    np.savez(path, **content)
    assert bool((load_h36m(tmp_path).scores == 0.25).all())


def test_one_of_several_2d_archives_must_be_chosen(tmp_path):
    write_videopose(tmp_path, frames=1)
    write_videopose(tmp_path, frames=1, name_2d="cpn_ft_h36m_dbb")
    with pytest.raises(FileFormatError, match=r"several 2D files \(data_2d_h36m_cpn.*data_2d_h36m_gt.npz\): give the"):
        load_h36m(tmp_path)
    assert load_h36m(tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz").name == "Human3.6M (cpn_ft_h36m_dbb)"


def test_missing_archive_is_named(tmp_path):
    write_videopose(tmp_path, frames=1)
    (tmp_path / "data_2d_h36m_gt.npz").rename(tmp_path / "kept")
    with pytest.raises(FileFormatError, match=r"data_2d_h36m_gt\.npz: no such file, nor any data_2d"):
        load_h36m(tmp_path)
    (tmp_path / "kept").rename(tmp_path / "data_2d_h36m_gt.npz")
    (tmp_path / "data_3d_h36m.npz").unlink()
    with pytest.raises(FileFormatError, match=r"data_3d_h36m\.npz: no such file; VideoPose3D"):
        load_h36m(tmp_path)


def test_archive_of_another_layout_is_an_error(tmp_path):
    write_videopose(tmp_path, frames=1, layout="openpose")
    with pytest.raises(FileFormatError, match="layout 'openpose'; known: h36m, coco"):
        load_h36m(tmp_path)
    np.savez(tmp_path / "data_3d_h36m.npz", poses=np.zeros(3))
    with pytest.raises(FileFormatError, match="'positions_3d' missing, found: poses"):
        load_h36m(tmp_path)
    (tmp_path / "data_3d_h36m.npz").write_bytes(b"no archive")
    with pytest.raises(FileFormatError, match="cannot be read as plain arrays"):
        load_h36m(tmp_path)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ([1, 2], r"data_3d_h36m\.npz: S9 Eating: expected \(T, 32, 3\), got \(2,\)"),
        (np.full((1, 32, 3), np.nan), "S9 Eating: 1 of 1 chosen poses are NaN or a point"),
        (np.zeros((1, 32, 3)), "S9 Eating: 1 of 1 chosen poses are NaN or a point"),
    ],
)
def test_poses_that_are_none_are_named_by_their_recording(tmp_path, stored, said):
    write_videopose(tmp_path, frames=1)
    poses = np.load(tmp_path / "data_3d_h36m.npz", allow_pickle=True)["positions_3d"].item()
    poses["S9"]["Eating"] = stored
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(poses, dtype=object))
    with pytest.raises(FileFormatError, match=said):
        load_h36m(tmp_path)


def test_mmpose_folder_without_a_file_names_it(tmp_path):
    root = write_h36m_mmpose(tmp_path, frames=1)
    (root / "annotation_body3d" / "cameras.pkl").unlink()
    with pytest.raises(FileFormatError, match=r"cameras\.pkl: no such file; MMPose's data preparation"):
        load_h36m(root)


def test_full_rate_annotations_give_the_same_set(roots, tmp_path):
    full, tenth = load_h36m(write_h36m_mmpose(tmp_path, rate="fps50")), load_h36m(roots["mmpose"])
    torch.testing.assert_close(full.keypoints, tenth.keypoints)


@pytest.mark.real_data
def test_real_annotations_stand_on_the_floor_and_project_onto_their_keypoints(real_file):
    body = read_body3d(real_file("data/formats/mmpose_h36m_test_body3d.npz"))
    cameras = read_cameras(real_file("data/formats/mmpose_h36m_cameras.pkl"))
    assert len(body.images) == 4 and len(cameras) == 44
    assert {name for _, name in cameras} == set(H36M_CAMERAS)
    for image, keypoints, poses in zip(body.images.tolist(), body.keypoints, body.poses, strict=True):
        camera = cameras[image.split("/")[0], image.split(".")[1].split("/")[0].split("_")[0]]
        projected = poses[:, :2] / poses[:, 2:] * camera["f"].T + camera["c"].T
        assert np.abs(projected - keypoints).max() < 3  # the lens distorts by up to that
        height = camera_to_world(poses[None], camera)[0, :, 2]
        assert 0 < height[[3, 6]].min() < 0.15 and height.max() < 1.9
