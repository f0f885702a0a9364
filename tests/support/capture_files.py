"""Human3.6M and MPI-INF-3DHP in small: files of the exact structure of the real ones, with poses of our own."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path

import cdflib.cdfwrite
import numpy as np
from poses import random_poses
from scipy.spatial.transform import Rotation

ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "TakingPhoto", "Posing", "Purchases", "Sitting"),
    *("SittingDown", "Smoking", "Waiting", "WalkingDog", "WalkTogether", "Walking"),
)
H36M_CAMERAS = ("54138969", "55011271", "58860488", "60457274")
H36M_JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
# The joints of H36M-17 among the 28 of MPI-INF-3DHP, counted by hand in mpii_get_joint_set.
JOINTS_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
JOINTS_MMPOSE_3DHP = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
FOCAL, CENTRE = 1100.0, 500.0


def h36m_takes() -> list[tuple[str, str]]:
    """All recordings of S9 and S11 as the official files name them, the corrupt one too."""
    return [(s, f"{action}{number}") for s in ("S9", "S11") for action in ACTIONS for number in ("", " 1")]


def world_poses(take: int, frames: int) -> np.ndarray:
    """(frames, 17, 3) metres, z up, somewhere in the room."""
    return random_poses(frames, seed=take).numpy().astype(float) * 0.5 + [0.3, -0.2, 1.0]


def camera(number: int, *, y_up: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """World-to-camera rotation and translation (metres) of one of a ring of cameras five metres away."""
    azimuth = 2 * np.pi * number / 11 + 0.3
    forward = -np.array([np.cos(azimuth), np.sin(azimuth), 0.1])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    translation = -rotation @ (np.array([0, 0, 1.0]) - 5 * forward)
    if y_up:  # world (x, y, z) of a y-up room is (x, -z, y) here
        rotation = rotation @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    return rotation, translation


def in_camera(world: np.ndarray, number: int) -> np.ndarray:
    rotation, translation = camera(number)
    return world @ rotation.T + translation


def pixels(points: np.ndarray) -> np.ndarray:
    return FOCAL * points[..., :2] / points[..., 2:] + CENTRE


def spread(points: np.ndarray, joints: list[int], count: int) -> np.ndarray:
    """Points (T, 17, D) among `count` joints, the others far off."""
    everything = np.full((len(points), count, points.shape[-1]), 9e3)
    everything[:, joints] = points
    return everything


def write_cdf(path: Path, pose: np.ndarray) -> None:
    """A CDF file with the variable Pose (1, T, values), compressed as the real ones are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = {"Variable": "Pose", "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True, "Compress": 6}
    with cdflib.cdfwrite.CDF(str(path), cdf_spec={"Compressed": False}, delete=True) as file:
        file.write_var(spec | {"Dim_Sizes": list(pose.shape), "Var_Type": "zVariable"}, var_data=pose[None])


def write_h36m_cdf(root: Path, view: str | Iterable[str] = "D2_Positions", *, frames: int = 21) -> Path:
    """S9 and S11 with D3_Positions and the kinds of 2D named."""
    for index, (subject, action) in enumerate(h36m_takes()):
        world, folder = world_poses(index, frames), root / subject / "MyPoseFeatures"
        write_cdf(folder / "D3_Positions" / f"{action}.cdf", spread(world, H36M_JOINTS, 32).reshape(frames, 96) * 1000)
        for number, name in enumerate(H36M_CAMERAS):
            points = in_camera(world, number)
            for kind in [view] if isinstance(view, str) else view:
                values = pixels(points) if kind == "D2_Positions" else points * 1000
                path = folder / kind / f"{action}.{name}.cdf"
                write_cdf(path, spread(values, H36M_JOINTS, 32).reshape(frames, -1))
    return root


def write_videopose(root: Path, *, frames: int = 21, layout: str = "h36m", name_2d: str = "gt") -> Path:
    """data_3d_h36m.npz and one data_2d_h36m_*.npz, which has a few frames more."""
    poses: dict[str, dict] = {"S1": {}, "S9": {}, "S11": {}}
    keypoints: dict[str, dict] = {"S1": {}, "S9": {}, "S11": {}}
    for index, (subject, action) in enumerate(h36m_takes()):
        if (subject, action) == ("S11", "Directions"):
            continue
        action = action.replace("TakingPhoto", "Photo").replace("WalkingDog", "WalkDog")
        world = world_poses(index, frames)
        poses[subject][action] = spread(world, H36M_JOINTS, 32).astype(np.float32)
        views = [pixels(in_camera(world, number)) for number in range(4)]
        keypoints[subject][action] = [np.concatenate([v, v[-2:]]).astype(np.float32) for v in views]
    metadata = {"layout_name": layout, "num_joints": 17, "keypoints_symmetry": [[4, 5, 6], [1, 2, 3]]}
    root.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(root / "data_3d_h36m.npz", positions_3d=np.array(poses, dtype=object))
    np.savez_compressed(
        root / f"data_2d_h36m_{name_2d}.npz", positions_2d=np.array(keypoints, dtype=object), metadata=metadata
    )
    return root


def write_h36m_mmpose(root: Path, *, frames: int = 21, rate: str = "fps10") -> Path:
    """annotation_body3d with its cameras; at fps10 every fifth frame is there."""
    folder = root / "annotation_body3d"
    names, part, poses = [], [], []
    for index, (subject, action) in enumerate(h36m_takes()):
        world = world_poses(index, frames)
        for number, name in enumerate(H36M_CAMERAS):
            base = f"{subject}_{action.replace(' ', '_')}.{name}"
            for frame in range(0, frames, 5 if rate == "fps10" else 1):
                points = in_camera(world[frame], number)
                names.append(f"{subject}/{base}/{base}_{frame + 1:06d}.jpg")
                part.append(np.column_stack([pixels(points), np.ones(17)]))
                poses.append(np.column_stack([points, np.ones(17)]))
    cameras = {}
    for subject in ("S9", "S11"):
        for number, name in enumerate(H36M_CAMERAS):
            rotation, translation = camera(number)
            cameras[subject, name] = _mmpose_camera(rotation.T, -rotation.T @ translation)
    _write_body3d(folder / rate / "h36m_test.npz", names, part, poses)
    _write_pickle(folder / "cameras.pkl", cameras)
    return root


def _mmpose_camera(rotation: np.ndarray, translation: np.ndarray) -> dict:
    f, c = np.full((2, 1), FOCAL), np.full((2, 1), CENTRE)
    return {"R": rotation, "T": translation.reshape(3, 1), "f": f, "c": c, "w": 1000, "h": 1000, "name": "camera"}


def _write_body3d(path: Path, names: list[str], part: list, poses: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(names)
    center, scale = np.zeros((count, 2)), np.ones(count)
    np.savez(path, imgname=np.array(names), center=center, scale=scale, part=np.array(part), S=np.array(poses))


def _write_pickle(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def dhp_takes() -> list[tuple[str, str]]:
    return [(f"S{subject}", f"Seq{sequence}") for subject in range(1, 9) for sequence in (1, 2)]


def write_3dhp(root: Path, *, frames: int = 21, hdf5: bool = False) -> Path:
    """annot.mat with fourteen cameras, and camera.calibration, of all sixteen recordings."""
    for index, (subject, sequence) in enumerate(dhp_takes()):
        folder = root / subject / sequence
        folder.mkdir(parents=True)
        world = world_poses(100 + index, frames)
        points = [in_camera(world, number) for number in range(14)]
        arrays = {
            "annot2": [spread(pixels(p), JOINTS_28, 28).reshape(frames, 56) for p in points],
            "annot3": [spread(p * 1000, JOINTS_28, 28).reshape(frames, 84) for p in points],
            "univ_annot3": [spread(p * 900, JOINTS_28, 28).reshape(frames, 84) for p in points],
        }
        (_write_annot_hdf5 if hdf5 else _write_annot_5)(folder / "annot.mat", arrays)
        write_calibration(folder / "camera.calibration")
    return root


def _write_annot_5(path: Path, arrays: dict[str, list[np.ndarray]]) -> None:
    from scipy.io import savemat

    cells = {}
    for name, matrices in arrays.items():
        cells[name] = np.empty((len(matrices), 1), dtype=object)
        cells[name][:, 0] = matrices
    frames = np.arange(len(arrays["annot3"][0]))[:, None]
    savemat(path, cells | {"frames": frames, "cameras": np.arange(14)[None]}, do_compression=True)


def _write_annot_hdf5(path: Path, arrays: dict[str, list[np.ndarray]]) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, matrices in arrays.items():
            cells = [file.create_dataset(f"#refs#/{name}{i}", data=m.T) for i, m in enumerate(matrices)]
            file[name] = np.array([[cell.ref for cell in cells]], dtype=h5py.ref_dtype)


def write_calibration(path: Path, *, cameras: int = 14, turn_deg: float = 0.0) -> None:
    lines = ["Skeletool Camera Calibration File V1.0"]
    for number in range(cameras):
        rotation, translation = camera(number, y_up=True)
        if number:
            rotation = rotation @ Rotation.from_euler("y", turn_deg, degrees=True).as_matrix()
        matrix = np.vstack([np.column_stack([rotation, translation * 1000]), [0, 0, 0, 1]])
        lines += [f"name          {number}", "  sensor      10 10", "  size        2048 2048", "  animated    0"]
        lines += [f"  intrinsic   {FOCAL} 0 {CENTRE} 0 0 {FOCAL} {CENTRE} 0 0 0 1 0 0 0 0 1 "]
        lines += [f"  extrinsic   {' '.join(str(v) for v in matrix.ravel())} ", "  radial      0"]
    path.write_text("\n".join(lines) + "\n")


def write_3dhp_mmpose(root: Path, *, frames: int = 21, cameras: Iterable[int] = (0, 1, 2, 4, 5, 6, 7, 8)) -> Path:
    """MMPose's two files, by default with the cameras that its preparation takes."""
    names, part, poses, parameters = [], [], [], {}
    for index, (subject, sequence) in enumerate(dhp_takes()):
        world = world_poses(100 + index, frames)
        for number in cameras:
            parameters[f"{subject}_{sequence}_Cam{number}"] = _mmpose_camera(*camera(number, y_up=True))
            points = spread(in_camera(world, number), JOINTS_MMPOSE_3DHP, 17)
            for frame in range(frames):
                names.append(f"{subject}_{sequence}_Cam{number}_{frame + 1:06d}.jpg")
                part.append(np.column_stack([pixels(points[frame]), np.ones(17)]))
                poses.append(np.column_stack([points[frame], np.ones(17)]))
    _write_body3d(root / "annotations" / "mpi_inf_3dhp_train.npz", names, part, poses)
    _write_pickle(root / "annotations" / "cameras_train.pkl", parameters)
    return root
