import hashlib

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement

from poseflow.detect.mmpose import MMPosePredictor
from poseflow.detect.networks import open_network, open_pose_network
from poseflow.detect.onestage import OneStageNetwork
from poseflow.detect.openmmlab import build_model, installed_config, load_config, quiet, stand_ins
from poseflow.detect.person import PersonDetector
from poseflow.detect.protocol import PosePredictor
from poseflow.detect.registry import MODELS
from poseflow.detect.topdown import Crop, TopDownNetwork
from poseflow.records import Frame
from vvipe.errors import DeviceError, WeightsError
from vvipe.skeleton import COCO17


def settle_batch_norm(model, head):
    """Gives the batch norms the statistics of some pictures, so that random weights depend on what they see."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    pictures = torch.from_numpy(np.stack([noise_picture(seed, 256, 192) for seed in range(2)])).permute(0, 3, 1, 2)
    with quiet(), torch.no_grad():
        inputs = model.data_preprocessor({"inputs": list(pictures), "data_samples": [BaseDataElement()] * 2})["inputs"]
        model.train()
        head(model.extract_feat(inputs))
        model.eval()
        if type(head).__name__ == "RTMOHead":  # otherwise random weights see thousands of people of any size
            logits = torch.cat([scores.flatten() for scores in head(model.extract_feat(inputs))[0]])
            for classify, place in zip(head.head_module.out_cls, head.head_module.out_bbox, strict=True):
                classify.bias += np.log(0.1 / 0.9) - logits.quantile(0.999)
                place.weight *= 0.1


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory):
    """Gives a checkpoint of a registry model with random weights."""
    folder = tmp_path_factory.mktemp("random")

    def make(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            entry = MODELS[name]
            torch.manual_seed(0)
            config = load_config(installed_config("mmpose", entry.config))
            model = build_model(config, scope="mmdet" if entry.task == "person" else "mmpose")
            settle_batch_norm(model, model.bbox_head if entry.task == "person" else model.head)
            torch.save({"state_dict": model.state_dict()}, path)
        return path

    return make


def noise_picture(seed, height=240, width=320):
    small = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def frames_of(images, fps=30.0):
    return [Frame(index, index / fps, image) for index, image in enumerate(images)]


@pytest.fixture(scope="session")
def rtmpose(random_checkpoint):
    network = open_pose_network("rtmpose-t", random_checkpoint("rtmpose-t"), device="cpu")
    return TopDownNetwork(network, flip_test=False, batch_size=5)


def random_crops():
    rng = np.random.default_rng(1)
    corners = rng.uniform(-20, 100, (12, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 150, (12, 2))], 1).astype(np.float32)
    return [Crop(noise_picture(i % 3), box) for i, box in enumerate(boxes)]


def test_rtmpose_batch_equals_single(rtmpose):
    crops = random_crops()
    keypoints, scores = rtmpose.predict(crops)
    assert keypoints.shape == (12, 17, 2) and scores.shape == (12, 17)
    for position, crop in enumerate(crops):
        single_keypoints, single_scores = rtmpose.predict([crop])
        np.testing.assert_allclose(single_keypoints[0], keypoints[position], atol=0.01)
        np.testing.assert_allclose(single_scores[0], scores[position], atol=1e-4)


def test_rtmpose_equals_mmpose_own_inference(rtmpose, random_checkpoint):
    with quiet(), stand_ins():
        from mmpose.apis import inference_topdown, init_model

        config = load_config(installed_config("mmpose", MODELS["rtmpose-t"].config))
        config.model.test_cfg.flip_test = False
        model = init_model(config, str(random_checkpoint("rtmpose-t")), device="cpu")
    for crop in random_crops()[:4]:
        with quiet():
            expected = inference_topdown(model, crop.image, crop.box[None])[0].pred_instances
        keypoints, scores = rtmpose.predict([crop])
        seen = expected.keypoint_scores > 0
        np.testing.assert_allclose(keypoints[seen], expected.keypoints[seen], atol=0.01)
        np.testing.assert_allclose(scores, expected.keypoint_scores.clip(0, 1), atol=1e-4)
        assert np.isnan(keypoints[~seen]).all()


def test_no_crops_give_no_poses(rtmpose):
    keypoints, scores = rtmpose.predict([])
    assert keypoints.shape == (0, 17, 2) and scores.shape == (0, 17)


def test_box_without_area_or_outside_the_picture_is_survived(rtmpose):
    image = noise_picture(0)
    keypoints, _ = rtmpose.predict(
        [Crop(image, np.float32([5, 5, 5, 5])), Crop(image, np.float32([900, 900, 950, 999]))]
    )
    assert keypoints.shape == (2, 17, 2)


def test_rtmo_batch_equals_single_and_mmpose_own_inference(random_checkpoint):
    path = random_checkpoint("rtmo-s")
    network = open_pose_network("rtmo-s", path, device="cpu")
    assert network.is_onestage
    one_stage = OneStageNetwork(network, flip_test=False)
    images = [noise_picture(seed) for seed in range(2)]
    batch = one_stage.predict(images)
    with quiet(), stand_ins():
        from mmpose.apis import inference_bottomup

        network.model.cfg, network.model.dataset_meta = network.config, dict(network.dataset_meta)
        with DefaultScope.overwrite_default_scope("mmpose"):
            expected = [inference_bottomup(network.model, image)[0].pred_instances for image in images]
    for image, people, theirs in zip(images, batch, expected, strict=True):
        (single,) = one_stage.predict([image])
        assert len(people) > 0 and np.isfinite(theirs.keypoints).all()
        np.testing.assert_allclose(people.boxes, theirs.bboxes, atol=0.05)
        for ours in (people, single):
            np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=0.05)
            np.testing.assert_allclose(ours.scores, theirs.keypoint_scores, atol=1e-3)


def test_one_stage_predictor_reads_one_batch_ahead(random_checkpoint):
    predictor = MMPosePredictor(
        pose_model="rtmo-s", pose_checkpoint=random_checkpoint("rtmo-s"), device="cpu", batch_size=2
    )
    read = []

    def source():
        for frame in frames_of([noise_picture(seed) for seed in range(3)]):
            read.append(frame.index)
            yield frame

    results = predictor.predict(source())
    assert next(results).index == 0 and read == [0, 1]
    assert [poses.index for poses in results] == [1, 2]
    assert predictor.info.signature == "mmpose:rtmo-s"
    assert list(predictor.predict([])) == []


@pytest.fixture(scope="session")
def random_predictor(random_checkpoint):
    """A top-down predictor of random weights that keeps every box, however uncertain."""
    return MMPosePredictor(
        pose_model="rtmpose-t",
        pose_checkpoint=random_checkpoint("rtmpose-t"),
        person_checkpoint=random_checkpoint("rtmdet-nano"),
        device="cpu",
        batch_size=6,
        max_people=2,
        min_box_score=0,
        min_pose_score=0,
    )


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 7, 12])
def test_every_frame_has_its_result_in_order(random_predictor, count):
    frames = frames_of([noise_picture(seed % 2) for seed in range(count)])
    results = list(random_predictor.predict(frames))
    assert [(r.index, r.time_s) for r in results] == [(f.index, f.time_s) for f in frames]
    assert all(r.keypoints.shape[1:] == (17, 2) and len(r.boxes) <= 2 for r in results)


def test_no_more_than_a_batch_is_read_ahead(random_predictor):
    read = []

    def source():
        for frame in frames_of([noise_picture(seed % 2) for seed in range(20)]):
            read.append(frame.index)
            yield frame

    for poses in random_predictor.predict(source()):
        assert len(read) - poses.index <= 6


def test_predictor_follows_the_protocol(random_predictor, random_checkpoint):
    predictor: PosePredictor = random_predictor
    assert predictor.skeleton is COCO17
    assert predictor.info.name == "mmpose" and predictor.info.device == "cpu"
    expected = [
        hashlib.sha256(random_checkpoint(name).read_bytes()).hexdigest() for name in ("rtmdet-nano", "rtmpose-t")
    ]
    assert [file.sha256 for file in predictor.info.models] == expected


@pytest.mark.parametrize(
    "setting",
    [{"detect_every": 0}, {"batch_size": 0}, {"max_people": 0}, {"min_box_score": 1.5}, {"min_pose_score": -1}],
)
def test_impossible_setting_is_named(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        MMPosePredictor(**setting)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_absent_device_is_an_error():
    with pytest.raises(DeviceError, match="cuda"):
        MMPosePredictor(device="cuda")


def test_config_without_checkpoint_is_the_callers_mistake():
    with pytest.raises(ValueError, match="needs a checkpoint"):
        MMPosePredictor(pose_model="mine.py", device="cpu")


def test_person_model_is_no_pose_model():
    with pytest.raises(ValueError, match="unknown model 'rtmdet-nano'; known: rtmpose-t"):
        MMPosePredictor(pose_model="rtmdet-nano", device="cpu")


def random_model_of(config_path, folder):
    """A checkpoint with random weights for any installed MMPose config."""
    config = installed_config("mmpose", config_path)
    path = folder / "random.pth"
    torch.save({"state_dict": build_model(load_config(config), scope="mmpose").state_dict()}, path)
    return str(config), path


def test_model_of_other_keypoints_is_refused(tmp_path):
    config, path = random_model_of(
        "configs/hand_2d_keypoint/rtmpose/hand5/rtmpose-m_8xb256-210e_hand5-256x256.py", tmp_path
    )
    with pytest.raises(WeightsError, match="without the COCO joints nose"):
        TopDownNetwork(open_pose_network(config, path, device="cpu"), flip_test=False, batch_size=1)


def test_regression_head_gives_coco_joints(tmp_path):
    config, path = random_model_of(
        "configs/body_2d_keypoint/topdown_regression/coco/td-reg_mobilenetv2_rle-pretrained-8xb64-210e_coco-256x192.py",
        tmp_path,
    )
    network = TopDownNetwork(open_pose_network(config, path, device="cpu"), flip_test=True, batch_size=4)
    keypoints, scores = network.predict(random_crops()[:2])
    assert keypoints.shape == (2, 17, 2) and ((scores >= 0) & (scores <= 1)).all()


def test_detector_without_the_class_person_is_refused(random_checkpoint, tmp_path):
    content = torch.load(random_checkpoint("rtmdet-nano"))
    torch.save({**content, "meta": {"dataset_meta": {"classes": ("hand",)}}}, tmp_path / "hand.pth")
    network = open_network("rtmdet-nano", tmp_path / "hand.pth", tasks=("person",), scope="mmdet", device="cpu")
    with pytest.raises(WeightsError, match="detects hand.*no class 'person'"):
        PersonDetector(network, min_score=0.3, max_people=5)
