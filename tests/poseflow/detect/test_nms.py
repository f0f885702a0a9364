import numpy as np
import pytest
import torch

from poseflow.detect.nms import batched_nms, box_iou, nms


def slow_iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


def slow_nms(boxes, scores, threshold):
    """Torchvision's rule: go down the scores, keep a box unless a kept one overlaps it by more than the threshold."""
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(slow_iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


def random_boxes(count, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 30, (count, 2))], axis=1)
    return torch.tensor(boxes), torch.tensor(rng.permutation(count) / count)


def test_overlap_equals_slow_loop():
    boxes, _ = random_boxes(20, 0)
    expected = [[slow_iou(a, b) for b in boxes.tolist()] for a in boxes.tolist()]
    np.testing.assert_allclose(box_iou(boxes, boxes), expected)


def test_overlap_of_empty_boxes_is_zero():
    assert box_iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_nms_keeps_what_the_slow_loop_keeps(threshold):
    boxes, scores = random_boxes(80, 1)
    dets, keep = nms(boxes, scores, threshold)
    assert keep.tolist() == slow_nms(boxes.tolist(), scores.tolist(), threshold)
    torch.testing.assert_close(dets, torch.cat([boxes[keep], scores[keep, None]], 1))


def test_nms_drops_low_scores_and_stops_at_max_num():
    boxes, scores = random_boxes(40, 2)
    _, keep = nms(boxes, scores, 0.5, score_threshold=0.4)
    expected = [i for i in slow_nms(boxes.tolist(), scores.tolist(), 0.5) if scores[i] > 0.4]
    assert keep.tolist() == expected
    assert nms(boxes, scores, 0.5, max_num=3)[1].tolist() == slow_nms(boxes.tolist(), scores.tolist(), 0.5)[:3]


def test_offset_counts_the_last_pixel():
    boxes = torch.tensor([[0.0, 0, 9, 9], [5, 0, 14, 9]])  # 10 x 10 pixels each, 5 columns in common: 50 / 150
    assert box_iou(boxes, boxes, offset=1)[0, 1].item() == pytest.approx(1 / 3)


def test_nms_of_no_boxes_is_empty():
    dets, keep = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert dets.shape == (0, 5) and keep.shape == (0,)
    dets, keep = batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), {"type": "nms", "iou_threshold": 0.5})
    assert dets.shape == (0, 5) and keep.shape == (0,)


def test_batched_nms_suppresses_within_a_class_only():
    boxes, scores = random_boxes(60, 3)
    classes = torch.arange(60) % 3
    _, keep = batched_nms(boxes, scores, classes, {"type": "nms", "iou_threshold": 0.3})
    expected = []
    for group in range(3):
        of_group = [i for i in range(60) if i % 3 == group]
        kept = slow_nms(boxes[of_group].tolist(), scores[of_group].tolist(), 0.3)
        expected += [of_group[i] for i in kept]
    assert keep.tolist() == sorted(expected, key=lambda i: -scores[i])


def test_class_agnostic_batched_nms_equals_nms():
    boxes, scores = random_boxes(60, 4)
    settings = {"type": "nms", "iou_threshold": 0.3}
    _, keep = batched_nms(boxes, scores, torch.arange(60) % 3, settings, class_agnostic=True)
    assert keep.tolist() == slow_nms(boxes.tolist(), scores.tolist(), 0.3)


def test_batched_nms_without_settings_sorts():
    boxes, scores = random_boxes(9, 5)
    _, keep = batched_nms(boxes, scores, torch.zeros(9), None)
    assert keep.tolist() == np.argsort(-scores.numpy()).tolist()


def test_other_kinds_of_nms_are_refused():
    with pytest.raises(NotImplementedError, match="soft_nms"):
        batched_nms(torch.zeros(1, 4), torch.zeros(1), torch.zeros(1), {"type": "soft_nms", "iou_threshold": 0.5})
