from __future__ import annotations

import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
from amass_files import PARENTS, body_arrays, write_amass, write_body_model
from scipy.spatial.transform import Rotation

from vvipe.datasets.amass import read_amass, to_h36m17
from vvipe.datasets.body_model import BODY_JOINTS, find_body_model, read_body_model
from vvipe.datasets.mocap import read_mocap
from vvipe.datasets.splits import person_of, split_of
from vvipe.errors import FileFormatError
from vvipe.skeleton import H36M17


@pytest.fixture
def body(tmp_path):
    return write_body_model(tmp_path / "body" / "model.npz")


def slow_joints(arrays: dict[str, np.ndarray], take: dict[str, np.ndarray], frame: int) -> np.ndarray:
    """(22, 3) joints by 4 x 4 transforms, joint after joint."""
    vertices = arrays["v_template"] + sum(arrays["shapedirs"][..., i] * take["betas"][i] for i in range(4))
    rest = arrays["J_regressor"] @ vertices
    transforms = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(take["poses"][frame, 3 * joint : 3 * joint + 3]).as_matrix()
        local[:3, 3] = rest[joint] if parent < 0 else rest[joint] - rest[parent]
        transforms.append(local if parent < 0 else transforms[parent] @ local)
    return np.array([t[:3, 3] for t in transforms]) + take["trans"][frame]


def slow_h36m17(joints: np.ndarray) -> np.ndarray:
    at = dict(zip(BODY_JOINTS, joints, strict=True))
    return np.array(
        [
            (at["left_hip"] + at["right_hip"]) / 2,
            at["right_hip"],
            at["right_knee"],
            at["right_ankle"],
            at["left_hip"],
            at["left_knee"],
            at["left_ankle"],
            at["spine1"] + (at["spine2"] - at["spine1"]) / 3,
            (at["left_collar"] + at["right_collar"]) / 2,
            (at["neck"] + at["head"]) / 2,
            at["head"] + (at["head"] - at["neck"]),
            at["left_shoulder"],
            at["left_elbow"],
            at["left_wrist"],
            at["right_shoulder"],
            at["right_elbow"],
            at["right_wrist"],
        ]
    )


@pytest.mark.parametrize("frames", [1, 4])
def test_joints_are_those_of_the_shaped_and_turned_body(tmp_path, body, frames):
    path = write_amass(tmp_path / "BMLrub" / "rub001" / "0005_walking1_poses.npz", frames=frames)
    take = read_amass(path, body_model=body)
    assert (take.name, take.subject, take.fps) == ("0005_walking1_poses", "amass/BMLrub/rub001", 120.0)
    source = dict(np.load(path))
    expected = [slow_h36m17(slow_joints(body_arrays(), source, frame)) for frame in range(frames)]
    np.testing.assert_allclose(take.poses, expected, atol=1e-5)


def test_still_body_is_the_rest_pose_moved(tmp_path, body):
    path = write_amass(tmp_path / "x.npz", still=True, betas=np.zeros(16))
    arrays = body_arrays()
    rest = arrays["J_regressor"] @ arrays["v_template"]
    knee = H36M17.index("right_knee")
    np.testing.assert_allclose(
        read_amass(path, body_model=body).poses[:, knee], rest[5] + np.load(path)["trans"], atol=1e-5
    )


def test_take_without_frames_is_empty(tmp_path, body):
    assert read_amass(write_amass(tmp_path / "x.npz", frames=0), body_model=body).poses.shape == (0, 17, 3)


def test_joints_of_an_upright_body_make_an_upright_h36m_pose():
    heights = {"left_hip": 0.9, "right_hip": 0.9, "spine1": 1.1, "spine2": 1.24, "left_collar": 1.41}
    heights |= {"right_collar": 1.41, "neck": 1.5, "head": 1.58}
    joints = np.array([[[0, 0, heights.get(name, 0.0)] for name in BODY_JOINTS]])
    height = to_h36m17(joints)[0, H36M17.indices("pelvis", "spine", "thorax", "neck_nose", "head"), 2]
    assert np.all(np.diff(height) > 0.05)


def test_python_2_pickle_with_chumpy_and_sparse_arrays_gives_the_same_body(tmp_path, body, monkeypatch):
    module = types.ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    arrays = body_arrays()
    shapedirs = module.Ch()
    shapedirs.x = arrays["shapedirs"]
    content = arrays | {"shapedirs": shapedirs, "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"])}
    path = tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    monkeypatch.undo()
    ours, theirs = read_body_model(path), read_body_model(body)
    np.testing.assert_allclose(ours.rest, theirs.rest)
    np.testing.assert_allclose(ours.shape, theirs.shape)
    assert ours.parents == theirs.parents == tuple(PARENTS)


def test_folder_gives_the_model_of_each_gender(tmp_path):
    folder = tmp_path / "smplh"
    for gender in ("male", "female"):
        write_body_model(folder / gender / "model.npz")
    assert find_body_model(folder, "male") == folder / "male" / "model.npz"
    assert find_body_model(folder, "female") == folder / "female" / "model.npz"
    with pytest.raises(FileFormatError, match="expected one body model for 'neutral' .*found female/model.npz, male"):
        find_body_model(folder, "neutral")
    write_body_model(folder / "SMPLH_MALE.npz")
    with pytest.raises(FileFormatError, match="expected one body model for 'male'.* found SMPLH_MALE.npz, male/model"):
        find_body_model(folder, "male")


@pytest.mark.parametrize(
    ("name", "gender"),
    [("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "male"), ("SMPL_NEUTRAL.npz", "neutral"), ("SMPLH_FEMALE.pkl", "female")],
)
def test_models_own_file_names_tell_the_gender(tmp_path, name, gender):
    (tmp_path / name).touch()
    assert find_body_model(tmp_path, gender).name == name


def test_amass_without_a_body_model_says_which_and_where_it_is_had(tmp_path):
    path = write_amass(tmp_path / "x.npz")
    with pytest.raises(FileFormatError, match=r"need a body model: give .* --body-model .* mano\.is\.tue\.mpg\.de"):
        read_mocap(path)
    with pytest.raises(FileFormatError, match=r"nowhere: no such body model; .* mano\.is"):
        read_mocap(path, body_model=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": None}, "betas missing for a take of AMASS"),
        ({"mocap_framerate": None}, "mocap_framerate missing"),
        ({"poses": np.zeros((5, 165))}, "SMPL-X bodies"),
        ({"poses": np.zeros((5, 60))}, r"expected poses \(T, 156\)"),
        ({"trans": np.zeros((4, 3))}, r"trans \(T, 3\)"),
        ({"trans": np.full((5, 3), np.nan)}, "expected finite numbers"),
        ({"mocap_framerate": np.array(0.0)}, "mocap_framerate: expected frames per second, got 0"),
        ({"mocap_framerate": np.array([30.0, 60.0])}, "mocap_framerate: expected frames per second"),
        ({"gender": np.array("unknown")}, "gender: expected female, male, neutral, got 'unknown'"),
    ],
)
def test_takes_of_another_kind_are_errors(tmp_path, body, changes, message):
    with pytest.raises(FileFormatError, match=message):
        read_mocap(write_amass(tmp_path / "x.npz", **changes), body_model=body)


@pytest.mark.parametrize("gender", [np.array(b"female"), np.array("FEMALE"), np.array("female", dtype=object)])
def test_gender_is_read_however_it_was_written(tmp_path, body, gender):
    assert len(read_amass(write_amass(tmp_path / "x.npz", gender=gender), body_model=body).poses) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapedirs": None}, "no body model, shapedirs missing"),
        ({"kintree_table": np.zeros((2, 55))}, r"expected the tree of SMPL \(24\) or SMPL\+H \(52\) joints"),
        ({"v_template": np.zeros((5, 3))}, "arrays do not go together"),
    ],
)
def test_files_that_are_no_body_model_are_errors(tmp_path, changes, message):
    arrays = {name: value for name, value in (body_arrays() | changes).items() if value is not None}
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(FileFormatError, match=message):
        read_body_model(tmp_path / "model.npz")


def test_folder_of_amass_is_read_without_the_persons_shapes(tmp_path, body):
    write_amass(tmp_path / "AMASS" / "CMU" / "10" / "10_03_poses.npz")
    write_amass(tmp_path / "AMASS" / "CMU" / "02" / "02_01_poses.npz")
    np.savez(tmp_path / "AMASS" / "CMU" / "02" / "shape.npz", betas=np.zeros(16), gender="male")
    takes = read_mocap(tmp_path / "AMASS", body_model=body)
    assert [(person_of(take), split_of(take)) for take in takes] == [("cmu02", "train"), ("cmu10", "carve-out")]
