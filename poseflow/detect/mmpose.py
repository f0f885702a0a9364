"""MMPose as a PosePredictor: a person detector and a top-down model, or a one-stage model, in batches of frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from poseflow.detect.device import resolve_device
from poseflow.detect.following import Follower, as_frame_poses
from poseflow.detect.networks import Network, open_network, open_pose_network
from poseflow.detect.onestage import OneStageNetwork
from poseflow.detect.people import People
from poseflow.detect.person import PersonDetector
from poseflow.detect.protocol import DetectorInfo
from poseflow.detect.registry import DEFAULT_PERSON_MODEL, DEFAULT_POSE_MODEL
from poseflow.detect.topdown import TopDownNetwork
from poseflow.records import Frame, FramePoses
from vvipe.skeleton import COCO17, Skeleton


class MMPosePredictor:
    """MMPose models as a PosePredictor with COCO-17 joints.

    A top-down model needs a person detector, which runs every `detect_every` frames; in between, boxes are carried
    over from the poses (see `Follower`). A one-stage model (RTMO) sees every frame whole and needs none.

    Args:
        pose_model: ``rtmpose-t|s|m|l``, ``rtmo-s|m|l``, or the path of an MMPose config (ends in ``.py``).
        pose_checkpoint: Its weights file; None = the registry's, found or downloaded.
        person_model: ``rtmdet-nano``, ``rtmdet-m``, or the path of an MMDetection config.
        person_checkpoint: Its weights file; None = the registry's.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        detect_every: The person detector sees every Nth frame, and at least one every 0.25 s.
        batch_size: Frames read ahead at most, and crops in one forward pass at most.
        max_people: People kept in a frame at most, best boxes first.
        min_box_score: People whose box is less certain are not seen, in [0, 1].
        min_pose_score: People whose joints are less certain on average are not seen, in [0, 1].
        flip_test: Average with the mirrored picture: a little more accurate, twice the time.

    Raises:
        DeviceError: The device is not there.
        PackageError: MMPose or a package that it needs is missing.
        WeightsError: A model file is missing, damaged, cannot be downloaded, or is of another kind.
    """

    def __init__(
        self,
        *,
        pose_model: str = DEFAULT_POSE_MODEL,
        pose_checkpoint: str | Path | None = None,
        person_model: str = DEFAULT_PERSON_MODEL,
        person_checkpoint: str | Path | None = None,
        device: str = "auto",
        detect_every: int = 5,
        batch_size: int = 16,
        max_people: int = 20,
        min_box_score: float = 0.3,
        min_pose_score: float = 0.3,
        flip_test: bool = False,
    ) -> None:
        _check_counts(detect_every=detect_every, batch_size=batch_size, max_people=max_people)
        _check_fractions(min_box_score=min_box_score, min_pose_score=min_pose_score)
        self._device = resolve_device(device)
        self._batch_size = batch_size
        self._max_people = max_people
        self._min_box_score = min_box_score
        self._one_stage: OneStageNetwork | None = None
        pose = open_pose_network(pose_model, pose_checkpoint, device=self._device)
        if pose.is_onestage:
            self._one_stage = OneStageNetwork(pose, flip_test=flip_test)
            self._networks: tuple[Network, ...] = (pose,)
            return
        person = open_network(person_model, person_checkpoint, tasks=("person",), scope="mmdet", device=self._device)
        self._networks = (person, pose)
        self._follower = Follower(
            PersonDetector(person, min_score=min_box_score, max_people=max_people),
            TopDownNetwork(pose, flip_test=flip_test, batch_size=batch_size),
            detect_every=detect_every,
            batch_size=batch_size,
            max_people=max_people,
            min_pose_score=min_pose_score,
        )

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("mmpose", tuple(network.file for network in self._networks), self._device)

    @property
    def skeleton(self) -> Skeleton:
        return COCO17

    def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        """Yields the people of each frame, in order; reads at most one batch of frames ahead."""
        if self._one_stage is None:
            yield from self._follower.follow(frames)
            return
        rest = iter(frames)
        while batch := list(islice(rest, self._batch_size)):
            for frame, people in zip(batch, self._one_stage.predict([f.image for f in batch]), strict=True):
                yield as_frame_poses(frame, self._best(people))

    def _best(self, people: People) -> People:
        certain = people.take((people.box_scores >= self._min_box_score).nonzero()[0])
        return certain.take((-certain.box_scores).argsort(kind="stable")[: self._max_people])


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name}: expected at least 1, got {count}")


def _check_fractions(**fractions: float) -> None:
    for name, fraction in fractions.items():
        if not 0 <= fraction <= 1:
            raise ValueError(f"{name}: expected a number in [0, 1], got {fraction}")
