from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mocap_files import write_npz
from poseflow_benchmarks.segmentation_data import (
    RATE_HZ,
    LabelledSequence,
    draw_sequences,
    mocap6_sequences,
    true_labels,
)
from poseflow_benchmarks.synthetic_sequences import IDLE, Sequence3D
from poses import standing

from poseflow.errors import FileFormatError
from vvipe.datasets.mocap import MocapSequence


def lifted_arm(name: str, joint: int, *, frames: int = 40) -> MocapSequence:
    """A standing person one of whose joints goes up and down again."""
    poses = np.repeat(standing().numpy(), frames, axis=0)
    poses[:, joint, 2] += 0.5 * np.sin(np.linspace(0, np.pi, frames))
    return MocapSequence(name=f"{name}{joint}", subject="a", label=name, fps=30.0, poses=poses.astype(np.float32))


@pytest.fixture(scope="module")
def sequences() -> list[LabelledSequence]:
    clips = {f"move {joint}": [lifted_arm(f"move {joint}", joint)] * 2 for joint in range(11, 17)}
    return draw_sequences(clips, 4, seed=3)


def test_frames_between_two_clips_belong_half_to_each() -> None:
    blank = np.zeros((30, 17, 3)), np.arange(30) / RATE_HZ, np.full(30, "")
    spans = ((0.0, 10 / RATE_HZ, "a"), (20 / RATE_HZ, 1.0, "b"))
    assert true_labels(Sequence3D(*blank, spans), ("b", "a")).tolist() == [1] * 15 + [0] * 15


def test_actions_recur_and_all_sequences_number_them_alike(sequences: list[LabelledSequence]) -> None:
    assert len({sequence.actions for sequence in sequences}) == 1 and sequences[0].actions[-1] == IDLE
    for sequence in sequences:
        borders = np.flatnonzero(np.diff(sequence.truth)) + 1
        kinds = set(sequence.truth.tolist())
        assert len(sequence.truth) == len(sequence.poses) == len(sequence.time_s)
        assert 2 <= len(kinds) <= 8 and len(borders) + 1 > len(kinds), "something is done twice"


def test_the_same_seed_draws_the_same_and_another_draws_others(sequences: list[LabelledSequence]) -> None:
    clips = {f"move {joint}": [lifted_arm(f"move {joint}", joint)] * 2 for joint in range(11, 17)}
    again, other = draw_sequences(clips, 1, seed=3)[0], draw_sequences(clips, 1, seed=4)[0]
    np.testing.assert_array_equal(again.poses, sequences[0].poses)
    assert again.views == sequences[0].views and other.name != again.name
    assert len(other.poses) != len(again.poses)


def test_each_input_and_camera_shows_the_sequence_otherwise(sequences: list[LabelledSequence]) -> None:
    exact, other = sequences[0].filmed(None), sequences[0].filmed(None, camera=1)
    noisy = sequences[0].filmed("D1")
    assert len(exact.time_s) == len(sequences[0].truth)
    assert not np.allclose(exact.keypoints, other.keypoints, equal_nan=True)
    assert not np.allclose(exact.keypoints, noisy.keypoints, equal_nan=True)
    np.testing.assert_array_equal(noisy.keypoints, sequences[0].filmed("D1").keypoints)


def test_exercises_have_the_labels_of_their_frames_at_30_hz(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "mocap6.npz", takes=2, frames=60)
    with np.load(path) as arrays:
        labels = np.repeat([3, 1, 1, 2], 30).astype(np.int16)
        np.savez(path, **(dict(arrays) | {"frame_labels": labels, "label_names": np.array(["-", "a", "b", "c"])}))
    first, again, second, _ = mocap6_sequences(tmp_path, cameras=2)
    assert first.truth.tolist() == [3] * 15 + [1] * 15 and second.truth.tolist() == [1] * 15 + [2] * 15
    assert len(first.poses) == 30 and first.actions == ("-", "a", "b", "c")
    assert first.views != again.views and (first.truth == again.truth).all()


def test_exercises_without_labels_are_told(tmp_path: Path) -> None:
    write_npz(tmp_path / "mocap6.npz", takes=1)
    with pytest.raises(FileFormatError, match=r"mocap6\.npz: no labels of frames in it"):
        mocap6_sequences(tmp_path)
