"""The least squares of two views of one movement (`poseflow.pair_fit`), with what each moment has to itself eliminated.

A moment's own: the bones and both cameras. Shared with its neighbours: the turns of the joints, the turn from one
camera to the other, and how much later the query is than the alignment says.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poseflow.hinges import CHAIN, HINGES, MOVED, N_BONES, bone_turns, hinge_axes, poses_of
from poseflow.pair_views import TO_COCO13, Linear, View, relation

Array = NDArray[np.float64]
_N_CAMERA = 6  # turn (3), size, place (2)
_N_OF_BONES = 3 * N_BONES
_N_FREE = _N_OF_BONES + 2 * _N_CAMERA
N_TURNS = len(HINGES)
RELATION = slice(N_TURNS, N_TURNS + 3)
"""Of the shared unknowns, the turn from one camera to the other."""
SHIFT = N_TURNS + 3
"""Of the shared unknowns, the time."""
N_SHARED = N_TURNS + 4
_CHUNK = 256
_POINT_CHAIN = CHAIN[TO_COCO13]


class Beliefs(Protocol):
    """What the equations need of `poseflow.pair_fit.PairFitSettings`."""

    @property
    def keypoint_sd(self) -> float: ...
    @property
    def outlier_sd(self) -> float: ...
    @property
    def bone_sd(self) -> float: ...
    @property
    def length_share(self) -> float: ...
    @property
    def camera_sd_deg(self) -> float: ...
    @property
    def camera_step_sd_deg(self) -> float: ...
    @property
    def distance(self) -> float: ...


@dataclass(frozen=True)
class Estimate:
    """Where the fit stands, at T moments.

    Attributes:
        bones: (T, 16, 3) of the reference.
        velocity: (T, 16, 3) their change a second.
        lengths: (16,) of the bones, one for the whole clip.
        turns: (T, H) radians that make the reference's bones the query's.
        shift_s: (T,) how much later in the reference's movement the query is.
        views: The two cameras.
    """

    bones: Array
    velocity: Array
    lengths: Array
    turns: Array
    shift_s: Array
    views: tuple[View, View]

    def at(self, rows: slice) -> Estimate:
        """Some of the moments."""
        first, second = self.views
        return Estimate(
            self.bones[rows], self.velocity[rows], self.lengths, self.turns[rows], self.shift_s[rows],
            (first.at(rows), second.at(rows)),
        )  # fmt: skip


@dataclass(frozen=True)
class Step:
    """Normal equations of the shared unknowns, each moment for itself.

    Attributes:
        information: (T, S, S).
        vector: (T, S) information times the shared unknowns that the moment alone would choose.
        start: (T, F) a moment's own unknowns where the shared ones are 0.
        slope: (T, F, S) what the shared ones take off it.
    """

    information: Array
    vector: Array
    start: Array
    slope: Array

    def bones_given(self, shared: Array) -> Array:
        """(T, 16, 3) change of the bones."""
        return self._own(shared)[:, :_N_OF_BONES].reshape(len(shared), N_BONES, 3)

    def camera_turns_given(self, shared: Array) -> tuple[Array, Array]:
        """(T, 3) rotation vectors of both cameras, the second one's beyond what it shares."""
        own = self._own(shared)
        first, second = _N_OF_BONES, _N_OF_BONES + _N_CAMERA
        return own[:, first : first + 3], own[:, second : second + 3]

    def _own(self, shared: Array) -> Array:
        return np.asarray(self.start - (self.slope @ shared[..., None])[..., 0])


def step_of(estimate: Estimate, decoded: tuple[Array, Array], beliefs: Beliefs) -> Step:
    """The equations around an estimate; `decoded` are both sides' decoded bones (T, 16, 3)."""
    parts = []
    for begin in range(0, len(estimate.bones), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        equations = _Equations.around(estimate.at(rows), beliefs)
        equations.add_view(0)
        equations.add_view(1)
        equations.add_decoded(decoded[0][rows], decoded[1][rows])
        equations.add_lengths()
        parts.append(equations.eliminated())
    return Step(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Step)))


@dataclass(frozen=True)
class _Equations:
    """Sums in x = [change of bones, of both cameras | shared unknowns], filled by the methods.

    Attributes:
        bone_turns: (T, 16, 3, 3) what the turns do to each bone.
        turned: (T, 16, 3) the query's bones.
        by_turn: (T, 16, 3, H) their slope by the turns.
        normal, right: (T, N, N) and (T, N), changed in place.
    """

    estimate: Estimate
    beliefs: Beliefs
    bone_turns: Array
    turned: Array
    by_turn: Array
    normal: Array
    right: Array

    @classmethod
    def around(cls, estimate: Estimate, beliefs: Beliefs) -> _Equations:
        bones = estimate.bones
        axes = hinge_axes(poses_of(bones))
        turns = bone_turns(axes, estimate.turns)
        turned = (turns @ (bones + estimate.velocity * estimate.shift_s[:, None, None])[..., None])[..., 0]
        by_turn = np.cross(axes[:, None], turned[:, :, None]) * MOVED.T[None, :, :, None]
        size = _N_FREE + N_SHARED
        normal, right = np.zeros((len(bones), size, size)), np.zeros((len(bones), size))
        return cls(estimate, beliefs, turns, turned, by_turn.transpose(0, 1, 3, 2), normal, right)

    def add_view(self, number: int) -> None:
        """The keypoints of one view, and where its camera is believed to stand."""
        view = self.estimate.views[number]
        pose_bones = self.estimate.bones if number == 0 else self.turned
        beliefs = self.beliefs
        seen = view.linearize(
            poses_of(pose_bones),
            keypoint_sd=beliefs.keypoint_sd,
            outlier_sd=beliefs.outlier_sd,
            distance=beliefs.distance,
        )
        rows = np.zeros((*seen.residual.shape, self.normal.shape[1]))
        own = slice(_N_OF_BONES + number * _N_CAMERA, _N_OF_BONES + (number + 1) * _N_CAMERA)
        rows[..., own] = seen.by_camera
        by_bones = _POINT_CHAIN[None, :, None, :, None] * seen.by_joint[:, :, :, None, :]
        residual = seen.residual
        if number == 1:
            by_bones, residual = self._add_shared(rows, seen, by_bones)
        rows[..., :_N_OF_BONES] = by_bones.reshape(*residual.shape, _N_OF_BONES)
        frames = len(rows)
        self._add(
            rows.reshape(frames, -1, rows.shape[-1]), residual.reshape(frames, -1), np.repeat(seen.weights, 2, axis=1)
        )
        self._add_camera(number, view)

    def _add_shared(self, rows: Array, seen: Linear, by_bones: Array) -> tuple[Array, Array]:
        """Fills the shared columns of the query's rows; slopes by the reference's bones, residual without the turns."""
        frames, points = by_bones.shape[:2]
        flat = by_bones.reshape(frames, 2 * points, _N_OF_BONES)
        shape = (frames, points, 2, -1)
        rows[..., _N_FREE : _N_FREE + N_TURNS] = (flat @ self.by_turn.reshape(frames, _N_OF_BONES, -1)).reshape(shape)
        by_shift = (self.bone_turns @ self.estimate.velocity[..., None]).reshape(frames, _N_OF_BONES, 1)
        rows[..., _N_FREE + SHIFT] = (flat @ by_shift).reshape(frames, points, 2)
        rows[..., _shared(RELATION)] = seen.by_camera[..., :3]
        rows[..., _N_OF_BONES : _N_OF_BONES + 3] = seen.by_camera[..., :3] @ relation(self.estimate.views)[:, None]
        known = np.zeros((frames, rows.shape[-1]))
        known[:, _N_FREE : _N_FREE + N_TURNS] = self.estimate.turns
        known[:, _N_FREE + SHIFT] = self.estimate.shift_s
        residual = seen.residual + (rows @ known[:, None, :, None])[..., 0]
        by_bone = by_bones.reshape(frames, 2 * points, N_BONES, 3).transpose(0, 2, 1, 3) @ self.bone_turns
        return by_bone.transpose(0, 2, 1, 3).reshape(by_bones.shape), residual

    def _add_camera(self, number: int, view: View) -> None:
        own = np.arange(3) + _N_OF_BONES + number * _N_CAMERA
        rows = np.zeros((len(view.rotation), 3, self.normal.shape[1]))
        rows[:, range(3), own] = 1
        if number == 1:
            rows[:, range(3), _N_FREE + np.arange(N_SHARED)[RELATION]] = 1
            rows[:, :, _N_OF_BONES : _N_OF_BONES + 3] = relation(self.estimate.views)
            self.normal[:, own, own] += 1 / np.deg2rad(self.beliefs.camera_step_sd_deg) ** 2
        self._add(rows, view.from_home, np.full(rows.shape[:2], 1 / np.deg2rad(self.beliefs.camera_sd_deg) ** 2))
        loose = own + 3
        self.normal[:, loose, loose] += 1e-3

    def add_decoded(self, ref: Array, query: Array) -> None:
        """Both decoded poses as what the bones, and the turned bones, are near to; rotations drop out of the sums."""
        weight = 1 / self.beliefs.bone_sd**2
        frames = len(ref)
        own, turns = slice(0, _N_OF_BONES), slice(_N_FREE, _N_FREE + N_TURNS)
        by_turn = self.by_turn.reshape(frames, _N_OF_BONES, N_TURNS)
        back = self.bone_turns.transpose(0, 1, 3, 2)
        mixed = weight * (back @ self.by_turn).reshape(frames, _N_OF_BONES, N_TURNS)
        residual = query - self.turned + (self.by_turn @ self.estimate.turns[:, None, :, None])[..., 0]
        diagonal = np.arange(_N_OF_BONES)
        self.normal[:, diagonal, diagonal] += 2 * weight
        self.normal[:, own, turns] += mixed
        self.normal[:, turns, own] += mixed.transpose(0, 2, 1)
        self.normal[:, turns, turns] += weight * (by_turn.transpose(0, 2, 1) @ by_turn)
        pulled = ref - self.estimate.bones + (back @ residual[..., None])[..., 0]
        self.right[:, own] += weight * pulled.reshape(frames, -1)
        self.right[:, turns] += weight * (by_turn.transpose(0, 2, 1) @ residual.reshape(frames, -1, 1))[..., 0]

    def add_lengths(self) -> None:
        """Bones as long as they are in the whole clip, which keeps depth from running off along the line of sight."""
        bones, lengths = self.estimate.bones, self.estimate.lengths
        length = np.linalg.norm(bones, axis=-1)
        along = bones / np.maximum(length, 1e-9)[..., None]
        weight = 1 / (self.beliefs.length_share * np.maximum(lengths, 1e-3)) ** 2
        for bone in range(N_BONES):
            own = slice(3 * bone, 3 * bone + 3)
            outer = along[:, bone, :, None] * along[:, bone, None, :]
            self.normal[:, own, own] += weight[bone] * outer
            self.right[:, own] += (weight[bone] * (lengths[bone] - length[:, bone]))[:, None] * along[:, bone]

    def _add(self, rows: Array, residual: Array, weights: Array) -> None:
        weighted = (rows * weights[..., None]).transpose(0, 2, 1)
        np.add(self.normal, weighted @ rows, out=self.normal)
        np.add(self.right, (weighted @ residual[..., None])[..., 0], out=self.right)

    def eliminated(self) -> Step:
        """The shared unknowns' equations (Schur complement)."""
        own, cross = self.normal[:, :_N_FREE, :_N_FREE], self.normal[:, :_N_FREE, _N_FREE:]
        solved = np.linalg.solve(own, np.concatenate([self.right[:, :_N_FREE, None], cross], axis=-1))
        start, slope = solved[..., 0], solved[..., 1:]
        back = cross.transpose(0, 2, 1)
        information = self.normal[:, _N_FREE:, _N_FREE:] - back @ slope
        return Step(information, self.right[:, _N_FREE:] - (back @ start[..., None])[..., 0], start, slope)


def _shared(columns: slice) -> slice:
    return slice(_N_FREE + columns.start, _N_FREE + columns.stop)
