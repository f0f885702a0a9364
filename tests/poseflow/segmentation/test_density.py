"""HDBSCAN as plain arrays: what is predicted from them is what the package predicts."""

from __future__ import annotations

import warnings

import hdbscan
import numpy as np
import pytest

from poseflow.segmentation.density import NOISE, DensityModel, fit_density


def blobs(seed: int, *, dimension: int = 6, spread: float = 0.25) -> np.ndarray:
    """Points around nine centres, a tenth of them anywhere, some of them twice."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(9, dimension)) * 2
    near = centres[generator.integers(9, size=540)] + spread * generator.normal(size=(540, dimension))
    far = generator.uniform(-5, 5, size=(60, dimension))
    return np.concatenate([near, far, near[:20]]).astype(np.float32)


def questions(points: np.ndarray, seed: int) -> np.ndarray:
    """New points: exact copies, neighbours near and far, and points anywhere."""
    generator = np.random.default_rng(seed)
    chosen = points[generator.integers(len(points), size=(4, 500))]
    steps = np.array([0.0, 0.05, 0.3, 1.0])[:, None, None] * generator.normal(size=chosen.shape)
    return (chosen + steps).reshape(-1, points.shape[1]).astype(np.float32)


def package_prediction(points: np.ndarray, new: np.ndarray, size: int, core: int) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = hdbscan.HDBSCAN(min_cluster_size=size, min_samples=core, prediction_data=True, core_dist_n_jobs=1)
        fitted.fit(points.astype(np.float64))
        return hdbscan.approximate_predict(fitted, new.astype(np.float64))


@pytest.mark.parametrize(("seed", "size", "core"), [(0, 12, 6), (1, 20, 3), (2, 8, 15), (3, 30, 10)])
def test_prediction_is_that_of_the_package(seed: int, size: int, core: int) -> None:
    points = blobs(seed)
    new = questions(points, seed + 100)
    model, _ = fit_density(points, min_cluster_size=size, min_samples=core)
    labels, strength = model.predict(new)
    expected_labels, expected_strength = package_prediction(points, new, size, core)
    assert len(np.unique(expected_labels)) > 2, "the package found clusters to tell apart"
    assert np.mean(labels == expected_labels) >= 0.999
    agrees = labels == expected_labels
    np.testing.assert_allclose(strength[agrees], expected_strength[agrees], atol=1e-6)


def test_fitted_labels_are_those_of_the_package() -> None:
    points = blobs(5)
    _, labels = fit_density(points, min_cluster_size=12, min_samples=6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = hdbscan.HDBSCAN(min_cluster_size=12, min_samples=6).fit_predict(points.astype(np.float64))
    assert (labels == expected).all()


def test_what_is_far_from_everything_is_noise_of_no_strength() -> None:
    model, _ = fit_density(blobs(0), min_cluster_size=12, min_samples=6)
    labels, strength = model.predict(np.full((3, 6), 500, np.float32))
    assert (labels == NOISE).all() and (strength == 0).all()


def test_no_new_point_gives_no_label() -> None:
    model, _ = fit_density(blobs(0), min_cluster_size=12, min_samples=6)
    labels, strength = model.predict(np.zeros((0, 6), np.float32))
    assert len(labels) == 0 and len(strength) == 0


@pytest.mark.parametrize("count", [0, 1, 12])
def test_too_few_points_are_all_noise(count: int) -> None:
    points = np.zeros((count, 4), np.float32)
    model, labels = fit_density(points, min_cluster_size=12, min_samples=6)
    assert model.n_labels == 0 and (labels == NOISE).all() and len(labels) == count
    assert (model.predict(np.zeros((2, 4), np.float32))[0] == NOISE).all()


def test_exemplars_lie_in_their_clusters() -> None:
    model, labels = fit_density(blobs(4), min_cluster_size=12, min_samples=6)
    assert isinstance(model, DensityModel)
    assert set(labels[model.exemplars]) == set(range(model.n_labels))
