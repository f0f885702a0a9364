from __future__ import annotations

import math

import pytest
import torch
from poses import random_poses

from vvipe import losses
from vvipe.geometry import mpjpe, np_mpjpe, to_canonical


@pytest.fixture
def poses() -> torch.Tensor:
    return to_canonical(random_poses(12))


def test_reconstruction_sums_coordinates():
    assert losses.reconstruction_loss(torch.ones(4, 17, 3), torch.zeros(4, 17, 3)) == 51


def test_kl_is_torchs():
    mean, log_variance = torch.randn(6, 5), torch.randn(6, 5)
    ours = losses.kl_loss(mean, log_variance)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()
    torch.testing.assert_close(ours, expected)


def test_pose_distances_are_pairwise_mpjpe(poses):
    distances = losses.pose_distances(poses)
    for i in range(12):
        for j in range(12):
            torch.testing.assert_close(distances[i, j], mpjpe(poses[i], poses[j]), atol=1e-5, rtol=1e-4)


def test_identical_poses_have_distance_zero_exactly(poses):
    assert losses.pose_distances(torch.cat([poses, poses]))[0, 12] == 0


def _slow_triplets(distances: torch.Tensor, kappa: float) -> list[tuple[int, int, int]]:
    found = []
    for i in range(len(distances)):
        order = sorted((j for j in range(len(distances)) if j != i), key=lambda j: float(distances[i, j]))
        positive = order[0]
        for k in order[1:]:
            if distances[positive, k] >= kappa and distances[i, k] > distances[i, positive]:
                found.append((i, positive, k))
                break
    return found


def test_mined_triplets_are_those_of_a_slow_loop(poses):
    distances = losses.pose_distances(poses)
    positive, negative, exists = losses.mine_triplets(distances, kappa=0.3)
    fast = [(i, int(positive[i]), int(negative[i])) for i in range(12) if exists[i]]
    assert fast == _slow_triplets(distances, 0.3)


def test_triplet_loss_is_torchs_on_the_mined_triplets(poses):
    vectors = torch.randn(12, 8)
    i, j, k = map(list, zip(*_slow_triplets(losses.pose_distances(poses), 0.1), strict=True))
    expected = torch.nn.TripletMarginLoss(margin=1.0)(vectors[i], vectors[j], vectors[k])
    torch.testing.assert_close(losses.triplet_loss(vectors, losses.pose_distances(poses)), expected)


def test_triplet_loss_without_triplets_is_zero(poses):
    same = poses[:1].expand(5, -1, -1)
    assert losses.triplet_loss(torch.randn(5, 8), losses.pose_distances(same)) == 0


def test_cross_view_loss_is_that_of_a_slow_loop(poses):
    first, second, temperature = torch.randn(12, 8), torch.randn(12, 8), torch.tensor(2.0)
    distances = losses.pose_distances(poses)
    same = distances < distances.median()
    assert 12 < same.sum() < 144

    def half(a: torch.Tensor, b: torch.Tensor) -> float:
        total = 0.0
        for i in range(12):
            logits = {j: -float((a[i] - b[j]).square().sum()) / 2.0 for j in range(12) if j == i or not same[i, j]}
            total += -logits[i] + math.log(sum(math.exp(v) for v in logits.values()))
        return total / 12

    ours = losses.cross_view_loss(first, second, same, temperature=temperature)
    assert float(ours) == pytest.approx(0.5 * (half(first, second) + half(second, first)), rel=1e-4)


def test_same_poses_are_no_negatives():
    same = torch.ones(3, 3, dtype=torch.bool)
    assert losses.cross_view_loss(torch.randn(3, 4), torch.randn(3, 4), same, temperature=torch.tensor(1.0)) == 0


def test_error_loss_is_least_at_the_mean_error():
    errors = torch.tensor([0.1, 0.3, 0.8])
    log_error = torch.zeros(1, requires_grad=True)
    for step in torch.full((500,), 0.1):
        (gradient,) = torch.autograd.grad(losses.error_loss(log_error.expand(3), errors), log_error)
        log_error = (log_error - step * gradient).detach().requires_grad_()
    assert float(log_error.detach().exp()) == pytest.approx(0.4, rel=1e-3)


def test_rotation_loss_of_a_known_angle():
    angle = math.radians(40)
    turned = torch.tensor([[[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]])
    expected = 8 * math.sin(angle / 2) ** 2
    assert float(losses.rotation_loss(turned, torch.eye(3)[None])) == pytest.approx(expected, rel=1e-5)


def test_same_poses_are_those_within_kappa_by_procrustes():
    generator = torch.Generator().manual_seed(2)
    base = random_poses(12, spread=0.05)
    world = torch.cat([base, base + 0.01 * torch.randn(base.shape, generator=generator)])
    slow = torch.tensor([[float(np_mpjpe(b[None], a[None])) <= 0.1 for b in world] for a in world])
    same = losses.same_poses(world, to_canonical(world), kappa=0.1)
    upper = torch.ones_like(slow).triu()
    assert (same == same.T).all() and same.diagonal().all()
    assert (same[upper.bool()] == slow[upper.bool()]).all()
    assert 24 < same.sum() < 24 * 24
