"""COCO keypoints as JSON: annotation files, and lists of results."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseflow.formats.joints import order_by_name, order_by_number, refuse_joint_map, take
from poseflow.formats.json_values import number, number_array, records, whole_number
from poseflow.formats.protocol import ImportOptions
from poseflow.formats.sightings import Sighting, Sightings
from poseflow.formats.source import KeypointSource

_NUMBER_AT_THE_END = re.compile(r"(\d{1,15})\D*$")


class CocoJson:
    """COCO keypoints.

    - Annotations: ``{"images": [...], "annotations": [...], "categories": [...]}``; joints by the names of the
      category, without names in COCO-17 order. A joint of visibility 0 was not seen, every other one has score 1, or
      what ``keypoint_scores`` says; ``iscrowd`` regions and annotations without keypoints are left out. Frames have
      the times that the images state as ``time_s``, where all do.
    - Results: ``[{"image_id", "keypoints": [x, y, score, ...], "score"}, ...]`` with 17, 23, 26, 133 or 136 joints;
      a joint with score 0 was not seen. AlphaPose writes the same with picture names as ``image_id``.

    The number of a frame is the image's ``frame_id`` where all have one, else the last number in ``file_name`` where
    it is another one for each, else the place in the list of images; in results, ``image_id`` or the last number in
    it. People keep their ``track_id`` (AlphaPose: ``idx``) where all have one.
    """

    name = "coco"
    description = "COCO keypoints (.json of annotations or results)"

    def detects(self, source: KeypointSource) -> bool:
        if not source.is_json:
            return False
        content = source.json
        if isinstance(content, dict):
            return "annotations" in content
        first = content[0] if isinstance(content, list) and content else None
        return isinstance(first, dict) and {"image_id", "keypoints"} <= first.keys()

    def read(self, source: KeypointSource, options: ImportOptions) -> Sightings:
        if isinstance(source.json, dict):
            return _read_annotations(source, options)
        return _read_results(source, options)


def _read_annotations(source: KeypointSource, options: ImportOptions) -> Sightings:
    images = records(source, source.json.get("images"), "images")
    frames = _image_frames(source, images)
    names = _category_names(source)
    orders: dict[int | str, NDArray[np.int64]] = {}  # of the categories that occur: others may be of other things
    annotations = records(source, source.json.get("annotations"), "annotations")
    has_ids = all("track_id" in annotation for annotation in annotations)
    people = []
    for annotation in annotations:
        if annotation.get("iscrowd") or not annotation.get("num_keypoints", "keypoints" in annotation):
            continue
        where = f"annotation {annotation.get('id')}"
        image, category = (_id(source, annotation.get(key), f"{where}, {key}") for key in ("image_id", "category_id"))
        if image not in frames:
            raise source.error(f"{where}: image_id {image!r} is not among the images")
        points = _points(source, annotation.get("keypoints"), where)
        if category in names and category not in orders:
            orders[category] = order_by_name(source, names[category], options.joint_map)
        if category in names and len(names[category]) != len(points):
            raise source.error(f"{where}: the category names {len(names[category])} joints, it has {len(points)}")
        order = orders[category] if category in orders else _nameless_order(source, len(points), options)
        keypoints = take(np.where(points[:, 2:] > 0, points[:, :2], np.nan), order)
        person = whole_number(source, annotation["track_id"], f"{where}, track_id") + 1 if has_ids else None
        box = _corner_box(source, annotation.get("bbox"), where)
        scores = take(_stated_scores(source, annotation, len(points), where), order)
        box_score = number(source, annotation.get("score"), f"{where}, score")
        people.append(Sighting(frames[image], keypoints, scores, person, box, box_score))
    return Sightings(people, list(frames.values()), time_s=_image_times(source, images))


def _stated_scores(
    source: KeypointSource, annotation: dict[str, Any], n_joints: int, where: str
) -> NDArray[np.float64]:
    """(K,) confidences, which COCO itself does not have; NaN where they are not stated."""
    if annotation.get("keypoint_scores") is None:
        return np.full(n_joints, np.nan)
    return number_array(source, annotation["keypoint_scores"], f"{where}, keypoint_scores", (n_joints,))


def _image_times(source: KeypointSource, images: list[dict[str, Any]]) -> list[float] | None:
    if not images or any(image.get("time_s") is None for image in images):
        return None
    return [number(source, image["time_s"], "images, time_s") for image in images]


def _category_names(source: KeypointSource) -> dict[int | str, list[str]]:
    """Category id -> names of its joints, for categories that name them."""
    return {
        _id(source, category.get("id"), "categories, id"): [str(name) for name in category["keypoints"]]
        for category in records(source, source.json.get("categories", []), "categories")
        if isinstance(category.get("keypoints"), list) and category["keypoints"]
    }


def _nameless_order(source: KeypointSource, n_joints: int, options: ImportOptions) -> NDArray[np.int64]:
    refuse_joint_map(source, options.joint_map)
    return order_by_number(source, n_joints)


def _id(source: KeypointSource, value: Any, where: str) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise source.error(f"{where}: expected a number or a name, found {str(value)[:60]!r}")
    return value


def _read_results(source: KeypointSource, options: ImportOptions) -> Sightings:
    refuse_joint_map(source, options.joint_map)
    results = records(source, source.json, "COCO results")
    id_key = next((key for key in ("track_id", "idx") if all(isinstance(r.get(key), int) for r in results)), None)
    people = []
    for position, result in enumerate(results):
        where = f"result {position}"
        points = _points(source, result.get("keypoints"), where)
        points[points[:, 2] <= 0, :2] = np.nan
        points = take(points, order_by_number(source, len(points)))
        people.append(
            Sighting(
                frame=_result_frame(source, result.get("image_id"), where),
                keypoints=points[:, :2],
                scores=points[:, 2],
                person=None if id_key is None else whole_number(source, result[id_key], f"{where}, {id_key}") + 1,
                box=_corner_box(source, result.get("bbox"), where),
                box_score=number(source, result.get("score"), f"{where}, score"),
            )
        )
    return Sightings(people, sorted({person.frame for person in people}))


def _points(source: KeypointSource, value: Any, where: str) -> NDArray[np.float64]:
    """(K, 3) x, y, visibility or score, from a flat list."""
    flat = number_array(source, value, f"{where}, keypoints", (None,))
    if not len(flat) or len(flat) % 3:
        raise source.error(f"{where}, keypoints: expected three numbers a joint in one list, found {len(flat)}")
    return flat.reshape(-1, 3)


def _corner_box(source: KeypointSource, value: Any, where: str) -> NDArray[np.float64] | None:
    """COCO's x, y, width, height as corners."""
    if value is None:
        return None
    box = number_array(source, value, f"{where}, bbox", (4,))
    return np.concatenate([box[:2], box[:2] + box[2:]])


def _image_frames(source: KeypointSource, images: list[dict[str, Any]]) -> dict[int | str, int]:
    """Image id -> number of its frame."""
    ids = [_id(source, image.get("id"), "images, id") for image in images]
    if len(set(ids)) != len(ids):
        raise source.error("images: expected each with its own id")
    if all("frame_id" in image for image in images):
        numbers = [whole_number(source, image["frame_id"], "images, frame_id") for image in images]
        return dict(zip(ids, numbers, strict=True))
    stems = [PurePosixPath(str(image.get("file_name", ""))).stem for image in images]
    matches = [_NUMBER_AT_THE_END.search(stem) for stem in stems]
    numbers = [int(match[1]) for match in matches if match]
    if len(set(numbers)) == len(images):
        return dict(zip(ids, numbers, strict=True))
    return {id_: position for position, id_ in enumerate(ids)}


def _result_frame(source: KeypointSource, image_id: Any, where: str) -> int:
    match = _NUMBER_AT_THE_END.search(PurePosixPath(image_id).stem) if isinstance(image_id, str) else None
    return int(match[1]) if match else whole_number(source, image_id, f"{where}, image_id")
