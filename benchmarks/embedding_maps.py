"""Embeddings as maps: t-SNE (V-VIPE, Figure 8) and PCA (Pr-VIPE, Figure 3), coloured by action and by camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from poseflow.draw_figures import seen_obliquely
from poseflow.output import atomic_path
from vvipe.geometry import np_mpjpe
from vvipe.losses import KAPPA
from vvipe.skeleton import H36M17

# Okabe and Ito's palette and three darker tones, told apart by colour-blind people.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31", "#999999")
_DPI = 80
_APART = 12


@dataclass(frozen=True)
class EmbeddedPoses:
    """V views of N poses.

    Attributes:
        vectors: (V, N, D) embeddings, all of them known.
        canonical: (N, 17, 3) the true poses.
        action: (N,) number of the pose's action in `actions`.
        actions: Names.
    """

    vectors: NDArray[np.float32]
    canonical: NDArray[np.float32]
    action: NDArray[np.int64]
    actions: tuple[str, ...]

    @property
    def flat(self) -> NDArray[np.float32]:
        """(V * N, D) the vectors, camera by camera."""
        return self.vectors.reshape(-1, self.vectors.shape[-1])

    @property
    def view(self) -> NDArray[np.int64]:
        """(V * N,) camera of each row of `flat`."""
        return np.repeat(np.arange(len(self.vectors)), self.vectors.shape[1])


def neighbour_shares(poses: EmbeddedPoses, *, count: int = 10) -> dict[str, float]:
    """Shares of each view's nearest views that are of its camera and of its action, other views of the pose left out.

    And by chance: where the neighbours were drawn at random.
    """
    flat = torch.from_numpy(poses.flat)
    pose = np.tile(np.arange(poses.vectors.shape[1]), len(poses.vectors))
    action = poses.action[pose]
    distance = torch.cdist(flat, flat)
    distance[torch.from_numpy(pose[:, None] == pose)] = torch.inf
    found = distance.topk(min(count, len(flat) - len(poses.vectors)), largest=False).indices.numpy()
    return {
        "camera": float((poses.view[found] == poses.view[:, None]).mean()),
        "camera by chance": 1 / len(poses.vectors),
        "action": float((action[found] == action[:, None]).mean()),
        "action by chance": float(np.square(np.bincount(poses.action) / len(poses.action)).sum()),
    }


def draw_tsne(path: Path, poses: EmbeddedPoses, *, seed: int) -> None:
    """Writes the t-SNE map twice: coloured by action, and by camera."""
    perplexity = min(30.0, (len(poses.flat) - 1) / 3)
    places = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(poses.flat)
    figure = Figure(figsize=(12, 5.4), dpi=_DPI, layout="constrained")
    by_action, by_camera = figure.subplots(1, 2)
    action = np.tile(poses.action, len(poses.vectors))
    _scatter(by_action, places, action, poses.actions, "t-SNE, coloured by action")
    cameras = [f"camera {number + 1}" for number in range(len(poses.vectors))]
    _scatter(by_camera, places, poses.view, cameras, "the same, coloured by camera")
    _save(figure, path)


def draw_pca(path: Path, poses: EmbeddedPoses) -> None:
    """Writes the first two principal axes: all views by action, and a few poses that lie apart, each in every view."""
    middle = poses.flat.mean(0)
    _, sizes, axes = np.linalg.svd(poses.flat - middle, full_matrices=False)
    places = (poses.flat - middle) @ axes[:2].T
    shares = np.square(sizes) / np.square(sizes).sum()
    figure = Figure(figsize=(12, 5.4), dpi=_DPI, layout="constrained")
    by_action, by_pose = figure.subplots(1, 2)
    action = np.tile(poses.action, len(poses.vectors))
    _scatter(by_action, places, action, poses.actions, f"PCA, two axes: {100 * shares[:2].sum():.0f} % of the variance")
    _scatter(by_pose, places, np.zeros(len(places), int), (), "poses that lie apart, each seen by all cameras")
    grid = places.reshape(len(poses.vectors), -1, 2)
    for number, row in enumerate(poses_apart(poses.canonical, _APART)):
        _draw_pose(by_pose, poses.canonical[row], grid[:, row], COLOURS[number % (len(COLOURS) - 1)])
    _save(figure, path)


def poses_apart(poses: NDArray[np.float32], count: int) -> list[int]:
    """Rows of up to `count` poses, each the farthest by NP-MPJPE from those before; all at least KAPPA apart."""
    known = torch.from_numpy(poses)
    chosen = [0]
    distance = np_mpjpe(known, known[:1].expand_as(known))
    while len(chosen) < count and float(distance.max()) > KAPPA:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, np_mpjpe(known, known[chosen[-1] :][:1].expand_as(known)))
    return chosen


def _scatter(axes: Axes, places: NDArray, group: NDArray, names: Sequence[str], title: str) -> None:
    shuffled = np.random.default_rng(0).permutation(len(places))
    colours = np.array(COLOURS if names else ["#d9d9d9"])[group % len(COLOURS)]
    axes.scatter(places[shuffled, 0], places[shuffled, 1], s=5, c=colours[shuffled], linewidths=0)
    for number, name in enumerate(names):
        axes.scatter([], [], s=24, color=COLOURS[number % len(COLOURS)], label=name)
    if names:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_pose(axes: Axes, pose: NDArray, places: NDArray, colour: str) -> None:
    """A pose's views as joined dots, and its figure beside their middle."""
    middle = places.mean(0)
    for place in places:
        axes.plot(*np.stack([middle, place]).T, color=colour, linewidth=0.8)
    axes.scatter(places[:, 0], places[:, 1], s=26, color=colour, zorder=3)
    low, high = axes.get_ylim()
    points = seen_obliquely(pose) * [1, -1]
    size = 0.11 * (high - low) / np.ptp(points[:, 1])
    figure = middle + [0.05 * (high - low), 0] + (points - points.mean(0)) * size
    for parent, child in H36M17.bones:
        axes.plot(*figure[[parent, child]].T, color=colour, linewidth=2, solid_capstyle="round")
    axes.set_ylim(low, high)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary)
