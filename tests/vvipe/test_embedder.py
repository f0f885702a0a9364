"""The shipped model: its interface, invariances, and that it is well above chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from poses import random_poses, standing

from vvipe import Embedder
from vvipe.cameras import UNSEEN_RIG
from vvipe.geometry import mpjpe, normalize_3d, to_canonical
from vvipe.retrieval import view_poses
from vvipe.skeleton import COCO13, COCO17, conversion_indices


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.from_pretrained()


@pytest.fixture(scope="module")
def views() -> np.ndarray:
    """(11, 30, 13, 2) keypoints of thirty people seen by eleven cameras, in pixels."""
    return 400 + 1500 * view_poses(random_poses(30, spread=0.08), UNSEEN_RIG).numpy()


def _coco17(keypoints13: np.ndarray) -> np.ndarray:
    keypoints = np.full((*keypoints13.shape[:-2], 17, 2), np.nan, np.float32)
    keypoints[..., conversion_indices(COCO17, COCO13), :] = keypoints13
    return keypoints


def test_shapes_and_types(embedder, views):
    prediction = embedder.predict(views[0], skeleton="coco13")
    assert prediction.vectors.shape == (30, embedder.dimension) and prediction.vectors.dtype == np.float32
    assert prediction.uncertainty.shape == prediction.valid.shape == (30,)
    assert prediction.root_rotation.shape == (30, 4)
    assert embedder.decode(prediction.vectors).shape == (30, 17, 3)


def test_no_people_give_no_rows(embedder):
    prediction = embedder.predict(np.empty((0, 17, 2)))
    assert prediction.vectors.shape == (0, embedder.dimension) and prediction.root_rotation.shape == (0, 4)


def test_alone_and_in_a_batch_are_the_same(embedder, views):
    together = embedder.embed(views[0], skeleton="coco13")
    alone = np.concatenate([embedder.embed(row[None], skeleton="coco13") for row in views[0]])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_embedding_is_deterministic(embedder, views):
    np.testing.assert_array_equal(*(embedder.embed(views[0], skeleton="coco13") for _ in range(2)))


def test_place_and_size_in_the_image_do_not_matter(embedder, views):
    moved = 0.3 * views[0] + np.array([900.0, -50.0])
    np.testing.assert_allclose(
        embedder.embed(moved, skeleton="coco13"), embedder.embed(views[0], skeleton="coco13"), atol=1e-3
    )


def test_eyes_and_ears_of_coco17_do_not_matter(embedder, views):
    np.testing.assert_array_equal(embedder.embed(_coco17(views[0])), embedder.embed(views[0], skeleton="coco13"))


def test_score_zero_is_a_missing_joint(embedder, views):
    scores = np.ones((30, 13))
    scores[:, 3] = 0
    missing = views[0].copy()
    missing[:, 3] = np.nan
    np.testing.assert_array_equal(
        embedder.embed(views[0], scores, "coco13"), embedder.embed(missing, np.ones((30, 13)), "coco13")
    )


def test_person_without_a_torso_is_not_valid(embedder, views):
    keypoints = views[0].copy()
    keypoints[3] = np.nan
    prediction = embedder.predict(keypoints, skeleton="coco13")
    assert prediction.valid.tolist() == [i != 3 for i in range(30)]
    assert np.isnan(prediction.vectors[3]).all() and np.isnan(prediction.uncertainty[3])
    assert np.isnan(prediction.root_rotation[3]).all()
    assert np.isfinite(prediction.vectors[[0, 1, 2, 4]]).all()


def test_same_pose_in_other_cameras_is_nearer_than_other_poses(embedder, views):
    vectors = np.stack([embedder.embed(view, skeleton="coco13") for view in views])
    same = np.linalg.norm(vectors[1:] - vectors[0], axis=-1)
    other = np.linalg.norm(vectors[1:, 1:] - vectors[0, :-1], axis=-1)
    assert np.median(same) < 0.7 * np.median(other)


def test_standing_person_is_decoded_standing(embedder):
    keypoints = view_poses(standing(), UNSEEN_RIG)[2].numpy()
    decoded = torch.from_numpy(embedder.decode(embedder.embed(keypoints, skeleton="coco13")))
    truth = to_canonical(normalize_3d(standing()))
    assert float(mpjpe(decoded, truth)) < 0.2  # torso lengths: under 10 cm


def test_probability_falls_with_distance_and_nan_stays(embedder, views):
    vectors = embedder.embed(views[0], skeleton="coco13")
    same = embedder.match_probability(vectors, vectors)
    other = embedder.match_probability(vectors[1:], vectors[:-1])
    assert (same >= other.max()).all() and ((other > 0) & (other < 1)).all()
    gone = vectors.copy()
    gone[0] = np.nan
    assert np.isnan(embedder.match_probability(gone, vectors)[0])


def test_expected_error_grows_from_anchor_to_anchor(embedder, views):
    near, far = embedder.score_anchors
    assert 0 < near < far < 1
    vectors = embedder.embed(views[0], skeleton="coco13")
    uncertainty = np.full(30, 0.1)
    assert (embedder.expected_error(vectors, vectors, uncertainty, uncertainty) < far).all()


@pytest.mark.parametrize(
    ("keypoints", "scores"),
    [(np.zeros((3, 16, 2)), None), (np.zeros((17, 2)), None), (np.zeros((3, 17, 2)), np.ones(3))],
)
def test_wrong_shapes_are_errors(embedder, keypoints, scores):
    with pytest.raises(ValueError, match="expected"):
        embedder.predict(keypoints, scores)


@pytest.mark.parametrize("shape", [(2, 16, 3), (17, 3), (2, 17, 2)])
def test_3d_poses_of_another_shape_are_errors(embedder, shape):
    with pytest.raises(ValueError, match=r"poses: expected \(N, 17, 3\)"):
        embedder.embed_3d(np.zeros(shape))


def test_unknown_skeleton_is_an_error(embedder):
    with pytest.raises(ValueError, match="coco17"):
        embedder.predict(np.zeros((1, 17, 2)), skeleton="coco")


def test_vectors_of_another_dimension_are_errors(embedder):
    with pytest.raises(ValueError, match="expected"):
        embedder.decode(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="expected"):
        embedder.match_probability(np.zeros((2, 5)), np.zeros((2, 5)))


@pytest.mark.real_data
def test_shipped_model_retrieves_hdm05_across_unseen_cameras(embedder, real_file):
    from poseflow_benchmarks.open_sets import make_set
    from poseflow_benchmarks.retrieval import EmbedderSystem, KeypointSystem, evaluate_system

    from vvipe.datasets.mocap import read_npz

    sets = [make_set("HDM05", read_npz(real_file("data/mocap/hdm05.npz"))[::4], UNSEEN_RIG, columns={"all": "all"})]
    ours, keypoints = (evaluate_system(system, sets) for system in (EmbedderSystem(embedder), KeypointSystem()))
    for column in ("all/GT", "all/D0", "all/D1"):
        assert 100 > ours.columns[column].hits[1] > 1.5 * keypoints.columns[column].hits[1]
