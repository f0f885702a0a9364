"""MMPose with real weights on real photographs."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from poseflow.detect.mmpose import MMPosePredictor
from poseflow.detect.networks import open_pose_network
from poseflow.detect.openmmlab import load_config, quiet, stand_ins
from poseflow.detect.topdown import Crop, TopDownNetwork
from poseflow.records import Frame

PHOTOS = (785, 40083, 196141, 197388)


@pytest.fixture(scope="session")
def real_models(real_file):
    """Settings of the real detector and pose model of $POSEFLOW_TEST_DATA."""
    return {
        "person_model": "rtmdet-nano",
        "person_checkpoint": real_file("weights/rtmdet_nano_320_coco-person_hw140701_from-onnx.pth"),
        "pose_model": str(real_file("weights/td-hm_litehrnet-wider-naive_pptinypose_coco-256x192.py")),
        "pose_checkpoint": real_file(
            "weights/pptinypose_256x192_mmpose-litehrnet-wider-naive_zoo-style-numpy-meta.pth"
        ),
        "device": "cpu",
    }


@pytest.fixture(scope="session")
def real_predictor(real_models):
    return MMPosePredictor(**real_models)


@pytest.fixture(scope="session")
def photos(real_file):
    return {number: cv2.imread(str(real_file(f"data/video/coco/{number:012d}.jpg"))) for number in PHOTOS}


def frames_of(images, fps=30.0):
    return [Frame(index, index / fps, image) for index, image in enumerate(images)]


def moving_person(photo, count, step_px):
    """Frames over which the photograph slides to the right by `step_px` a frame; nothing of it leaves the frame."""
    height, width = photo.shape[:2]
    frames = []
    for index in range(count):
        canvas = np.zeros((height, width + count * step_px, 3), np.uint8)
        canvas[:, index * step_px : index * step_px + width] = photo
        frames.append(canvas)
    return frames_of(frames)


@pytest.mark.real_data
@pytest.mark.parametrize("flip_test", [False, True])
def test_real_heatmap_model_equals_mmpose_own_inference(real_models, photos, flip_test):
    with quiet(), stand_ins():
        from mmpose.apis import inference_topdown, init_model

        config = load_config(Path(real_models["pose_model"]))
        config.model.test_cfg.flip_test = flip_test
        plain = str(real_models["pose_checkpoint"]).replace("_zoo-style-numpy-meta", "")
        model = init_model(config, plain, device="cpu")
    network = open_pose_network(real_models["pose_model"], real_models["pose_checkpoint"], device="cpu")
    ours = TopDownNetwork(network, flip_test=flip_test, batch_size=8)
    boxes = np.float32([[280, 40, 500, 400], [10, 20, 200, 390], [300.5, -30, 700, 300.25]])
    crops = [Crop(photos[number], box) for number in (785, 197388) for box in boxes]
    keypoints, scores = ours.predict(crops)
    for position, crop in enumerate(crops):
        with quiet():
            expected = inference_topdown(model, crop.image, crop.box[None])[0].pred_instances
        np.testing.assert_allclose(keypoints[position], expected.keypoints[0], atol=0.5)
        np.testing.assert_allclose(scores[position], expected.keypoint_scores[0], atol=0.01)


@pytest.mark.real_data
@pytest.mark.parametrize(("flip_test", "least_mean"), [(False, 0.88), (True, 0.895)])
def test_real_models_find_all_labelled_people_where_they_are(real_models, photos, real_file, flip_test, least_mean):
    """Mean OKS of the 12 labelled people of four photographs; seen: 0.889, with the flip test 0.909."""
    predictor = MMPosePredictor(**real_models, flip_test=flip_test)
    results = list(predictor.predict([Frame(i, i * 1.0, photos[number]) for i, number in enumerate(PHOTOS)]))
    truth = COCO(str(real_file("data/video/coco/test_coco.json")))
    rows = [
        {
            "image_id": number,
            "category_id": 1,
            "keypoints": np.concatenate([keypoints, scores[:, None]], 1).ravel().tolist(),
            "score": float(box_score),
        }
        for number, poses in zip(PHOTOS, results, strict=True)
        for keypoints, scores, box_score in zip(poses.keypoints, poses.scores, poses.box_scores, strict=True)
    ]
    evaluation = COCOeval(truth, truth.loadRes(rows), "keypoints")
    evaluation.params.imgIds = list(PHOTOS)
    evaluation.evaluate()
    best = []
    for number in PHOTOS:
        labels = evaluation._gts[number, 1]
        oks = np.asarray(evaluation.ious[number, 1]).reshape(-1, len(labels))
        best += [oks[:, i].max() for i, label in enumerate(labels) if label["num_keypoints"] > 0]
    assert len(best) == 12
    assert np.mean(best) > least_mean and np.min(best) > 0.5


@pytest.mark.real_data
def test_carried_boxes_follow_a_moving_person(real_models, photos):
    """A person sliding by 15 px a frame: between key frames the pose must slide along, to a few pixels."""
    predictor = MMPosePredictor(**real_models, detect_every=5, batch_size=8)
    results = list(predictor.predict(moving_person(photos[785], 12, 15)))
    assert [len(poses.boxes) for poses in results] == [1] * 12
    tracks = np.stack([poses.keypoints[0] - [15 * i, 0] for i, poses in enumerate(results)])
    spread = np.median(np.linalg.norm(tracks - np.median(tracks, axis=0), axis=-1))
    assert spread < 4


@pytest.mark.real_data
def test_frames_far_apart_are_all_seen_by_the_detector(real_predictor, photos):
    """Two frames a second: a person who is there in the first and another place in the second is found in both."""
    width = photos[785].shape[1]
    frames = moving_person(photos[785], 2, width)
    slow = [Frame(frame.index, frame.index * 0.5, frame.image) for frame in frames]
    found = [poses.boxes for poses in real_predictor.predict(slow)]
    assert [len(boxes) for boxes in found] == [1, 1]
    np.testing.assert_allclose(found[1][0] - found[0][0], [width, 0, width, 0], atol=25)


@pytest.mark.real_data
def test_person_who_comes_between_two_detections_is_found(real_predictor, photos):
    black = np.zeros_like(photos[785])
    images = [black] * 3 + [photos[785]] * 4
    counts = [len(poses.boxes) for poses in real_predictor.predict(frames_of(images))]
    assert counts == [0, 0, 0, 1, 1, 1, 1]


@pytest.mark.real_data
def test_person_who_goes_between_two_detections_is_not_invented(real_predictor, photos):
    images = [photos[785]] * 2 + [np.zeros_like(photos[785])] * 5
    counts = [len(poses.boxes) for poses in real_predictor.predict(frames_of(images))]
    assert counts == [1, 1, 0, 0, 0, 0, 0]


@pytest.mark.real_data
def test_nobody_is_invented_at_a_cut_to_another_scene(real_predictor, photos):
    """At a cut, people of the scene before are looked for, but only people of the new one are there."""
    alone = [len(next(real_predictor.predict(frames_of([photos[n]]))).boxes) for n in (196141, 197388)]
    images = [photos[196141]] * 3 + [photos[197388]] * 3
    counts = [len(poses.boxes) for poses in real_predictor.predict(frames_of(images))]
    assert counts == [alone[0]] * 3 + [alone[1]] * 3


@pytest.mark.real_data
def test_people_are_limited_to_the_best_boxes(real_models, real_predictor, photos):
    (everybody,) = real_predictor.predict(frames_of([photos[197388]]))
    (two,) = MMPosePredictor(**real_models, max_people=2).predict(frames_of([photos[197388]]))
    assert len(everybody.boxes) >= 5
    assert all(a >= b for a, b in pairwise(everybody.box_scores))
    np.testing.assert_allclose(two.boxes, everybody.boxes[:2])
