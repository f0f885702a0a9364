"""How far detections in one calibrated camera lie from where another camera's allow them to be."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from poseflow.detect.protocol import PosePredictor
from poseflow.load import load_clip
from poseflow.records import PoseTrack
from vvipe.detector_noise import add_detector_noise
from vvipe.errors import FileFormatError, NothingToScoreError
from vvipe.geometry import normalize_2d
from vvipe.noise import add_gaussian_noise
from vvipe.skeleton import COCO13, conversion_indices

_SUBPIXELS = 64
_SIDES = list(COCO13.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip"))


@dataclass(frozen=True)
class StereoRow:
    """Distances to epipolar lines, the largest shoulder/hip distance of the person is 0.5."""

    source: str
    frames: int
    joints: int
    median: float
    upper: float


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: pixels = intrinsics @ (rotation @ world + translation); distortion is left out."""

    intrinsics: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]


def read_qualisys(path: Path) -> list[Camera]:
    """The cameras of a Qualisys calibration (XML), in the file's order; metres.

    Raises:
        FileFormatError: The file is no such calibration.
    """
    try:
        return [_camera(element) for element in ET.parse(path).getroot().iter("camera")]
    except (ET.ParseError, OSError, ValueError, KeyError, AttributeError) as error:
        raise FileFormatError(f"{path}: not a Qualisys calibration ({error!r})") from error


def _camera(element: ET.Element) -> Camera:
    pose, lens = element.find("transform"), element.find("intrinsic")
    if pose is None or lens is None:
        raise ValueError("a camera without transform or intrinsic")
    focal = [float(lens.attrib[f"focalLength{axis}"]) / _SUBPIXELS for axis in "UV"]
    centre = [float(lens.attrib[f"centerPoint{axis}"]) / _SUBPIXELS for axis in "UV"]
    turned = np.array([[float(pose.attrib[f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])
    rotation = np.diag([1.0, -1.0, -1.0]) @ turned  # Qualisys' camera looks along -z with y up
    place = np.array([float(pose.attrib[axis]) / 1000 for axis in "xyz"])
    intrinsics = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])
    return Camera(intrinsics, rotation, -rotation @ place)


def fundamental_matrix(first: Camera, second: Camera) -> NDArray[np.float64]:
    """(3, 3) F with x2^T F x1 = 0 for pixels of one point in both cameras."""
    rotation = second.rotation @ first.rotation.T
    x, y, z = second.translation - rotation @ first.translation
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.linalg.inv(second.intrinsics).T @ cross @ rotation @ np.linalg.inv(first.intrinsics)


def line_distances(
    fundamental: NDArray[np.float64], first: NDArray[np.floating], second: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Pixels from each point of the second camera to the epipolar line of its partner in the first; (..., 2) each."""
    ones = np.ones((*first.shape[:-1], 1))
    lines = np.concatenate([first, ones], -1) @ fundamental.T
    along = (lines * np.concatenate([second, ones], -1)).sum(-1)
    return np.abs(along) / np.linalg.norm(lines[..., :2], axis=-1)


def stereo_rows(
    ref: str, query: str, calibration: Path, *, get_detector: Callable[[], PosePredictor], seed: int = 0
) -> list[StereoRow]:
    """A detector's row of two synchronised clips, and those of D0 and D1 on exact pairs of the same people.

    Raises:
        FileFormatError: The calibration has not two cameras.
        NothingToScoreError: The clips share no frame with a person.
    """
    cameras = read_qualisys(calibration)
    if len(cameras) < 2:
        raise FileFormatError(f"{calibration}: {len(cameras)} camera(s), two needed")
    tracks = [_longest(path, get_detector) for path in (ref, query)]
    first, second = _common_frames(*tracks)
    if not len(first):
        raise NothingToScoreError(f"{ref}, {query}: no common frame in which a person is seen")
    fundamental = fundamental_matrix(cameras[0], cameras[1])
    rows = [_row("detector", line_distances(fundamental, first, second) / _unit(second)[:, None])]
    return rows + [_row(source, _drawn(source, fundamental, first, second, seed)) for source in ("D0", "D1")]


def _drawn(
    source: str, fundamental: NDArray[np.float64], first: NDArray, second: NDArray, seed: int
) -> NDArray[np.float64]:
    """Distances that the noise alone makes: the second camera's points are first put onto their lines."""
    exact = _onto_lines(fundamental, first, second)
    generator = torch.Generator().manual_seed(seed)
    noisy = []
    for points in (first, exact):
        normalized = normalize_2d(torch.from_numpy(points).float())[0]
        spoilt = (
            add_detector_noise(normalized, generator=generator)[0]
            if source == "D1"
            else add_gaussian_noise(normalized, generator=generator)
        )
        noisy.append(points + (spoilt - normalized).numpy() * _unit(points)[:, None, None])
    return line_distances(fundamental, *noisy) / _unit(exact)[:, None]


def _onto_lines(fundamental: NDArray[np.float64], first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """The points of each line nearest to `second`."""
    ones = np.ones((*first.shape[:-1], 1))
    lines = np.concatenate([first, ones], -1) @ fundamental.T
    along = (lines * np.concatenate([second, ones], -1)).sum(-1, keepdims=True)
    return second - lines[..., :2] * along / (lines[..., :2] ** 2).sum(-1, keepdims=True)


def _longest(path: str, get_detector: Callable[[], PosePredictor]) -> PoseTrack:
    """The person who is seen in most frames, as detected."""
    clip = load_clip(path, get_detector=get_detector)
    return max(clip.tracks, key=lambda track: int(np.isfinite(track.keypoints).all(-1).any(-1).sum()))


def _common_frames(ref: PoseTrack, query: PoseTrack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, 13, 2) pixels of the frames of both tracks in which both people's torsos are seen."""
    _, a, b = np.intersect1d(ref.index, query.index, return_indices=True)
    pair = [
        track.keypoints[rows][:, conversion_indices(track.skeleton, COCO13)].astype(float)
        for track, rows in ((ref, a), (query, b))
    ]
    seen = np.all([np.isfinite(points[:, _SIDES]).all((1, 2)) for points in pair], axis=0)
    return pair[0][seen], pair[1][seen]


def _unit(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) pixels of the normalised unit."""
    sides = points[:, _SIDES]
    return 2 * np.linalg.norm(sides[:, :, None] - sides[:, None], axis=-1).max((1, 2))


def _row(source: str, distances: NDArray[np.float64]) -> StereoRow:
    known = distances[np.isfinite(distances)]
    return StereoRow(source, len(distances), len(known), float(np.median(known)), float(np.quantile(known, 0.9)))
