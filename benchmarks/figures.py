"""The papers' pictures on open data: generation, retrieval, 2D found by 3D, and maps of the embedding.

All poses are of CMU test people, or generated; all drawings are our own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from poseflow_benchmarks.embedding_maps import EmbeddedPoses, draw_pca, draw_tsne, neighbour_shares
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.open_sets import RetrievalSet, make_set, read_part, recording_of

from poseflow.draw_figures import Panel, draw_panels, seen_obliquely, write_picture
from poseflow.output import check_writable, make_folder
from vvipe.cameras import UNSEEN_RIG
from vvipe.datasets.mocap import MocapSequence
from vvipe.embedder import Embedder
from vvipe.find_views import find_views
from vvipe.generate import generate_around
from vvipe.geometry import np_mpjpe, to_canonical
from vvipe.losses import KAPPA
from vvipe.retrieval import nearest
from vvipe.skeleton import COCO13, H36M17

MAX_POSES = 500
CAMERAS = (0, 1, 2, 5)
"""Of the unseen rig: two at chest level, one more, and one from below."""
QUERY_CAMERA, INDEX_CAMERA = 0, 3
_ACTIONS = {
    "dribbling": ("basketball -",),
    "basketball signals": ("basketball_signal",),
    "jumps, kicks, punches": ("jumping", "kicks"),
    "soccer": ("soccer",),
    "dance": ("dance", "lambada"),
    "sitting, stretching": ("sit", "stretch", "range of motion"),
    "picking up a box": ("box",),
    "running": ("run",),
}
"""Action -> what a CMU label of it has in it, the first that fits; the others are "other"."""
_OTHER = "other"
_EXAMPLES, _PER_ROW, _FOUND, _FOUND_ROWS = 8, 4, 5, 4


@dataclass(frozen=True)
class FigureReport:
    """The pictures, and the figures behind them.

    Attributes:
        files: The pictures.
        hit1: Hit@1 in percent from one camera's views to another's, the query's own frame left out.
        hit1_by_3d: From 3D poses to all views, those of the pose itself included.
        neighbours: Of `neighbour_shares`.
    """

    files: tuple[str, ...]
    n_poses: int
    n_views: int
    hit1: float
    hit1_by_3d: float
    neighbours: dict[str, float]
    seed: int
    model: str
    machine: Machine

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_markdown(self) -> str:
        """The files and what stands behind them."""
        near = self.neighbours
        lines = [f"* {name}" for name in self.files]
        lines += [
            "",
            f"{self.n_poses} poses of CMU test people in {self.n_views} views (clean keypoints); model {self.model}; "
            f"seed {self.seed}.",
            f"Hit@1 in this thinned set: {self.hit1:.1f} % from view to view without the own frame, "
            f"{self.hit1_by_3d:.1f} % from 3D to the views, its own among them.",
            f"Of a view's ten nearest of other poses {100 * near['camera']:.0f} % are of its camera "
            f"({100 * near['camera by chance']:.0f} % by chance), {100 * near['action']:.0f} % of its action "
            f"({100 * near['action by chance']:.0f} % by chance).",
        ]
        return "\n".join(lines)


def run_figures(mocap: Path, output: Path, *, embedder: Embedder, seed: int = 0) -> FigureReport:
    """Writes the five pictures into the folder `output`, which is made if need be.

    Args:
        mocap: Folder with cmu.npz and cmu_more.npz.
        output: Folder.
        embedder: The model.
        seed: Of generated directions and the t-SNE.

    Raises:
        FileFormatError: Motion capture is missing or damaged.
        OutputError: The folder cannot be made or written.
    """
    names = ("generation", "retrieval", "found_by_3d", "tsne", "pca")
    paths = dict(zip(names, _make_folder(output, names), strict=True))
    views, takes = _views(mocap)
    vectors = _embed(views, embedder)
    known = EmbeddedPoses(vectors, to_canonical(views.views.poses).numpy(), *_actions(views, takes))
    write_picture(paths["generation"], draw_generation(known.canonical, embedder=embedder, seed=seed))
    picture, hit1 = draw_retrieval(views, vectors)
    write_picture(paths["retrieval"], picture)
    picture, hit1_by_3d = draw_found(views, vectors, embedder=embedder)
    write_picture(paths["found_by_3d"], picture)
    draw_tsne(paths["tsne"], known, seed=seed)
    draw_pca(paths["pca"], known)
    return FigureReport(
        files=tuple(str(path) for path in paths.values()),
        n_poses=len(views),
        n_views=len(CAMERAS),
        hit1=hit1,
        hit1_by_3d=hit1_by_3d,
        neighbours=neighbour_shares(known),
        seed=seed,
        model=embedder.model_id,
        machine=this_machine(),
    )


def _make_folder(output: Path, names: tuple[str, ...]) -> list[Path]:
    make_folder(output)
    paths = [output / f"{name}.png" for name in names]
    for path in paths:
        check_writable(path)
    return paths


def _views(mocap: Path) -> tuple[RetrievalSet, list[MocapSequence]]:
    takes = read_part(mocap, "test")
    return make_set("CMU test", takes, UNSEEN_RIG, max_poses=MAX_POSES), takes


def _embed(views: RetrievalSet, embedder: Embedder) -> NDArray[np.float32]:
    """(V, N, D) of clean keypoints."""
    keypoints = views.views.keypoints[list(CAMERAS)]
    return np.stack([embedder.embed(camera.numpy(), skeleton="coco13") for camera in keypoints])


def _actions(views: RetrievalSet, takes: list[MocapSequence]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The action of each pose, and the names of all."""
    label = {recording_of(take): take.label for take in takes}
    names = (*_ACTIONS, _OTHER)
    of_take = np.array([names.index(action_of(label[name])) for name in views.take_names])
    return of_take[views.views.take.numpy()], names


def action_of(label: str) -> str:
    """The action of a CMU label, in the words of the figures."""
    found = (action for action, words in _ACTIONS.items() if any(word in label.lower() for word in words))
    return next(found, _OTHER)


def draw_generation(canonical: NDArray[np.float32], *, embedder: Embedder, seed: int) -> NDArray[np.uint8]:
    """Two poses, each taken in two random directions by steps of 0.2 to 0.5 (V-VIPE, Figure 7)."""
    generator = np.random.default_rng(seed)
    rows = []
    for row in spaced(len(canonical), 2):
        vector = embedder.embed_3d(canonical[row : row + 1])[0]
        generated = generate_around(vector, embedder=embedder, generator=generator)
        true = Panel(seen_obliquely(canonical[row]), H36M17, "captured pose")
        start = Panel(seen_obliquely(generated.start), H36M17, "decoded", "start")
        for poses in generated.poses:
            steps = [
                Panel(seen_obliquely(pose), H36M17, f"alpha {alpha:.1f}")
                for pose, alpha in zip(poses, generated.alphas, strict=True)
            ]
            rows.append([true, start, *steps])
    return draw_panels(rows, cell=150)


def spaced(size: int, count: int) -> list[int]:
    """`count` rows of `size` spread evenly, none at an end."""
    return [round((number + 0.5) * size / count) for number in range(count)] if size >= count else list(range(size))


def draw_retrieval(views: RetrievalSet, vectors: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Views of one camera and the nearest view of another, from the best to the worst (V-VIPE, Figure 6); and Hit@1.

    The query's own frame is left out of the index, or most would find it. Examples are evenly spaced in NP-MPJPE rank.
    """
    query, index = (torch.from_numpy(vectors[camera]) for camera in (QUERY_CAMERA, INDEX_CAMERA))
    two = nearest(query, index, count=2)
    own = torch.arange(len(query))
    found = torch.where(two[:, 0] == own, two[:, 1], two[:, 0])
    error = np_mpjpe(views.views.poses[found], views.views.poses)
    order = error.argsort()
    shown = order[torch.linspace(0.04, 0.98, _EXAMPLES).mul(len(order) - 1).round().long()]
    panels = []
    for row in shown.tolist():
        captions = ("query", f"NP-MPJPE {error[row]:.2f}")
        panels += [
            Panel(_keypoints(views, camera, number), COCO13, caption, _mark(float(error[row])) if number != row else "")
            for camera, number, caption in zip(
                (QUERY_CAMERA, INDEX_CAMERA), (row, int(found[row])), captions, strict=True
            )
        ]
    width = 2 * _PER_ROW
    rows = [panels[i : i + width] for i in range(0, len(panels), width)]
    return draw_panels(rows, cell=130, fit_each=True), _percent(error)


def draw_found(
    views: RetrievalSet, vectors: NDArray[np.float32], *, embedder: Embedder
) -> tuple[NDArray[np.uint8], float]:
    """3D poses and the views nearest to them among all cameras, their own included; and Hit@1 in percent."""
    poses, n = views.views.poses, len(views)
    found = find_views(poses.numpy(), vectors.reshape(-1, vectors.shape[-1]), embedder=embedder, count=_FOUND)
    error = np_mpjpe(poses[torch.from_numpy(found.rows[:, 0]) % n], poses)
    canonical = to_canonical(poses).numpy()
    rows = []
    for own in spaced(n, _FOUND_ROWS):
        panels = [Panel(seen_obliquely(canonical[own]), H36M17, "3D query", "start")]
        for row in found.rows[own].tolist():
            distance = float(np_mpjpe(poses[row % n][None], poses[own][None])[0])
            camera, number = divmod(row, n)
            caption = f"camera {camera + 1}: {distance:.2f}"
            panels.append(Panel(_keypoints(views, camera, number), COCO13, caption, _mark(distance)))
        rows.append(panels)
    return draw_panels(rows, cell=140, fit_each=True), _percent(error)


def _keypoints(views: RetrievalSet, camera: int, row: int) -> NDArray:
    return views.views.keypoints[CAMERAS[camera], row].numpy()


def _mark(error: float) -> Any:
    return "hit" if error <= KAPPA else "miss"


def _percent(error: torch.Tensor) -> float:
    return 100 * float((error <= KAPPA).double().mean())
