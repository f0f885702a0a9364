"""How well 3D poses are rebuilt from 3D (the autoencoder) and from one view (lifting), in millimetres.

The errors are canonical MPJPE (universal skeleton, rotation taken out: what V-VIPE's 62.1 mm is), P-MPJPE (raw pose,
similarity Procrustes), and MPJPE in the camera's frame about the pelvis, for which the root's rotation must be known.
Torso lengths become millimetres by the true torso of each pose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from poseflow_benchmarks.machine import Machine, this_machine
from poseflow_benchmarks.open_sets import RATE_HZ, read_part
from scipy.spatial.transform import Rotation
from torch import Tensor

from poseflow.metadata import package_versions
from vvipe.cameras import CameraRange
from vvipe.datasets.mocap import MocapSequence, resample
from vvipe.datasets.pairs import PoseBank, View, ViewRange, draw_view, iteration_generator
from vvipe.detector_noise import add_detector_noise
from vvipe.embedder import Embedder, Prediction
from vvipe.geometry import center, mpjpe, normalize_2d, np_mpjpe, to_canonical, torso_length
from vvipe.noise import add_gaussian_noise
from vvipe.root_fit import fit_root

VIEWS = ViewRange(augmentation_fraction=1.0, cameras=CameraRange((-35.0, 45.0), (-20.0, 20.0), (3.0, 15.0)))
"""Clean keypoints from random cameras, one for each pose."""
Data = Literal["carve-out", "test", "hdm05"]
_MISSING = 3
"""Joints of the thirteen that "-3" leaves out of each view."""
PAPER_NOTE = (
    "V-VIPE prints 62.1 mm (section 4.5; Human3.6M, CPN keypoints): canonical MPJPE, with the rotation taken out and "
    "one skeleton for all. It is not Human3.6M's Protocol 1, to which Martinez et al.'s 62.9 mm belongs, so the two do "
    "not compare; nor do either with figures of other data."
)


@runtime_checkable
class PoseLifter(Protocol):
    """A system that rebuilds poses from one view, such as `vvipe.systems.retrieval.LifterSystem`."""

    @property
    def name(self) -> str:
        """Of the row."""
        ...

    def lift(self, keypoints: Float[Tensor, "N 13 2"], scores: Float[Tensor, "N 13"]) -> Float[Tensor, "N 17 3"]:
        """Poses in the camera's axes, torso lengths; NaN where the keypoints are too few."""
        ...


@dataclass(frozen=True)
class LiftingSet:
    """Poses, a view of each, and what is true of them.

    Attributes:
        name: The data.
        bank: Poses in torso lengths.
        torso_m: (N,) the true torso of each.
        view: Clean keypoints.
    """

    name: str
    bank: PoseBank
    torso_m: Float[Tensor, " N"]
    view: View

    @property
    def camera_poses(self) -> Float[Tensor, "N 17 3"]:
        """The true poses in the camera's axes, pelvis at the origin, torso lengths."""
        camera = self.view.rotation @ self.bank.rotation
        return self.bank.world @ camera.transpose(1, 2)

    def inputs(self, seed: int) -> Iterator[tuple[str, Float[Tensor, "N 13 2"], Float[Tensor, "N 13"]]]:
        """Name, normalised keypoints and scores: GT, D0, D1; GT and D0 with three joints missing."""
        clean, sure = self.view.keypoints, self.view.scores

        def draw() -> torch.Generator:
            return torch.Generator().manual_seed(seed)

        plain = add_gaussian_noise(clean, generator=draw())
        found, confidence = add_detector_noise(clean, generator=draw())
        hidden = torch.rand(sure.shape, generator=draw()).argsort(1).argsort(1) < _MISSING
        yield "GT", clean, sure
        yield "D0", normalize_2d(plain)[0], sure
        yield "D1", normalize_2d(found)[0], confidence
        for source, keypoints in (("GT", clean), ("D0", plain)):
            partial = normalize_2d(keypoints.masked_fill(hidden[..., None], torch.nan))[0]
            yield f"{source}, {_MISSING} of 13 missing", partial, sure.masked_fill(hidden, 0.0)


@dataclass(frozen=True)
class LiftingRow:
    """One system on one input; NaN = not measured.

    Attributes:
        source: GT, D0, D1, or 3D for the autoencoder.
        valid: Share of the views that could be lifted; the errors are of these.
        mpjpe, np_mpjpe: Canonical, and after Procrustes; torso lengths.
        mpjpe_mm, p_mpjpe_mm, camera_mpjpe_mm: Millimetres.
    """

    system: str
    source: str
    valid: float
    mpjpe: float
    np_mpjpe: float
    mpjpe_mm: float
    p_mpjpe_mm: float
    camera_mpjpe_mm: float


@dataclass(frozen=True)
class RotationRow:
    """The root's rotation on one input: angle errors in degrees, the encoder's head beside the fit to the keypoints."""

    source: str
    head_median: float
    head_90: float
    fit_median: float
    fit_90: float


@dataclass(frozen=True)
class LiftingReport:
    """All rows, and everything that is needed to make them again.

    Attributes:
        autoencoder: The model's own 3D encoder and decoder, the floor of its lifting.
        uncertainty_correlation: Pearson, between the stated uncertainty and NP-MPJPE, on GT.
    """

    data: str
    n_poses: int
    torso_mm: float
    autoencoder: LiftingRow
    rows: tuple[LiftingRow, ...]
    rotations: tuple[RotationRow, ...]
    uncertainty_correlation: float
    seed: int
    model: str
    model_sha256: str
    machine: Machine
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def row(self, system: str, source: str) -> LiftingRow:
        """The row of that system and input; KeyError where there is none."""
        found = [row for row in self.rows if (row.system, row.source) == (system, source)]
        if not found:
            raise KeyError(f"no row {system} on {source}")
        return found[0]

    def to_markdown(self) -> str:
        """The figures as two tables, and what made them."""
        lines = ["| system | input | usable | canonical MPJPE | P-MPJPE | camera frame MPJPE |", "|---" * 6 + "|"]
        lines += [_line(row) for row in (self.autoencoder, *self.rows)]
        lines += ["", "| root rotation, degrees | head, median / 90 % | fit, median / 90 % |", "|---" * 3 + "|"]
        lines += [
            f"| {r.source} | {r.head_median:.1f} / {r.head_90:.1f} | {r.fit_median:.1f} / {r.fit_90:.1f} |"
            for r in self.rotations
        ]
        lines.append(
            f"\n{self.n_poses} poses of {self.data} at {RATE_HZ:g} Hz, one random camera each (seed {self.seed}); "
            f"mm by each pose's true torso ({self.torso_mm:.0f} mm on average); uncertainty ~ error on GT: "
            f"r = {self.uncertainty_correlation:.2f}; model {self.model}. {PAPER_NOTE}"
        )
        return "\n".join(lines)


def _line(row: LiftingRow) -> str:
    def mm(value: float) -> str:
        return "" if np.isnan(value) else f"{value:.1f} mm"

    errors = " | ".join(mm(value) for value in (row.mpjpe_mm, row.p_mpjpe_mm, row.camera_mpjpe_mm))
    return f"| {row.system} | {row.source} | {100 * row.valid:.1f} % | {errors} |"


def run_lifting(
    mocap: Path, *, embedder: Embedder, seed: int = 0, data: Data = "carve-out", lifters: Sequence[PoseLifter] = ()
) -> LiftingReport:
    """The report on one part of the folder `mocap`.

    Args:
        mocap: Folder with cmu.npz and cmu_more.npz, or hdm05.npz.
        embedder: The model.
        seed: Of cameras and noise.
        data: ``carve-out`` (CMU people kept aside, where choices are made), ``test`` (CMU test people) or ``hdm05``.
        lifters: Other systems for the same views.

    Raises:
        ValueError: Unknown data.
        FileFormatError: A file is missing or damaged.
    """
    given = lifting_set(mocap, data, seed=seed)
    rebuilt = torch.from_numpy(embedder.decode(embedder.embed_3d(given.bank.canonical.numpy())))
    rows, rotations, correlation = [], [], float("nan")
    for source, keypoints, scores in given.inputs(seed):
        prediction = embedder.predict(keypoints.numpy(), scores.numpy(), "coco13")
        decoded = torch.from_numpy(embedder.decode(prediction.vectors))
        fitted = fit_root(decoded.numpy(), keypoints.numpy(), scores=scores.numpy(), start=prediction.root_rotation)
        turned = turn(decoded, fitted.rotation)
        rows.append(lifting_row("poseflow", source, given, decoded, turned))
        rotations.append(_rotation_row(source, given, prediction.root_rotation, fitted.rotation))
        if source == "GT":
            correlation = _correlation(decoded, prediction, given)
        for lifter in lifters:
            lifted = lifter.lift(keypoints, scores)
            rows.append(lifting_row(lifter.name, source, given, _canonical(lifted), center(lifted)))
    return LiftingReport(
        data=given.name,
        n_poses=len(given.bank),
        torso_mm=1000 * float(given.torso_m.mean()),
        autoencoder=lifting_row("poseflow's autoencoder", "3D", given, rebuilt, None),
        rows=tuple(rows),
        rotations=tuple(rotations),
        uncertainty_correlation=correlation,
        seed=seed,
        model=embedder.model_id,
        model_sha256=embedder.sha256,
        machine=this_machine(),
        versions=package_versions(),
    )


def lifting_set(mocap: Path, data: Data, *, seed: int) -> LiftingSet:
    """The poses of that part and their views; errors as `run_lifting`."""
    if data not in get_args(Data):
        raise ValueError(f"data: expected one of {', '.join(get_args(Data))}, got {data!r}")
    takes = read_part(mocap, data)
    bank = PoseBank.from_sequences(takes, fps=RATE_HZ)
    view = draw_view(bank, VIEWS, generator=iteration_generator(seed, 3, 1))
    names = {"carve-out": "CMU people kept aside", "test": "CMU test people", "hdm05": "HDM05"}
    return LiftingSet(names[data], bank, _torso_lengths(takes), view)


def _torso_lengths(takes: Sequence[MocapSequence]) -> Float[Tensor, " N"]:
    """Metres, of the poses of `PoseBank.from_sequences`."""
    return torch.cat([torso_length(torch.from_numpy(resample(take, RATE_HZ).poses).float()) for take in takes])


def turn(poses: Float[Tensor, "N 17 3"], quaternions: NDArray[np.floating]) -> Float[Tensor, "N 17 3"]:
    """The poses turned by quaternions (N, 4), w first; NaN rows where either is NaN."""
    matrices = np.full((len(poses), 3, 3), np.nan, np.float32)
    known = np.isfinite(quaternions).all(1)
    if known.any():
        matrices[known] = Rotation.from_quat(quaternions[known], scalar_first=True).as_matrix()
    return poses @ torch.from_numpy(matrices).transpose(1, 2)


def _canonical(poses: Float[Tensor, "N 17 3"]) -> Float[Tensor, "N 17 3"]:
    """Poses of any rotation in the canonical frame on the universal skeleton; NaN rows stay NaN."""
    seen = torch.isfinite(poses).flatten(1).all(1)
    result = torch.full_like(poses, torch.nan)
    result[seen] = to_canonical(poses[seen])
    return result


def lifting_row(
    system: str,
    source: str,
    given: LiftingSet,
    canonical: Float[Tensor, "N 17 3"],
    in_camera: Float[Tensor, "N 17 3"] | None,
) -> LiftingRow:
    """The errors of lifted poses, means over those that are not NaN.

    Args:
        system, source: Names of the row.
        given: The truth.
        canonical: In the canonical frame on the universal skeleton, torso lengths.
        in_camera: As lifted, in the camera's axes, pelvis at the origin, torso lengths; None = not known, and P-MPJPE
            is that of `canonical`.
    """
    seen = torch.isfinite(canonical).flatten(1).all(1)
    torso_mm = 1000 * given.torso_m[seen]
    plain = mpjpe(canonical[seen], given.bank.canonical[seen])
    raw = canonical if in_camera is None else in_camera
    aligned = np_mpjpe(raw[seen], given.bank.world[seen])
    turned = torch.full_like(plain, torch.nan) if in_camera is None else mpjpe(raw[seen], given.camera_poses[seen])
    return LiftingRow(
        system=system,
        source=source,
        valid=float(seen.double().mean()),
        mpjpe=float(plain.mean()),
        np_mpjpe=float(aligned.mean()),
        mpjpe_mm=float((plain * torso_mm).mean()),
        p_mpjpe_mm=float((aligned * torso_mm).mean()),
        camera_mpjpe_mm=float((turned * torso_mm).mean()),
    )


def _rotation_row(source: str, given: LiftingSet, head: NDArray, fit: NDArray) -> RotationRow:
    truth = given.view.rotation.numpy()
    figures = []
    for quaternions in (head, fit):
        known = np.isfinite(quaternions).all(1)
        errors = rotation_errors(quaternions[known], truth[known])
        figures += [float(np.median(errors)), float(np.percentile(errors, 90))] if known.any() else [float("nan")] * 2
    return RotationRow(source, *figures)


def _correlation(decoded: Float[Tensor, "N 17 3"], prediction: Prediction, given: LiftingSet) -> float:
    valid = prediction.valid
    error = np_mpjpe(decoded[valid], given.bank.world[valid]).numpy()
    return float(np.corrcoef(error, prediction.uncertainty[valid])[0, 1])


def rotation_errors(quaternions: NDArray[np.floating], rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) angles in degrees between quaternions (N, 4), w first, and rotation matrices (N, 3, 3)."""
    predicted = Rotation.from_quat(quaternions, scalar_first=True)
    return np.rad2deg((predicted.inv() * Rotation.from_matrix(rotations)).magnitude())
