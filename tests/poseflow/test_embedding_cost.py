import numpy as np
import pytest
from tiny_model import save_tiny_model

from poseflow.costs import MatrixDistance, cost_corridor, cost_matrix, steering_of
from poseflow.embedding_cost import embedding_cost, series_of
from poseflow.records import EmbeddingTrack
from poseflow.time_series import TimeSeries
from vvipe import Embedder


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


def features(count, *, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 9)).astype(np.float32)


def series(count, *, seed=0, unseen=()):
    is_seen = ~np.isin(np.arange(count), unseen)
    return TimeSeries(np.arange(count) / 30, np.where(is_seen[:, None], features(count, seed=seed), np.nan), is_seen)


def test_the_matrix_is_that_of_the_pairs(embedder):
    cost = embedding_cost(embedder)
    a, b = features(30), features(40, seed=1)
    expected = [[embedder.expected_error(x[None, :-1], y[None, :-1])[0] for y in b] for x in a]
    np.testing.assert_allclose(cost.matrix(a, b), expected, rtol=1e-4)
    assert isinstance(cost, MatrixDistance)
    np.testing.assert_allclose(cost.matrix(a, a[:1])[0, 0], cost(a[:1], a[:1])[0], rtol=1e-6)


def test_paths_are_sought_by_the_root_of_the_embedding_distance(embedder):
    cost = embedding_cost(embedder)
    a, b = features(50), features(50, seed=1)
    b[:5] = a[:5] + 0.01
    steer = steering_of(TimeSeries(np.arange(50) / 30, a, np.ones(50, bool)), cost)
    roots = np.sqrt(np.linalg.norm(a[:, :-1].astype(float) - b[:, :-1], axis=1))
    found = steer(cost(a, b))
    np.testing.assert_allclose(found / found.mean(), roots / roots.mean(), rtol=1e-3)
    assert np.isnan(steer(np.array([np.nan])))[0]


def test_equal_poses_alone_have_a_matrix_too(embedder):
    one = features(1)
    assert embedding_cost(embedder).matrix(one, one).shape == (1, 1)


def test_a_corridor_holds_the_cells_of_the_matrix(embedder):
    rows, columns = series(300, unseen=(5, 6)), series(400, seed=2, unseen=(90,))
    first = np.minimum(np.arange(300) + 20, 400 - 31)
    cost = embedding_cost(embedder)
    corridor = cost_corridor(rows, columns, first, 31, distance=cost)
    whole = cost_matrix(rows, columns, distance=cost)
    expected = np.stack([whole[i, f : f + 31] for i, f in enumerate(first)])
    np.testing.assert_allclose(corridor.cost, expected, rtol=2e-4)
    assert corridor.n_columns == 400


def test_features_are_the_embedding_and_its_uncertainty():
    vectors = features(4)[:, :8]
    valid = np.array([True, True, False, True])
    track = EmbeddingTrack(
        person_id=1,
        time_s=np.arange(4) / 30,
        vectors=vectors,
        uncertainty=np.arange(4, dtype=np.float32),
        valid=valid,
        model="m@1",
        root_rotation=np.full((4, 4), np.nan, np.float32),
    )
    made = series_of(track)
    np.testing.assert_array_equal(made.values[:, :-1], vectors)
    np.testing.assert_array_equal(made.values[:, -1], np.arange(4))
    np.testing.assert_array_equal(made.is_seen, valid)
