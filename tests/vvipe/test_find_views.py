import numpy as np
import pytest
import torch
from poses import random_poses, random_rotations
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.find_views import find_views
from vvipe.geometry import to_canonical


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


def test_order_is_that_of_a_slow_search(embedder):
    poses = random_poses(6)
    views = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    found = find_views(poses.numpy(), views, embedder=embedder, count=5)
    asked = embedder.embed_3d(to_canonical(poses).numpy())
    for row in range(6):
        distances = np.array([np.sqrt(((view - asked[row]) ** 2).sum()) for view in views])
        np.testing.assert_array_equal(found.rows[row], distances.argsort()[:5])
        np.testing.assert_allclose(found.distance[row], np.sort(distances)[:5], rtol=1e-4)
        assert (np.diff(found.probability[row]) <= 1e-6).all()


def test_place_facing_and_unit_do_not_matter(embedder):
    poses = random_poses(5)
    views = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    moved = 1000 * poses @ random_rotations(5).transpose(1, 2) + torch.tensor([5.0, 6.0, 7.0])
    one, other = (find_views(p.numpy(), views, embedder=embedder, count=3) for p in (poses, moved))
    np.testing.assert_allclose(one.distance, other.distance, rtol=1e-3)


def test_nan_views_are_never_found_and_too_few_are_marked(embedder):
    views = np.zeros((3, 8), np.float32)
    views[1] = np.nan
    found = find_views(random_poses(1).numpy(), views, embedder=embedder, count=4)
    assert sorted(found.rows[0].tolist()) == [-1, -1, 0, 2]
    assert np.isnan(found.distance[0, 2:]).all() and np.isnan(found.probability[0, 2:]).all()


def test_nothing_to_search(embedder):
    assert (find_views(random_poses(2).numpy(), np.zeros((0, 8)), embedder=embedder, count=3).rows == -1).all()
    assert find_views(np.zeros((0, 17, 3)), np.zeros((2, 8)), embedder=embedder).rows.shape == (0, 10)


@pytest.mark.parametrize(
    ("poses", "views", "count", "name"),
    [((1, 16, 3), (4, 8), 1, "poses"), ((1, 17, 3), (4, 7), 1, "views"), ((1, 17, 3), (4, 8), 0, "count")],
)
def test_wrong_shapes_are_named(embedder, poses, views, count, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        find_views(np.ones(poses), np.ones(views), embedder=embedder, count=count)
