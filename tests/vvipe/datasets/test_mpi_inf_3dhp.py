from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import torch
from capture_files import (
    camera,
    dhp_takes,
    in_camera,
    pixels,
    world_poses,
    write_3dhp,
    write_3dhp_mmpose,
    write_calibration,
)

from vvipe.datasets.mmpose_body3d import read_body3d, read_cameras, recordings
from vvipe.datasets.mpi_inf_3dhp import FROM_MMPOSE, load_3dhp, mmpose_extrinsics
from vvipe.datasets.mpi_inf_3dhp_files import read_annotations, read_calibration
from vvipe.errors import FileFormatError

# COCO-13 among H36M-17 by hand; see test_h36m.
COCO13 = [9, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
FRAMES = 21


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_3dhp(tmp_path_factory.mktemp("3dhp"), frames=FRAMES)


@pytest.fixture(scope="module")
def mmpose_root(tmp_path_factory):
    return write_3dhp_mmpose(tmp_path_factory.mktemp("mmpose"), frames=FRAMES)


def _world() -> np.ndarray:
    return np.concatenate([world_poses(100 + i, FRAMES)[::10] for i in range(len(dhp_takes()))])


def _normalised(world: np.ndarray) -> torch.Tensor:
    centred = world - world[:, :1]
    torso = np.linalg.norm(centred[:, 7], axis=-1) + np.linalg.norm(centred[:, 8] - centred[:, 7], axis=-1)
    return torch.from_numpy(centred / torso[:, None, None]).float()


def _seen(world: np.ndarray, cameras: range | tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.stack([pixels(in_camera(world, c))[:, COCO13] for c in cameras])).float()


@pytest.mark.parametrize("hdf5", [False, True])
def test_official_files_give_eleven_cameras_and_every_tenth_frame(root, tmp_path, hdf5):
    found = load_3dhp(write_3dhp(tmp_path, frames=FRAMES, hdf5=True) if hdf5 else root)
    assert found.name == "MPI-INF-3DHP" and found.chest == (0, 2, 4, 7, 8)
    torch.testing.assert_close(found.poses, _normalised(_world()), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.keypoints, _seen(_world(), range(11)), atol=0.02, rtol=0)
    assert {name: len(pairs) for name, pairs in found.camera_pairs().items()} == {"all": 110, "unseen": 60, "chest": 20}


def test_folder_above_the_training_split_will_do(root, tmp_path):
    (tmp_path / "train").symlink_to(root)
    assert len(load_3dhp(tmp_path).poses) == len(_world())


def test_mmposes_files_give_their_eight_cameras(mmpose_root):
    found = load_3dhp(mmpose_root)
    assert found.name == "MPI-INF-3DHP (cameras 0, 1, 2, 4, 5, 6, 7, 8)"
    assert found.chest == (0, 2, 3, 6, 7)  # places of cameras 0, 2, 4, 7, 8 in that list
    torch.testing.assert_close(found.poses, _normalised(_world()), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.keypoints, _seen(_world(), (0, 1, 2, 4, 5, 6, 7, 8)), atol=0.02, rtol=0)


def test_ceiling_cameras_are_left_out(tmp_path):
    found = load_3dhp(write_3dhp_mmpose(tmp_path, frames=1, cameras=(0, 3, 11, 13)))
    assert found.n_cameras == 2 and found.name.endswith("(cameras 0, 3)")


@pytest.mark.parametrize(
    ("cameras", "said"),
    [((11, 12), "S1 Seq1: cameras 11, 12; expected some of 0 to 10"), ((3,), "S1 Seq1: 1 camera; two at least")],
)
def test_cameras_that_leave_nothing_to_compare_are_an_error(tmp_path, cameras, said):
    with pytest.raises(FileFormatError, match=said):
        load_3dhp(write_3dhp_mmpose(tmp_path, frames=1, cameras=cameras))


@pytest.mark.parametrize("layout", ["root", "mmpose_root"])
def test_keys_choose_the_frames(layout, tmp_path, request):
    keys = tmp_path / "3dhp-train-C0.txt"
    keys.write_text("S1:Seq1:V0:C0:000003\nS1:Seq1:V0:C0:000020\nS8:Seq2:V0:C0:000007\n")
    found = load_3dhp(request.getfixturevalue(layout), keys=keys)
    world = np.concatenate([world_poses(100, FRAMES)[[3, 20]], world_poses(115, FRAMES)[[7]]])
    torch.testing.assert_close(found.poses, _normalised(world), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.keypoints[0], _seen(world, (0,))[0], atol=0.02, rtol=0)


def test_keys_that_do_not_fit_are_errors(root, tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text("S1:Seq1:V0:C0:000021\n")
    with pytest.raises(FileFormatError, match="lists frame 21 of S1 Seq1, and 0 more"):
        load_3dhp(root, keys=keys)
    keys.write_text("S9:Directions:54138969:000000\n")
    with pytest.raises(FileFormatError, match="line 1: expected SUBJECT:SEQUENCE:VIDEO:CAMERA:FRAME"):
        load_3dhp(root, keys=keys)
    keys.write_text("S1:Seq3:V0:C0:000000\n")
    with pytest.raises(FileFormatError, match=r"are missing: S1 Seq3"):
        load_3dhp(root, keys=keys)


def test_folder_without_the_data_names_the_layouts_and_where_they_are_had(tmp_path):
    with pytest.raises(FileFormatError, match=r"no MPI-INF-3DHP here; .*annot\.mat.*mpi_inf_3dhp_train.*vcai\.mpi-inf"):
        load_3dhp(tmp_path)
    with pytest.raises(FileFormatError, match="no such folder"):
        load_3dhp(tmp_path / "none")


def test_partial_folder_says_what_is_missing(tmp_path):
    root = write_3dhp(tmp_path, frames=1)
    shutil.rmtree(root / "S3" / "Seq2")
    shutil.rmtree(root / "S7")
    with pytest.raises(FileFormatError, match=r"recording\(s\) missing: S3/Seq2, S7/Seq1, S7/Seq2; .*vcai"):
        load_3dhp(root)
    (root / "S1" / "Seq1" / "camera.calibration").unlink()
    with pytest.raises(FileFormatError, match=r"S1/Seq1/camera\.calibration: no such file; .*vcai"):
        load_3dhp(root)


def test_calibration_of_another_recording_is_noticed(tmp_path):
    root = write_3dhp(tmp_path, frames=1)
    write_calibration(root / "S1" / "Seq1" / "camera.calibration", turn_deg=20)
    with pytest.raises(FileFormatError, match=r"S1/Seq1/camera\.calibration: by it the cameras see .* m apart"):
        load_3dhp(root)
    write_calibration(root / "S1" / "Seq1" / "camera.calibration", cameras=9)
    with pytest.raises(FileFormatError, match=r"camera\(s\) \[9, 10\] missing"):
        load_3dhp(root)


def test_mmpose_file_without_its_cameras_is_an_error(tmp_path):
    root = write_3dhp_mmpose(tmp_path, frames=1, cameras=(0, 1))
    (root / "annotations" / "cameras_train.pkl").unlink()
    with pytest.raises(FileFormatError, match=r"cameras_train\.pkl: no such file; MMPose"):
        load_3dhp(root)


def test_universal_annotations_are_read_beside_the_others(root):
    found = read_annotations(root / "S1" / "Seq1" / "annot.mat", ("annot3", "univ_annot3"), cameras=(0, 13))
    assert [array.shape for array in found["annot3"]] == [(FRAMES, 28, 3)] * 2
    np.testing.assert_allclose(found["univ_annot3"][1][:, 4], found["annot3"][1][:, 4] * 0.9, rtol=1e-9)


def test_annotations_of_another_kind_are_errors(root, tmp_path):
    from scipy.io import savemat

    path = tmp_path / "annot.mat"
    savemat(path, {"annot2": np.zeros((3, 56))})
    with pytest.raises(FileFormatError, match="annot3 missing"):
        read_annotations(path, ("annot2", "annot3"), cameras=(0,))
    with pytest.raises(FileFormatError, match=r"annot2: expected \(frames, 56\) for each camera"):
        read_annotations(path, ("annot2",), cameras=(0,))
    with pytest.raises(FileFormatError, match="14 cameras, expected at least 15"):
        read_annotations(root / "S1" / "Seq1" / "annot.mat", ("annot2",), cameras=(14,))
    path.write_bytes(b"no MATLAB file at all" * 20)
    with pytest.raises(FileFormatError, match=re.escape(str(path))):
        read_annotations(path, ("annot2",), cameras=(0,))
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match=re.escape(str(path))):
        read_annotations(path, ("annot2",), cameras=(0,))


def test_cameras_of_different_lengths_are_an_error(tmp_path):
    from scipy.io import savemat

    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = [np.zeros((3, 56)), np.zeros((2, 56))]
    savemat(tmp_path / "annot.mat", {"annot2": cells})
    with pytest.raises(FileFormatError, match=r"different lengths: \[2, 3\] frames"):
        read_annotations(tmp_path / "annot.mat", ("annot2",), cameras=(0, 1))


def test_calibration_gives_metres_by_camera_number(tmp_path):
    write_calibration(tmp_path / "camera.calibration")
    rotation, translation = camera(5, y_up=True)
    found = read_calibration(tmp_path / "camera.calibration")
    assert sorted(found) == list(range(14))
    np.testing.assert_allclose(found[5].rotation, rotation)
    np.testing.assert_allclose(found[5].translation, translation)
    np.testing.assert_allclose(found[5].to_world(in_camera(world_poses(0, 2), 5)), world_poses(0, 2), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name 0\nextrinsic 1 0 0\n", r"line 2: expected 16 numbers after a camera's name, found 3"),
        ("name 0\nextrinsic " + "2 " * 16, "camera 0: its rotation is none"),
        ("name 0\nextrinsic " + "x " * 16, "expected a number, found 'x'"),
        ("Skeletool\n", "no camera found"),
    ],
)
def test_damaged_calibration_is_an_error(tmp_path, text, message):
    (tmp_path / "camera.calibration").write_text(text)
    with pytest.raises(FileFormatError, match=message):
        read_calibration(tmp_path / "camera.calibration")


@pytest.mark.real_data
def test_real_annotations_stand_on_the_floor_and_project_onto_their_keypoints(real_file):
    body = read_body3d(real_file("data/formats/mmpose_mpi_inf_3dhp_test_train.npz"))
    cameras = read_cameras(real_file("data/formats/mmpose_mpi_inf_3dhp_cameras_train.pkl"))
    for image, keypoints, poses in zip(body.images.tolist(), body.keypoints, body.poses, strict=True):
        parameters = cameras[image.rpartition("_")[0]]
        projected = poses[:, :2] / poses[:, 2:] * parameters["f"].T + parameters["c"].T
        assert np.abs(projected - keypoints).max() < 2
        h36m = poses[list(FROM_MMPOSE)]
        height = mmpose_extrinsics(parameters).to_world(h36m)[:, 2]
        assert -0.1 < height.min() < 0.2 and height.max() < 1.9
        lengths = np.linalg.norm(h36m[[1, 3, 12, 13]] - h36m[[0, 2, 11, 12]], axis=-1)
        other_side = np.linalg.norm(h36m[[4, 6, 15, 16]] - h36m[[0, 5, 14, 15]], axis=-1)
        np.testing.assert_allclose(lengths, other_side, atol=0.005)


@pytest.mark.real_data
def test_real_images_of_one_camera_each_are_recordings_of_one_frame(real_file):
    import vvipe.datasets.mpi_inf_3dhp as module

    body = read_body3d(real_file("data/formats/mmpose_mpi_inf_3dhp_test_train.npz"))
    found = [(r.subject, r.name, r.cameras, r.frames.tolist()) for r in recordings(body, module._IMAGE)]
    assert found == [("S4", "Seq2", ("0",), [1032]), ("S8", "Seq1", ("8",), [2164])]
