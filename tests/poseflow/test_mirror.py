from dataclasses import replace

import numpy as np
import pytest
from poseflow_benchmarks.mocap_clips import View, film
from poses import random_poses
from tiny_model import save_tiny_model

from poseflow.embed import embed_people, embed_tracks
from poseflow.mirror import compared_query, embed_mirrored, judge_mirror, mirror_track
from poseflow.records import ClipMetadata, PoseTrack
from vvipe import Embedder
from vvipe.skeleton import COCO17, H36M17


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


def someone(frames=12, *, seed=0):
    generator = np.random.default_rng(seed)
    keypoints = generator.uniform(100, 400, (frames, 17, 2)).astype(np.float32)
    return PoseTrack(
        person_id=3,
        skeleton=COCO17,
        index=np.arange(frames),
        time_s=np.arange(frames) / 30,
        keypoints=keypoints,
        scores=generator.uniform(0.5, 1, (frames, 17)).astype(np.float32),
        boxes=np.tile(np.array([90, 90, 410, 420], np.float32), (frames, 1)),
        box_scores=np.ones(frames, np.float32),
    )


def test_a_mirror_flips_x_and_exchanges_left_and_right():
    track = someone()
    image = mirror_track(track)
    left, right = COCO17.indices("left_wrist", "right_wrist")
    np.testing.assert_allclose(image.keypoints[:, left, 0], 500 - track.keypoints[:, right, 0], atol=1e-3)
    np.testing.assert_array_equal(image.keypoints[:, left, 1], track.keypoints[:, right, 1])
    np.testing.assert_array_equal(image.scores[:, left], track.scores[:, right])
    np.testing.assert_array_equal(image.keypoints[:, 0, 1], track.keypoints[:, 0, 1])
    assert (image.boxes[:, 0] < image.boxes[:, 2]).all()


def test_the_mirror_image_of_the_mirror_image_is_the_person():
    track = someone()
    keypoints = track.keypoints.copy()
    keypoints[3, 5] = np.nan
    track = replace(track, keypoints=keypoints, boxes=np.where(np.arange(12)[:, None] == 4, np.nan, track.boxes))
    again = mirror_track(mirror_track(track))
    np.testing.assert_allclose(again.keypoints, track.keypoints, atol=1e-3)
    np.testing.assert_array_equal(again.scores, track.scores)
    np.testing.assert_allclose(again.boxes, track.boxes)


def test_the_mirror_image_of_a_film_is_the_film_of_the_mirror_image():
    poses = random_poses(6, seed=1).numpy()
    time_s = np.arange(6) / 30
    image = mirror_track(film(poses, time_s, View(azimuth_deg=0.0)))
    mirrored = poses[:, H36M17.flip_order] * np.array([1.0, -1.0, 1.0])  # the camera looks along x
    expected = film(mirrored, time_s, View(azimuth_deg=0.0))
    apart = image.keypoints - expected.keypoints
    np.testing.assert_allclose(apart - apart[:1, :1], 0, atol=0.05)  # but for where the picture's middle is


def test_the_mirror_image_is_embedded_as_the_clip_was(embedder):
    for smooth in (True, False):
        clip = embed_people([someone()], metadata=ClipMetadata("a.mp4", 12), embedder=embedder, smooth=smooth)
        expected = embed_tracks([mirror_track(someone())], embedder, smooth=smooth)[0]
        np.testing.assert_array_equal(embed_mirrored(clip, 3, embedder).vectors, expected.vectors)
        assert embed_mirrored(clip, 3, embedder).person_id == 3


def test_what_was_compared_is_the_person_or_the_mirror_image(embedder):
    from poseflow.match_people import match_clips, MatchSettings  # noqa: I001

    clip = embed_people([someone()], metadata=ClipMetadata("a.mp4", 12), embedder=embedder)
    plain = match_clips(clip, clip, embedder=embedder, settings=MatchSettings(mirror="off"))
    mirrored = match_clips(clip, clip, embedder=embedder, settings=MatchSettings(mirror="on"))
    np.testing.assert_array_equal(compared_query(clip, plain, embedder).vectors, clip.embeddings[0].vectors)
    image = embed_mirrored(clip, 3, embedder)
    np.testing.assert_array_equal(compared_query(clip, mirrored, embedder).vectors, image.vectors)


@pytest.mark.parametrize(
    ("costs", "asymmetry", "expected"),
    [
        ((0.10, 0.20), 0.2, False),
        ((0.20, 0.10), 0.2, True),
        ((0.10, 0.12), 0.1, None),  # a movement that is nearly its own mirror image
        ((0.10, 0.12), 0.2, False),  # the same margin tells of one that is not
        ((0.10, 0.10), 0.3, None),
        ((np.nan, 0.10), 0.3, None),
        ((0.10, 0.20), np.nan, None),
    ],
)
def test_the_nearer_one_is_told_where_the_movement_has_a_side(costs, asymmetry, expected):
    verdict = judge_mirror(*costs, asymmetry=asymmetry, evidence=0.003)
    assert verdict.is_mirrored is expected
    assert verdict.margin == pytest.approx(costs[0] - costs[1], nan_ok=True)
