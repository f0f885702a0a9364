"""The comparison systems' losses against the papers' formulas, pair by pair in plain Python."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from poses import random_poses, random_rotations

from vvipe.geometry import normalize_3d, np_mpjpe, to_canonical
from vvipe.skeleton import H36M17
from vvipe.systems.networks import Gaussian, ProbabilisticEncoder
from vvipe.systems.recipe import SystemRecipe
from vvipe.systems.retrieval import ProbabilisticSystem
from vvipe.systems.trainers import TRAINERS

B, D, K = 10, 5, 4
SCALE, OFFSET = math.exp(-0.65), -0.5
"""What Pr-VIPE's public code starts from: a = ELU(-0.65) + 1, b = -0.5."""


@pytest.fixture
def poses() -> SimpleNamespace:
    """Ten poses, of which the last five are the first ones a little changed: a batch with matches off the diagonal."""
    base = random_poses(B // 2, spread=0.1)
    changed = base + 0.01 * torch.randn(base.shape, generator=torch.Generator().manual_seed(1))
    world = normalize_3d(torch.cat([base, changed]))
    camera = random_rotations(2 * B)
    slow = [[float(np_mpjpe(world[j : j + 1], world[i : i + 1])) <= 0.1 for j in range(B)] for i in range(B)]
    assert sum(map(sum, slow)) > B
    return SimpleNamespace(world=world, canonical=to_canonical(world), camera=camera, same=slow)


def _trainer(kind: str, **settings):
    torch.manual_seed(0)
    return TRAINERS[kind](SystemRecipe("x", kind, dimension=D, width=8, blocks=1, **settings))


def _points(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _probability(a: list[list[float]], b: list[list[float]]) -> float:
    """Pr-VIPE Eqs. 5 and 7: the mean over all pairs of samples of 0.9 sigmoid(-a d + b) + 0.05."""
    each = [0.9 / (1 + math.exp(SCALE * math.dist(x, y) - OFFSET)) + 0.05 for x in a for y in b]
    return sum(each) / len(each)


def _slow_ratio(anchors: torch.Tensor, others: torch.Tensor, same: list[list[bool]], beta: float) -> tuple:
    """(triplet ratio loss, its mean positive distance): mining, hinge and mean over what is not zero."""
    a, o = anchors.tolist(), others.tolist()
    distance = [[-math.log(_probability(x, y)) for y in o] for x in a]
    hinges = []
    for i in range(len(a)):
        farther = [distance[i][j] for j in range(len(o)) if not same[i][j] and distance[i][j] > distance[i][i]]
        if farther:
            hinges.append(max(0.0, distance[i][i] - min(farther) + math.log(beta)))
    active = [hinge for hinge in hinges if hinge > 0]
    assert len(active) > 2
    return sum(active) / len(active), sum(distance[i][i] for i in range(len(a))) / len(a)


@pytest.mark.parametrize("beta", [2.0, 1.05])
def test_prvipe_is_triplet_ratio_positive_and_prior_of_its_paper(poses, beta):
    trainer = _trainer("pr-vipe", n_samples=K, ratio=beta)
    mean, log_sd = _points(1, 2 * B, D), 0.3 * _points(2, 2 * B, D)
    torch.manual_seed(5)
    terms = trainer.losses(Gaussian(mean, log_sd), poses.canonical, poses.world, poses.camera)
    torch.manual_seed(5)
    samples = mean[:, None] + log_sd.exp()[:, None] * torch.randn(2 * B, K, D)
    ratio, positive = _slow_ratio(samples[:B], samples[B:], poses.same, beta)
    normal = torch.distributions.Normal
    prior = torch.distributions.kl_divergence(normal(mean, log_sd.exp()), normal(0.0, 1.0)).sum(-1).mean()
    assert float(terms["loss_ratio"].detach()) == pytest.approx(ratio, rel=1e-4)
    assert float(terms["loss_positive"].detach()) == pytest.approx(0.005 * positive, rel=1e-4)
    assert float(terms["loss_prior"].detach()) == pytest.approx(0.001 * float(prior), rel=1e-4)
    assert set(terms) == {"loss_ratio", "loss_positive", "loss_prior"}


def test_vipe_is_the_same_on_points(poses):
    output = _points(3, 2 * B, D)
    terms = _trainer("vipe").losses(output, poses.canonical, poses.world, poses.camera)
    ratio, positive = _slow_ratio(output[:B, None], output[B:, None], poses.same, 2.0)
    assert float(terms["loss_ratio"].detach()) == pytest.approx(ratio, rel=1e-4)
    assert float(terms["loss_positive"].detach()) == pytest.approx(0.005 * positive, rel=1e-4)


def test_l2vipe_is_the_hinge_on_squared_distances_of_the_nearest_farther_negative(poses):
    output = torch.nn.functional.normalize(_points(4, 2 * B, D), dim=-1)
    terms = _trainer("l2-vipe", margin=0.2).losses(output, poses.canonical, poses.world, poses.camera)
    a, o = output[:B].tolist(), output[B:].tolist()
    hinges = []
    for i in range(B):
        positive = math.dist(a[i], o[i]) ** 2
        others = [math.dist(a[i], o[j]) ** 2 for j in range(B) if not poses.same[i][j]]
        farther = [d for d in others if d > positive]
        if farther:
            hinges.append(max(0.0, positive - min(farther) + 0.2))
    active = [hinge for hinge in hinges if hinge > 0]
    assert float(terms["loss_triplet"].detach()) == pytest.approx(sum(active) / len(active), rel=1e-4)
    mean = sum(math.dist(x, y) ** 2 for x, y in zip(a, o, strict=True)) / B
    assert float(terms["loss_positive"].detach()) == pytest.approx(0.005 * mean, rel=1e-4)


def test_lifter_learns_the_pose_in_each_cameras_axes(poses):
    output = _points(6, 2 * B, 17, 3)
    terms = _trainer("lifter").losses(output, poses.canonical, poses.world, poses.camera)
    total = 0.0
    for view in range(2 * B):
        for joint in range(17):
            truth = poses.camera[view] @ poses.world[view % B, joint]
            total += float((output[view, joint] - truth).square().sum())
    assert float(terms["loss_pose"].detach()) == pytest.approx(total / (2 * B), rel=1e-4)


def test_vipe_star_contrasts_poses_of_which_a_bone_differs_by_over_45_degrees(poses):
    trainer = _trainer("vipe-star").eval()
    output = 0.3 * _points(7, 2 * B, D)
    terms = trainer.losses(output, poses.canonical, poses.world, poses.camera)
    together, apart = [], []
    for i in range(B):
        together.append(math.dist(output[i].tolist(), output[B + i].tolist()) ** 2)
        for j in range(B):
            angles = [
                torch.nn.functional.cosine_similarity(
                    poses.canonical[i, c] - poses.canonical[i, p], poses.canonical[j, c] - poses.canonical[j, p], dim=0
                )
                for p, c in H36M17.bones
            ]
            if math.degrees(math.acos(min(1.0, float(min(angles))))) > 45:
                apart.append(max(0.0, 1 - math.dist(output[i].tolist(), output[B + j].tolist())) ** 2)
    assert 0 < len(apart) < B * B
    assert float(terms["loss_together"].detach()) == pytest.approx(sum(together) / B, rel=1e-4)
    assert float(terms["loss_apart"].detach()) == pytest.approx(sum(apart) / len(apart), rel=1e-4)


def test_spread_is_elu_plus_one_however_small():
    encoder = ProbabilisticEncoder(SystemRecipe("x", "pr-vipe", dimension=1, width=8, blocks=1)).eval()
    raw = torch.tensor([[0.0, -3.0], [0.0, -0.5], [0.0, 0.0], [0.0, 2.0], [0.0, -30.0]])
    encoder.points.forward = lambda keypoints: raw  # type: ignore[method-assign]
    sd = encoder(torch.zeros(5, 13, 3)).sd[:, 0]
    elu = torch.nn.functional.elu(raw[:, 1].double()) + 1
    torch.testing.assert_close(sd[:4].double(), elu[:4], atol=1e-6, rtol=0)
    assert 0 < float(sd[4]) < 1e-12


def test_retrieval_distance_is_minus_the_sampled_probability():
    network = ProbabilisticEncoder(SystemRecipe("x", "pr-vipe", dimension=D, width=8, blocks=1)).eval()
    noise = _points(8, 2, K, D)
    system = ProbabilisticSystem("p", network, noise)
    query, candidates = _points(9, 3, 2, D).abs(), _points(10, 3, 7, 2, D).abs()
    found = system.distance(query, candidates)
    for i in range(3):
        a = query[i, 0] + query[i, 1] * noise[0]
        for j in range(7):
            b = candidates[i, j, 0] + candidates[i, j, 1] * noise[1]
            assert float(found[i, j]) == pytest.approx(-_probability(a.tolist(), b.tolist()), rel=1e-4)
