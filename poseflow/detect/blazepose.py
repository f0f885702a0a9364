"""The embedded detector: BlazePose from the mediapipe wheel, which needs no download; one person a frame."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import PackageError
from poseflow.records import Frame, FramePoses
from vvipe.skeleton import BLAZEPOSE33, COCO17, Skeleton, conversion_indices

MEDIAPIPE_VERSION = "0.10.21"  # the last one whose wheel carries the models

_PYTHON = sys.version_info[:2]
_LAST_PYTHON = (3, 12)
_GRAPH = "mediapipe/modules/pose_landmark/pose_landmark_cpu.binarypb"
_MODELS = ("modules/pose_detection/pose_detection.tflite", "modules/pose_landmark/pose_landmark_full.tflite")
_TO_COCO17 = conversion_indices(BLAZEPOSE33, COCO17)


class BlazePosePredictor:
    """BlazePose (full) as a PosePredictor: at most one person a frame, COCO-17 joints.

    The score of a joint is visibility x presence: BlazePose also places joints that the body hides (the far arm in
    profile), with a low score and usually well enough to embed, so they are kept. A joint outside the picture, or with
    a score below `min_score`, is NaN with score 0. Landmarks are the network's own: mediapipe's smoothing is off,
    because it assumes 30 frames a second and lags behind.

    Every `predict` starts a fresh graph that follows the person from frame to frame: one clip always gives the same
    result, and no clip influences the next.

    Args:
        min_score: Joints below it are NaN, in [0, 1].

    Raises:
        PackageError: mediapipe or a package that it needs is missing, or its wheel carries no model.
    """

    def __init__(self, *, min_score: float = 0.01) -> None:
        if not 0 <= min_score <= 1:
            raise ValueError(f"min_score: expected a number in [0, 1], got {min_score}")
        self._min_score = min_score
        self._solution_base = _import_mediapipe()
        self._model_paths = _find_models()

    @property
    def skeleton(self) -> Skeleton:
        return COCO17

    @cached_property
    def info(self) -> DetectorInfo:
        models = tuple(
            ModelFile(path.stem, hashlib.sha256(path.read_bytes()).hexdigest()) for path in self._model_paths
        )
        return DetectorInfo("blazepose", models, "cpu")

    def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        """Yields the person of each frame; reads no frame ahead."""
        graph = None
        is_started = False  # its libraries log to stderr until the first person has gone through the whole graph
        try:
            for frame in frames:
                with contextlib.nullcontext() if is_started else _native_stderr_silenced():
                    graph = graph or self._open_graph()
                    landmarks = _landmarks(graph, frame.image)
                is_started |= landmarks is not None
                yield self._frame_poses(frame, landmarks)
        finally:
            if graph is not None:
                graph.close()

    def _open_graph(self) -> Any:
        # mp.solutions.pose.Pose is this graph, but it sets thresholds (to their defaults) through a protobuf call that
        # protobuf 7 no longer has, and drops each landmark's presence.
        return self._solution_base(
            binary_graph_path=_GRAPH,
            side_inputs={
                "model_complexity": 1,
                "smooth_landmarks": False,
                "enable_segmentation": False,
                "smooth_segmentation": False,
                "use_prev_landmarks": True,
            },
            outputs=["pose_landmarks"],
        )

    def _frame_poses(self, frame: Frame, landmarks: NDArray[np.float32] | None) -> FramePoses:
        if landmarks is not None:
            height, width = frame.image.shape[:2]
            points, scores = landmarks[:, :2], landmarks[:, 2].copy()
            is_inside = ((points >= 0) & (points <= (width, height))).all(-1)
            scores[~is_inside | (scores < self._min_score)] = 0
            points = np.where(scores[:, None] > 0, points, np.float32(np.nan))
            if scores[_TO_COCO17].any():
                return _one_person(frame, points, scores)
        return FramePoses(
            frame.index,
            frame.time_s,
            keypoints=np.empty((0, COCO17.n_joints, 2), np.float32),
            scores=np.empty((0, COCO17.n_joints), np.float32),
            boxes=np.empty((0, 4), np.float32),
            box_scores=np.empty(0, np.float32),
        )


def _one_person(frame: Frame, points: NDArray[np.float32], scores: NDArray[np.float32]) -> FramePoses:
    """The record of one person from (33, 2) points (NaN = not seen) and (33,) scores.

    The box holds all landmarks that were seen, hands and feet too; its score is the mean score of the COCO joints.
    """
    seen = points[scores > 0]
    return FramePoses(
        frame.index,
        frame.time_s,
        keypoints=points[None, _TO_COCO17],
        scores=scores[None, _TO_COCO17],
        boxes=np.concatenate([seen.min(0), seen.max(0)])[None],
        box_scores=scores[_TO_COCO17].mean(keepdims=True),
    )


def _landmarks(graph: Any, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """(33, 3) x and y in pixels and visibility x presence, or None where nobody was found."""
    found = graph.process({"image": cv2.cvtColor(image, cv2.COLOR_BGR2RGB)}).pose_landmarks
    if found is None:
        return None
    height, width = image.shape[:2]
    return np.array(
        [(mark.x * width, mark.y * height, mark.visibility * mark.presence) for mark in found.landmark], np.float32
    )


def _import_mediapipe() -> Any:
    """Mediapipe's SolutionBase class, which runs a graph; PackageError with the command that mends it."""
    try:
        with _native_stderr_silenced():
            from mediapipe.python.solution_base import SolutionBase
    except ImportError as error:
        raise PackageError(_how_to_install(error)) from error
    return SolutionBase


def _how_to_install(error: ImportError) -> str:
    if error.name is None:  # a library of the system, such as libGL.so.1
        return f"the BlazePose detector cannot start: {error}; install what is named there, or use --detector mmpose"
    if error.name.split(".")[0] != "mediapipe":
        return (
            f"the BlazePose detector cannot start: mediapipe needs the package {error.name!r} ({error}); "
            f"install what it needs: {_pip('attrs absl-py flatbuffers protobuf matplotlib')}"
        )
    if _PYTHON > _LAST_PYTHON:
        return (
            f"the BlazePose detector needs mediapipe {MEDIAPIPE_VERSION}, which has wheels up to Python "
            f"{_dotted(_LAST_PYTHON)}, and this is Python {_dotted(_PYTHON)}; use --detector mmpose, or Python "
            f"{_dotted(_LAST_PYTHON)}"
        )
    how, options = "is not installed", "--no-deps"
    if importlib.util.find_spec("mediapipe") is not None:
        how, options = "does not load", "--no-deps --force-reinstall"
    return (
        f"the BlazePose detector needs mediapipe {MEDIAPIPE_VERSION}, which {how} ({error}); install it: "
        f"{_pip(f'{options} mediapipe=={MEDIAPIPE_VERSION}')}"
    )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _pip(arguments: str) -> str:
    return f'"{sys.executable}" -m pip install {arguments}'


def _find_models() -> tuple[Path, ...]:
    """The model files inside the installed mediapipe, person detector first."""
    import mediapipe

    folder = Path(mediapipe.__file__).parent
    paths = tuple(folder / name for name in _MODELS)
    for path in paths:
        if not path.is_file():
            version = importlib.metadata.version("mediapipe")
            raise PackageError(
                f"mediapipe {version} carries no model {path.name} (looked for {path}); install the version that does: "
                f"{_pip(f'--no-deps --force-reinstall mediapipe=={MEDIAPIPE_VERSION}')}"
            )
    return paths


@contextlib.contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    """Keeps what C++ libraries write to file descriptor 2 off the terminal; it is shown after all if the body fails."""
    try:
        terminal = os.dup(2)
    except OSError:  # no stderr at all, e.g. under pythonw
        yield
        return
    with tempfile.TemporaryFile() as log:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
