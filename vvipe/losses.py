"""The losses of V-VIPE's two stages, and the contrastive loss that we add; each a mean over the batch."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vvipe.geometry import np_mpjpe

KAPPA = 0.1
"""Below this distance (torso lengths) two poses count as the same (Pr-VIPE's kappa)."""
_SAME_FRAME_BOUND = 2.0
"""Pairs whose canonical MPJPE is over this many kappa are not aligned: 1 % of CMU's same poses lie beyond, while 95 %
of all pairs need no Procrustes. Canonical MPJPE <= kappa itself would find but 35 % of them."""


def reconstruction_loss(predicted: Float[Tensor, "N 17 3"], target: Float[Tensor, "N 17 3"]) -> Float[Tensor, ""]:
    """Squared error summed over the coordinates of a pose (V-VIPE's L_mse, times 51)."""
    return (predicted - target).square().sum((1, 2)).mean()


def kl_loss(mean: Float[Tensor, "N D"], log_variance: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """KL(q(e | pose) || N(0, 1)) in nats, summed over the dimensions (V-VIPE's L_KL)."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1).mean()


def pose_distances(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N N"]:
    """MPJPE between all pairs of canonical poses."""
    joints = poses.transpose(0, 1)
    # The matrix-product form of cdist loses digits near 0, where kappa decides.
    return torch.cdist(joints, joints, compute_mode="donot_use_mm_for_euclid_dist").mean(0)


def same_poses(
    poses: Float[Tensor, "N 17 3"], canonical: Float[Tensor, "N 17 3"], *, kappa: float
) -> Bool[Tensor, "N N"]:
    """Which pairs of a batch are the same pose: NP-MPJPE <= `kappa`, as retrieval counts them.

    Args:
        poses: Everybody's own proportions.
        canonical: The same on the universal skeleton in the canonical frame; nearness there decides what is aligned.
    """
    near = pose_distances(canonical) <= _SAME_FRAME_BOUND * kappa
    rows, columns = near.triu(1).nonzero(as_tuple=True)
    same = torch.eye(len(poses), dtype=torch.bool, device=poses.device)
    close = np_mpjpe(poses[columns], poses[rows]) <= kappa
    same[rows[close], columns[close]] = True
    return same | same.T


def mine_triplets(
    distances: Float[Tensor, "N N"], *, kappa: float = KAPPA
) -> tuple[Tensor, Tensor, Bool[Tensor, " N"]]:
    """For each pose its nearest other (positive), the next closest that is no match (negative), and whether one exists.

    V-VIPE 3.2 asks for positive and negative at least `kappa` apart; read as: the negative differs from the positive
    by >= kappa and lies farther from the anchor.
    """
    n = len(distances)
    others = distances.masked_fill(torch.eye(n, dtype=torch.bool, device=distances.device), torch.inf)
    nearest, positive = others.min(dim=1)
    allowed = (distances[positive] >= kappa) & (others > nearest[:, None])
    farther, negative = others.masked_fill(~allowed, torch.inf).min(dim=1)
    return positive, negative, torch.isfinite(farther)


def triplet_loss(
    vectors: Float[Tensor, "N D"],
    distances: Float[Tensor, "N N"],
    *,
    margin: float = 1.0,
    kappa: float = KAPPA,
) -> Float[Tensor, ""]:
    """Hinge max(0, |e_i - e_j| - |e_i - e_k| + margin) on triplets mined by `distances` (of `pose_distances`).

    The paper prints the opposite sign and takes the distance between the 3D poses, which has no gradient: mined in
    3D, penalised in the embedding (as torch's TripletMarginLoss).
    """
    positive, negative, found = mine_triplets(distances, kappa=kappa)
    to_positive = torch.nn.functional.pairwise_distance(vectors, vectors[positive])
    to_negative = torch.nn.functional.pairwise_distance(vectors, vectors[negative])
    hinge = torch.where(found, (to_positive - to_negative + margin).clamp_min(0), 0.0)
    return hinge.sum() / found.sum().clamp_min(1)


def cross_view_loss(
    first: Float[Tensor, "N D"],
    second: Float[Tensor, "N D"],
    is_same: Bool[Tensor, "N N"],
    *,
    temperature: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """InfoNCE between two views: the very same pose is the positive, poses that are not the same are the negatives.

    Logits are -|a - b|^2 / temperature, so that the loss works on the distance that retrieval uses. Other poses that
    count as the same (of `same_poses`) are neither: retrieval would count them as hits.
    """
    logits = -torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square() / temperature
    own = torch.eye(len(is_same), dtype=torch.bool, device=is_same.device)
    logits = logits.masked_fill(is_same & ~own, -torch.inf)
    target = torch.arange(len(is_same), device=is_same.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return 0.5 * (cross_entropy(logits, target) + cross_entropy(logits.T, target))


def error_loss(log_error: Float[Tensor, " N"], error: Float[Tensor, " N"]) -> Float[Tensor, ""]:
    """Negative log-likelihood of an exponential distribution of mean exp(log_error), minimal at the expected error."""
    return (log_error + error * (-log_error).exp()).mean()


def rotation_loss(predicted: Float[Tensor, "N 3 3"], target: Float[Tensor, "N 3 3"]) -> Float[Tensor, ""]:
    """Squared chordal distance of rotations: 8 sin^2(angle / 2)."""
    return (predicted - target).square().sum((1, 2)).mean()
