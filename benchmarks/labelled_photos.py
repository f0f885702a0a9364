"""Photographs with COCO keypoints, and whom a detector finds in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from poseflow.detect.protocol import PosePredictor
from poseflow.records import Frame
from vvipe.detector_noise import SIGMA
from vvipe.errors import FileFormatError
from vvipe.skeleton import COCO13, COCO17, conversion_indices

_TO_13 = conversion_indices(COCO17, COCO13)
_SECONDS_APART = 10.0
"""Photographs are given to the detector as frames this far apart, so that nobody is followed from one to the next."""
_FOUND = 0.3
"""Mean KS from which on a detection is taken to be of that person."""


@dataclass(frozen=True)
class LabelledPerson:
    """One labelled person.

    Attributes:
        photo: The image file.
        keypoints: (13, 2) pixels; NaN = not labelled.
        area: COCO's, in square pixels.
        others: Keypoints of the other people in the photograph.
    """

    photo: Path
    keypoints: NDArray[np.float64]
    area: float
    others: tuple[NDArray[np.float64], ...] = ()

    def with_area(self, area: float) -> LabelledPerson:
        """The same person of another area."""
        return replace(self, area=area)


def read_photos(folder: Path, annotations: Path | None = None) -> list[LabelledPerson]:
    """The people with keypoints of a COCO annotation file; photographs lie in `folder`.

    Raises:
        FileFormatError: There is no single .json file, it is no COCO file, or a photograph is missing.
    """
    path = annotations or _only_json(folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {image["id"]: folder / image["file_name"] for image in content["images"]}
        labelled = [a for a in content["annotations"] if a["num_keypoints"] > 0 and not a.get("iscrowd")]
        people = [LabelledPerson(files[a["image_id"]], _keypoints(a["keypoints"]), float(a["area"])) for a in labelled]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path}: not a COCO file of keypoints ({error!r})") from error
    missing = sorted({str(person.photo) for person in people if not person.photo.is_file()})
    if missing:
        raise FileFormatError(f"{path}: its photograph(s) {', '.join(missing)} are not there")
    return [replace(p, others=tuple(o.keypoints for o in people if o is not p and o.photo == p.photo)) for p in people]


def match_people(
    people: Sequence[LabelledPerson], detector: PosePredictor
) -> list[tuple[LabelledPerson, NDArray[np.floating], NDArray[np.floating]]]:
    """Each labelled person who was found, with the detection nearest to them: (13, 2) pixels and (13,) confidences."""
    to_13 = conversion_indices(detector.skeleton, COCO13)
    found = []
    for number, photo in enumerate(sorted({person.photo for person in people})):
        image = cv2.imread(str(photo))
        if image is None:
            raise FileFormatError(f"{photo}: not a picture")
        (poses,) = detector.predict([Frame(number, number * _SECONDS_APART, np.asarray(image, np.uint8))])
        for person in (p for p in people if p.photo == photo):
            likeness = [_mean_similarity(k[to_13], person) for k in poses.keypoints]
            if likeness and max(likeness) >= _FOUND:
                best = int(np.argmax(likeness))
                found.append((person, poses.keypoints[best][to_13], poses.scores[best][to_13]))
    return found


def _only_json(folder: Path) -> Path:
    files = sorted(folder.glob("*.json"))
    if len(files) != 1:
        raise FileFormatError(f"{folder}: expected one .json file of annotations, got {len(files)}: name it")
    return files[0]


def _keypoints(values: Sequence[float]) -> NDArray[np.float64]:
    """COCO's 51 numbers as thirteen joints."""
    points = np.array(values, float).reshape(17, 3)[_TO_13]
    return np.where(points[:, 2:] > 0, points[:, :2], np.nan)


def _mean_similarity(points: NDArray[np.floating], person: LabelledPerson) -> float:
    constant = 2 * np.array([SIGMA[j.removeprefix("left_").removeprefix("right_")] for j in COCO13.joints])
    squared = ((points - person.keypoints) ** 2).sum(-1)
    similarity = np.exp(-squared / (2 * person.area * constant**2))
    return float(np.nansum(similarity) / max(np.isfinite(person.keypoints).all(-1).sum(), 1))
