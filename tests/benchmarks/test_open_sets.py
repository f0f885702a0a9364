from __future__ import annotations

import numpy as np
import pytest
import torch
from mocap_files import write_npz
from poseflow_benchmarks.open_sets import (
    carve_out_sets,
    from_multiview,
    make_set,
    open_sets,
    read_part,
    recording_of,
)
from poses import random_poses

from vvipe.cameras import TRAINING_RIG, UNSEEN_RIG
from vvipe.datasets.mocap import MocapSequence, read_npz
from vvipe.datasets.multiview import MultiViewSet
from vvipe.errors import FileFormatError
from vvipe.geometry import normalize_3d


def take(name: str, *, subject: str = "s", label: str = "l", frames: int = 120, seed: int = 0) -> MocapSequence:
    return MocapSequence(name, subject, label, 60.0, random_poses(frames, seed=seed).numpy())


@pytest.fixture
def mocap(tmp_path):
    for seed, (name, subject) in enumerate((("cmu", "cmu06"), ("cmu_more", "cmu10"), ("hdm05", "bd"))):
        path = write_npz(tmp_path / f"{name}.npz", takes=2, frames=60, seed=seed)
        with np.load(path) as arrays:
            np.savez(path, **(dict(arrays) | {"subjects": np.array([subject, subject])}))
    return tmp_path


def test_open_sets_are_held_out_cmu_and_hdm05_with_the_papers_columns(mocap):
    cmu, hdm05 = open_sets(mocap)
    assert (cmu.views.n_cameras, list(cmu.columns.values())) == (4, ["CMU seen"])
    assert (hdm05.views.n_cameras, list(hdm05.columns.values())) == (11, ["HDM05 all", "HDM05 unseen"])
    pairs = hdm05.views.camera_pairs()
    assert (len(pairs["all"]), len(pairs["unseen"])) == (110, 60)


def test_test_people_are_not_what_choices_are_made_on(mocap):
    chosen_on, test = carve_out_sets(mocap), open_sets(mocap)[0]
    assert [s.views.n_cameras for s in chosen_on] == [4, 11]
    distance = (chosen_on[0].views.poses[:, None] - test.views.poses[None]).abs().amax((2, 3))
    assert float(distance.min()) > 1e-3


def test_the_carve_out_is_no_larger_than_asked(mocap):
    assert [len(s) for s in carve_out_sets(mocap, max_poses=4)] == [4, 4]


def test_poses_are_at_five_hertz():
    assert len(make_set("own", [take("a", frames=121)], TRAINING_RIG)) == 11


def test_the_same_seed_gives_every_system_the_same_noise():
    own = make_set("own", [take("a")], UNSEEN_RIG)
    for first, again in zip(own.inputs(seed=1), own.inputs(seed=1), strict=True):
        assert torch.equal(first.keypoints.nan_to_num(9), again.keypoints.nan_to_num(9))
        assert torch.equal(first.scores, again.scores)
    other = next(own.inputs(seed=2, sources=["D1"]))
    assert not torch.equal(first.keypoints.nan_to_num(9), other.keypoints.nan_to_num(9))


def test_inputs_are_clean_gaussian_and_detected():
    own = make_set("own", [take("a"), take("b", seed=1), take("c", seed=2)], UNSEEN_RIG)
    clean, plain, detector = own.inputs(seed=0)
    assert [given.source for given in (clean, plain, detector)] == ["GT", "D0", "D1"]
    assert clean.valid.all()
    assert (clean.scores == 1).all()
    assert (plain.scores == 1).all()
    assert 0.02 < (plain.keypoints - clean.keypoints).norm(dim=-1).mean() < 0.05
    assert detector.scores.min() == 0
    assert detector.keypoints.isnan().any()


def test_an_unknown_input_is_refused():
    with pytest.raises(ValueError, match="D0"):
        list(make_set("own", [take("a")], TRAINING_RIG).inputs(seed=0, sources=["D7"]))


@pytest.mark.parametrize(
    ("sequence", "recording"),
    [
        (take("HDM_bd_squat1Reps_001_120", subject="bd", label="squat1Reps"), "bd squat1Reps"),
        (take("69_70-2"), "69_70"),
        (take("06_01"), "06_01"),
    ],
)
def test_pieces_of_one_recording_stay_together(sequence, recording):
    assert recording_of(sequence) == recording


def test_clips_of_one_recording_are_one_unit_of_the_bootstrap():
    clips = [take(f"HDM_{i}", subject="bd", label=label, seed=i) for i, label in enumerate(("x", "y", "x"))]
    own = make_set("own", clips, TRAINING_RIG)
    assert own.take_names == ("bd x", "bd y")
    assert torch.bincount(own.views.take).tolist() == [20, 10]


def multiview(scores: torch.Tensor | None = None) -> MultiViewSet:
    poses = normalize_3d(random_poses(4))[[0, 0, 1, 2, 3]]
    keypoints = torch.rand(3, 5, 13, 2) * 500
    return MultiViewSet("lab", poses, keypoints, scores, (0, 1), torch.tensor([7, 7, 7, 9, 9]))


def test_a_data_set_keeps_its_frames_and_numbers_its_takes_anew():
    own = from_multiview(multiview())
    assert len(own) == 5
    assert own.views.take.tolist() == [0, 0, 0, 1, 1]
    assert own.take_names == ("take 7", "take 9")
    assert set(own.columns.values()) == {"lab all", "lab unseen", "lab chest"}


def test_a_detectors_own_keypoints_are_the_only_input():
    own = from_multiview(multiview(torch.full((3, 5, 13), 0.7)))
    (given,) = own.inputs(seed=0)
    assert given.source == "detected"
    assert (given.scores == 0.7).all()


def test_official_takes_need_one_cmu_file_and_have_a_column_of_their_own(mocap):
    (mocap / "cmu_more.npz").unlink()
    with np.load(mocap / "cmu.npz") as arrays:
        content = dict(arrays)
    with pytest.raises(FileFormatError, match="poseflow data cmu"):
        open_sets(mocap, official=True)
    np.savez(mocap / "cmu.npz", **(content | {"names": np.array(["127_05", "nobody"])}))
    with np.load(mocap / "cmu.npz") as arrays:
        np.savez(mocap / "cmu.npz", **(dict(arrays) | {"subjects": np.array(["cmu127", "cmu127"])}))
    cmu = open_sets(mocap, official=True)[0]
    assert cmu.take_names == ("127_05",)
    assert list(cmu.columns.values()) == ["CMU seen, official takes"]


def test_a_missing_file_is_named_with_what_makes_it(mocap):
    (mocap / "hdm05.npz").unlink()
    with pytest.raises(FileFormatError, match=r"hdm05.npz.*poseflow data"):
        open_sets(mocap)
    assert read_npz(mocap / "cmu.npz")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("test", r"no take of CMU's test people in cmu\.npz, cmu_more\.npz; `poseflow data`"),
        ("carve-out", r"no take of CMU's carve-out people in cmu\.npz, cmu_more\.npz; `poseflow data`"),
        ("hdm05", r"no take of HDM05 in hdm05\.npz; `poseflow data`"),
    ],
)
def test_a_folder_without_people_of_a_part_says_which_and_where_they_are_had(mocap, part, said):
    for path in mocap.glob("*.npz"):
        with np.load(path) as arrays:
            np.savez(path, **{name: arrays[name][:0] for name in arrays.files})
    with pytest.raises(FileFormatError, match=said):
        read_part(mocap, part)
    with pytest.raises(FileFormatError, match="no take of CMU's test people"):
        open_sets(mocap)
    with pytest.raises(FileFormatError, match="no take of CMU's carve-out people"):
        carve_out_sets(mocap)


def test_parts_are_read_by_person(mocap):
    assert {take.subject for take in read_part(mocap, "test")} == {"cmu06"}
    assert {take.subject for take in read_part(mocap, "carve-out")} == {"cmu10"}
    assert {take.subject for take in read_part(mocap, "hdm05")} == {"bd"}
