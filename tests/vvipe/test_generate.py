import numpy as np
import pytest
from tiny_model import save_tiny_model

from vvipe import Embedder
from vvipe.generate import ALPHAS, generate_around


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


def test_steps_lie_on_lines_through_the_start(embedder):
    start = np.linspace(-1, 1, 8).astype(np.float32)
    made = generate_around(start, embedder=embedder, generator=np.random.default_rng(1), count=3)
    assert made.poses.shape == (3, 4, 17, 3)
    for row, direction in enumerate(made.directions):
        for column, alpha in enumerate(ALPHAS):
            np.testing.assert_allclose(made.vectors[row, column], start + alpha * direction, rtol=1e-5)
            pose = embedder.decode(made.vectors[row, column][None])[0]
            np.testing.assert_allclose(made.poses[row, column], pose, atol=1e-5)


def test_a_step_of_nothing_is_the_start(embedder):
    start = np.ones(8, np.float32)
    made = generate_around(start, embedder=embedder, generator=np.random.default_rng(0), count=1, alphas=(0.0,))
    np.testing.assert_allclose(made.poses[0, 0], made.start, atol=1e-6)


def test_larger_steps_lead_farther(embedder):
    made = generate_around(np.zeros(8), embedder=embedder, generator=np.random.default_rng(0), count=50)
    moved = np.linalg.norm(made.poses - made.start, axis=-1).mean((0, 2))
    assert (np.diff(moved) > 0).all()


def test_seed_decides(embedder):
    def draw(seed):
        return generate_around(np.zeros(8), embedder=embedder, generator=np.random.default_rng(seed)).poses

    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_steps_of_one_from_the_middle_are_samples_of_the_unit_gaussian(embedder):
    made = generate_around(
        np.zeros(8), embedder=embedder, generator=np.random.default_rng(0), count=4000, alphas=(1.0,)
    )
    assert made.poses.shape == (4000, 1, 17, 3)
    np.testing.assert_allclose(made.vectors[:, 0].mean(0), 0, atol=0.08)
    np.testing.assert_allclose(np.cov(made.vectors[:, 0].T), np.eye(8), atol=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"alphas": ()},
        {"alphas": (float("nan"),)},
        {"vector": np.zeros(7)},
        {"vector": np.full(8, np.nan)},
    ],
)
def test_wrong_settings_are_refused(embedder, wrong):
    given = {"vector": np.zeros(8)} | wrong
    with pytest.raises(ValueError, match="expected"):
        generate_around(given.pop("vector"), embedder=embedder, generator=np.random.default_rng(0), **given)


@pytest.mark.real_data
def test_small_steps_keep_a_captured_pose_human(real_file):
    import torch

    from vvipe.datasets.mocap import read_npz
    from vvipe.datasets.splits import select
    from vvipe.geometry import bone_length_table, to_canonical
    from vvipe.skeleton import H36M17

    embedder = Embedder.from_pretrained()
    takes = select(read_npz(real_file("data/mocap/cmu_more.npz")), "carve-out")
    canonical = to_canonical(torch.from_numpy(np.concatenate([take.poses[::600] for take in takes])))
    vectors = embedder.embed_3d(canonical.numpy())
    made = [generate_around(v, embedder=embedder, generator=np.random.default_rng(0)) for v in vectors]
    poses = np.stack([m.poses for m in made]).reshape(-1, 17, 3)
    parents, children = np.array(H36M17.bones).T
    lengths = np.linalg.norm(poses[:, children] - poses[:, parents], axis=-1)
    # Measured at 0.5: 0.08 torso lengths a bone.
    assert np.abs(lengths - bone_length_table().numpy()).mean() < 0.1
