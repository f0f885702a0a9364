"""What the two stages sample: whole batches drawn by tensor code, each a function of (seed, iteration) alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.utils.data import Dataset

from vvipe.cameras import TRAINING_RIG, CameraRange, project, push_back, random_distances, random_rotations
from vvipe.datasets.bodies import BodyRange, coco13_joints, detector_joints, mix_limbs, vary_proportions
from vvipe.datasets.mocap import MocapSequence, resample
from vvipe.errors import TrainingError
from vvipe.geometry import canonical_rotation, mirror_3d, normalize_2d, normalize_3d, universal_skeleton
from vvipe.models.vvipe import encoder_input
from vvipe.noise import NoiseRange, spoil
from vvipe.skeleton import H36M17

_MIRROR_X = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
_MIRROR_Y = torch.diag(torch.tensor([1.0, -1.0, 1.0]))


@dataclass(frozen=True)
class PoseVariety:
    """How captured poses become more.

    Attributes:
        mirror: Whether half of the drawn poses are mirror images.
        mixed_fraction: Share of them whose legs or arms come from another pose.
    """

    mirror: bool = False
    mixed_fraction: float = 0.0


@dataclass(frozen=True)
class PoseBank:
    """All training poses in memory.

    Attributes:
        world: (N, 17, 3) torso lengths, pelvis at the origin, z up, everybody's own proportions.
        canonical: (N, 17, 3) what the embedding is trained to hold: on the universal skeleton in the canonical frame.
        rotation: (N, 3, 3) world-to-canonical rotations.
        sequence: (N,) number of the take.
    """

    world: Float[Tensor, "N 17 3"]
    canonical: Float[Tensor, "N 17 3"]
    rotation: Float[Tensor, "N 3 3"]
    sequence: Tensor

    def __len__(self) -> int:
        return len(self.world)

    @classmethod
    def from_sequences(
        cls, sequences: Iterable[MocapSequence], *, fps: float, universal: bool = True, canonical: bool = True
    ) -> PoseBank:
        """All takes at `fps`; raises TrainingError where there is no pose.

        Without `universal` targets keep their own proportions, without `canonical` their place in the world
        (V-VIPE's ablations).
        """
        takes = [torch.from_numpy(resample(sequence, fps).poses).float() for sequence in sequences]
        takes = [take for take in takes if len(take)]
        if not takes:
            raise TrainingError("no motion capture to train on: give at least one take with --data")
        world = normalize_3d(torch.cat(takes))
        targets = universal_skeleton(world) if universal else world
        rotation = canonical_rotation(targets) if canonical else torch.eye(3).expand(len(world), 3, 3)
        sequence = torch.repeat_interleave(torch.tensor([len(take) for take in takes]))
        return cls(world, targets @ rotation.transpose(1, 2), rotation, sequence)

    def fingerprint(self) -> str:
        """SHA-256 of the poses, by which a training knows its own data again."""
        return hashlib.sha256(self.world.numpy().tobytes() + self.canonical.numpy().tobytes()).hexdigest()

    def draw(self, count: int, generator: torch.Generator, variety: PoseVariety) -> PoseBank:
        """`count` random poses, distinct where the bank has that many, changed as `variety` says."""
        if count <= len(self):
            chosen = torch.randperm(len(self), generator=generator)[:count]
        else:
            chosen = torch.randint(len(self), (count,), generator=generator)
        world, canonical, rotation = self.world[chosen], self.canonical[chosen], self.rotation[chosen]
        if variety.mirror:
            flip = (torch.rand(count, 1, 1, generator=generator) < 0.5).expand(-1, 1, 1)
            order = torch.as_tensor(H36M17.flip_order)
            world = torch.where(flip, mirror_3d(world), world)
            canonical = torch.where(flip, canonical[:, order] @ _MIRROR_Y, canonical)
            rotation = torch.where(flip, _MIRROR_Y @ rotation @ _MIRROR_X, rotation)
        drawn = PoseBank(world, canonical, rotation, self.sequence[chosen])
        return drawn.mix_limbs(variety.mixed_fraction, generator) if variety.mixed_fraction else drawn

    def mix_limbs(self, fraction: float, generator: torch.Generator) -> PoseBank:
        """A `fraction` of the poses with legs or arms of others, turned as those stood to their own torso."""
        partner = torch.randperm(len(self), generator=generator)
        choice = torch.randint(1, 5, (len(self),), generator=generator)
        choice = choice * (torch.rand(len(self), generator=generator) < fraction)
        to_own = self.rotation.transpose(1, 2) @ self.rotation[partner]
        same = torch.eye(3).expand(len(self), 3, 3)
        world = mix_limbs(self.world, partner=partner, choice=choice, turn=to_own)
        canonical = mix_limbs(self.canonical, partner=partner, choice=choice, turn=same)
        return PoseBank(world, canonical, self.rotation, self.sequence)


@dataclass(frozen=True)
class ViewRange:
    """How a training pose becomes 2D keypoints.

    Attributes:
        augmentation_fraction: Share of each batch seen by random cameras (the paper: half); the rest is seen by the
            four cameras of TRAINING_RIG.
        cameras: What the random cameras are drawn from.
        bodies, noise: None = joints as captured, without noise.
    """

    augmentation_fraction: float = 0.5
    cameras: CameraRange = CameraRange()
    bodies: BodyRange | None = None
    noise: NoiseRange | None = None


class View(NamedTuple):
    """N poses as one camera each sees them.

    Attributes:
        keypoints: (N, 13, 2) normalised; NaN = missing.
        scores: (N, 13).
        rotation: (N, 3, 3) from the canonical to the camera frame (of a camera that looks at the pelvis).
        valid: (N,) whether the keypoints could be normalised.
        rig: (N,) which camera of TRAINING_RIG it is; -1 = a random one.
    """

    keypoints: Float[Tensor, "N 13 2"]
    scores: Float[Tensor, "N 13"]
    rotation: Float[Tensor, "N 3 3"]
    valid: Bool[Tensor, " N"]
    rig: Int64[Tensor, " N"]


def draw_view(poses: PoseBank, views: ViewRange, *, generator: torch.Generator, first: View | None = None) -> View:
    """The poses through cameras, bodies and noise drawn for each.

    Args:
        first: Another view of the same poses, which this one is to be paired with: no camera of the rig sees a pose
            twice, and random cameras see other poses than there, so that a share f of them makes 2 f (1 - f) of the
            pairs mixed, as if each view were drawn by itself.
    """
    world = poses.world
    if views.bodies is None:
        joints = coco13_joints(world)
    else:
        varied = vary_proportions(world, views.bodies, generator=generator)
        joints = detector_joints(varied, views.bodies, generator=generator)
    camera, distance, rig = _draw_cameras(len(poses), views, generator, first)
    distance = push_back(joints, camera, distance, views.cameras.min_depth)
    keypoints, valid = normalize_2d(project(joints, camera, distance)[0])
    scores = torch.ones(keypoints.shape[:2])
    if views.noise is not None:
        spoilt, scores = spoil(keypoints, views.noise, generator=generator)
        keypoints, still_valid = normalize_2d(spoilt)
        valid = valid & still_valid
    return View(keypoints, scores, camera @ poses.rotation.transpose(1, 2), valid, rig)


def _draw_cameras(
    count: int, views: ViewRange, generator: torch.Generator, first: View | None
) -> tuple[Float[Tensor, "N 3 3"], Float[Tensor, " N"], Int64[Tensor, " N"]]:
    """Rotations, distances, and numbers in the rig."""
    rotation = random_rotations(count, views.cameras, generator)
    distance = random_distances(count, views.cameras, generator)
    share, row = views.augmentation_fraction, torch.arange(count)
    start = 0 if first is None else round(count * share * (1 - share))
    is_random = (row >= start) & (row < start + round(count * share))
    if first is None:
        rig = torch.randint(len(TRAINING_RIG), (count,), generator=generator)
    else:
        further = 1 + torch.randint(len(TRAINING_RIG) - 1, (count,), generator=generator)
        rig = (torch.where(first.rig >= 0, first.rig, row) + further) % len(TRAINING_RIG)
    rotation = torch.where(is_random[:, None, None], rotation, TRAINING_RIG.rotations()[rig])
    distance = torch.where(is_random, distance, TRAINING_RIG.distance)
    return rotation, distance, rig.masked_fill(is_random, -1)


def iteration_generator(seed: int, stage: int, iteration: int) -> torch.Generator:
    """The only randomness of that iteration's batch, so that a resumed run draws what an unbroken one would."""
    return torch.Generator().manual_seed(iteration_seed(seed, stage, iteration))


def iteration_seed(seed: int, stage: int, iteration: int) -> int:
    """A seed of its own for each iteration of each stage."""
    return (seed * 4 + stage) * 100_000_000 + iteration


class PoseBatches(Dataset):
    """Stage 1: item i is the batch of iteration i, ``{"poses": (B, 17, 3)}``, all different frames."""

    stage = 1

    def __init__(self, bank: PoseBank, *, iterations: int, batch_size: int, seed: int, variety: PoseVariety) -> None:
        self.bank, self.variety = bank, variety
        self.iterations, self.batch_size, self.seed = iterations, batch_size, seed

    def __len__(self) -> int:
        return self.iterations

    def __getitem__(self, iteration: int) -> dict[str, Tensor]:
        generator = iteration_generator(self.seed, self.stage, iteration)
        return {"poses": self.bank.draw(self.batch_size, generator, self.variety).canonical}


class ViewBatches(Dataset):
    """Stage 2: item i is the batch of iteration i.

    ``poses`` (B, 17, 3) canonical; ``world`` (B, 17, 3) as captured; ``keypoints`` (V*B, 13, C) encoder input, the
    views one after the other; ``rotation`` (V*B, 3, 3) canonical to camera; ``camera`` (V*B, 3, 3) world to camera.
    """

    stage = 2

    def __init__(
        self,
        bank: PoseBank,
        views: ViewRange,
        *,
        n_views: int,
        use_scores: bool,
        iterations: int,
        batch_size: int,
        seed: int,
        variety: PoseVariety,
    ) -> None:
        self.bank, self.views, self.n_views, self.use_scores = bank, views, n_views, use_scores
        self.iterations, self.batch_size, self.seed, self.variety = iterations, batch_size, seed, variety

    def __len__(self) -> int:
        return self.iterations

    def __getitem__(self, iteration: int) -> dict[str, Tensor]:
        generator = iteration_generator(self.seed, self.stage, iteration)
        poses = self.bank.draw(self.batch_size, generator, self.variety)
        views = [draw_view(poses, self.views, generator=generator)]
        if self.n_views == 2:
            views.append(draw_view(poses, self.views, generator=generator, first=views[0]))
        # A view that could not be normalised (a person edge-on) is rare; it is fed as missing joints throughout.
        inputs = [encoder_input(view.keypoints, view.scores, use_scores=self.use_scores) for view in views]
        return {
            "poses": poses.canonical,
            "world": poses.world,
            "keypoints": torch.cat(inputs),
            "rotation": torch.cat([view.rotation for view in views]),
            "camera": torch.cat([view.rotation @ poses.rotation for view in views]),
        }
