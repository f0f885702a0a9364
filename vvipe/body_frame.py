"""A frame from the whole body, for finding candidates whose NP-MPJPE is then computed.

V-VIPE's canonical frame hangs on three joints; where those are noisy, as in poses lifted from detections, it turns the
whole pose away, and poses that Procrustes would lay onto each other end up far apart. Turning every pose onto one
standing figure with all seventeen joints averages the noise out: L2 in this frame follows NP-MPJPE closely.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vvipe.geometry import bone_length_table, set_bone_lengths
from vvipe.skeleton import H36M17

# Directions of the bones of a person who stands facing -x (left is -y) with the arms hanging a little aside.
_DIRECTIONS = {
    "right_hip": (0.0, 1.0, 0.0),
    "left_hip": (0.0, -1.0, 0.0),
    "right_shoulder": (0.0, 1.0, 0.0),
    "left_shoulder": (0.0, -1.0, 0.0),
    "right_elbow": (0.0, 0.5, -0.87),
    "left_elbow": (0.0, -0.5, -0.87),
    "right_wrist": (-0.5, 0.3, -0.8),
    "left_wrist": (-0.5, -0.3, -0.8),
    "knee": (-0.2, 0.0, -1.0),
    "ankle": (0.1, 0.0, -1.0),
}
_UP = (0.0, 0.0, 1.0)


def standing_figure() -> Float[Tensor, "17 3"]:
    """The universal skeleton standing, centred on the mean of its joints."""
    directions = torch.zeros(1, H36M17.n_joints, 3)
    for parent, child in H36M17.bones:
        name = H36M17.joints[child]
        kind = name.removeprefix("left_").removeprefix("right_")
        step = torch.tensor(_DIRECTIONS.get(name) or _DIRECTIONS.get(kind) or _UP)
        directions[0, child] = directions[0, parent] + step
    figure = set_bone_lengths(directions, bone_length_table())[0]
    return figure - figure.mean(0)


def body_aligned(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses centred, brought to unit size and turned (det +1) onto a standing figure, all joints in least squares.

    Any unit, any orientation; a NaN pose stays NaN.
    """
    is_seen = torch.isfinite(poses).flatten(1).all(1)
    known = torch.where(is_seen[:, None, None], poses, standing_figure().to(poses))
    known = known - known.mean(1, keepdim=True)
    known = known / known.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    u, _, vh = torch.linalg.svd(standing_figure().to(poses).T @ known)
    signs = torch.ones_like(known[:, 0])
    signs[:, 2] = torch.det(u @ vh)
    rotation = u @ (signs[:, :, None] * vh)
    return (known @ rotation.transpose(1, 2)).masked_fill(~is_seen[:, None, None], torch.nan)
