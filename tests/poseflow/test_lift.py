from dataclasses import replace

import numpy as np
import pytest
from lifted_tracks import make_clip, make_track
from scipy.spatial.transform import Rotation

from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.lift import LiftSettings, lift_clip, lift_track
from poseflow.lifted import FrameState
from vvipe import Embedder
from vvipe.skeleton import H36M17

SECONDS = np.arange(45) / 30


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture(scope="module")
def clip(embedder):
    return make_clip([make_track(SECONDS)], embedder)


def bones_of(poses):
    return np.array([[np.linalg.norm(pose[b] - pose[a]) for a, b in H36M17.bones] for pose in poses])


def test_bones_keep_the_median_length_of_both_sides(clip, embedder):
    (lifted,) = lift_clip(clip, embedder=embedder)
    found = bones_of(lifted.canonical)
    assert np.ptp(found, axis=0).max() < 1e-9
    decoded = np.median(bones_of(embedder.decode(clip.embeddings[0].vectors)), axis=0)
    names = [H36M17.joints[child] for _, child in H36M17.bones]
    expected = {}
    for name, length in zip(names, decoded, strict=True):
        expected.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(length)
    torso = expected["spine"][0] + expected["thorax"][0]
    for name, length in zip(names, found[0], strict=True):
        plain = name.removeprefix("left_").removeprefix("right_")
        assert length == pytest.approx(np.mean(expected[plain]) / torso, rel=1e-5)


def test_directions_are_those_of_the_decoded_pose(clip, embedder):
    (lifted,) = lift_clip(clip, embedder=embedder)
    decoded = embedder.decode(clip.embeddings[0].vectors)
    for parent, child in H36M17.bones:
        ours, theirs = (p[:, child] - p[:, parent] for p in (lifted.canonical, decoded))
        cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        assert cosine.min() > 1 - 1e-5


def test_everything_seen_is_marked_seen_at_the_tracks_times(clip, embedder):
    (lifted,) = lift_clip(clip, embedder=embedder)
    assert (lifted.state == FrameState.SEEN).all()
    np.testing.assert_array_equal(lifted.time_s, SECONDS)
    np.testing.assert_array_equal(lifted.index, np.arange(45))


def test_gaps_are_interpolated_or_held_and_marked(embedder):
    hidden = [0, 10, 11, *range(20, 35), 44]
    clip = make_clip([make_track(SECONDS, hidden=hidden)], embedder, smooth=False)
    (lifted,) = lift_clip(clip, embedder=embedder)
    assert set(np.flatnonzero(lifted.state == FrameState.INTERPOLATED)) == {10, 11}
    assert set(np.flatnonzero(lifted.state == FrameState.HELD)) == {0, 44, *range(20, 35)}
    np.testing.assert_allclose(lifted.canonical[20:35], np.broadcast_to(lifted.canonical[19], (15, 17, 3)))
    np.testing.assert_allclose(lifted.canonical[0], lifted.canonical[1])
    np.testing.assert_allclose(lifted.canonical[44], lifted.canonical[43])
    np.testing.assert_allclose(lifted.root_rotation[30], lifted.root_rotation[19], atol=1e-6)
    assert np.ptp(bones_of(lifted.canonical), axis=0).max() < 1e-9
    straight = lifted.canonical[9] + (lifted.canonical[12] - lifted.canonical[9]) / 3
    assert np.abs(lifted.canonical[10] - straight).max() < 0.02
    assert np.isnan(lifted.uncertainty[hidden]).all()


def test_bridged_keypoints_count_as_interpolated(embedder):
    clip = make_clip([make_track(SECONDS, hidden=[10, 11])], embedder)
    assert clip.embeddings[0].valid[10:12].all()
    (lifted,) = lift_clip(clip, embedder=embedder)
    assert set(np.flatnonzero(lifted.state == FrameState.INTERPOLATED)) == {10, 11}


def test_longest_gap_is_a_setting(embedder):
    clip = make_clip([make_track(SECONDS, hidden=range(20, 35))], embedder, smooth=False)
    (lifted,) = lift_clip(clip, embedder=embedder, settings=LiftSettings(max_gap_s=1.0))
    assert (lifted.state[20:35] == FrameState.INTERPOLATED).all()
    (held,) = lift_clip(clip, embedder=embedder, settings=LiftSettings(max_gap_s=0.0))
    assert (held.state[20:35] == FrameState.HELD).all()


def test_one_usable_frame_is_held_through(embedder):
    hidden = [row for row in range(45) if row != 5]
    clip = make_clip([make_track(SECONDS, hidden=hidden)], embedder, smooth=False)
    (lifted,) = lift_clip(clip, embedder=embedder, settings=LiftSettings(frame="camera"))
    np.testing.assert_allclose(lifted.poses, np.broadcast_to(lifted.poses[5], lifted.poses.shape), atol=1e-7)
    assert lifted.count(FrameState.HELD) == 44


def test_head_keeps_the_encoders_rotation_and_fit_projects_nearer(clip, embedder):
    track, embedding = clip.person(1)
    error = {}
    for rotation in ("head", "fit"):
        settings = LiftSettings(frame="camera", rotation=rotation)
        lifted = lift_track(track, embedding, embedder=embedder, settings=settings)
        flat = lifted.poses[:, :, :2] / (1 + lifted.poses[:, :, 2:] / 8)
        joints = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_ankle", "left_wrist")
        seen = track.keypoints[:, [track.skeleton.index(joint) for joint in joints]].astype(float)
        seen, flat = (p - p.mean(1, keepdims=True) for p in (seen, flat[:, list(H36M17.indices(*joints))]))
        size = np.linalg.norm(seen, axis=(1, 2), keepdims=True), np.linalg.norm(flat, axis=(1, 2), keepdims=True)
        error[rotation] = np.linalg.norm(seen / size[0] - flat / size[1], axis=(1, 2)).mean()
        if rotation == "head":
            angle = Rotation.from_quat(lifted.root_rotation, scalar_first=True).inv() * Rotation.from_quat(
                embedding.root_rotation, scalar_first=True
            )
            assert angle.magnitude().max() < 1e-3
    assert error["fit"] < error["head"]


def test_a_clip_of_another_model_is_refused(clip, embedder):
    other = replace(clip, embeddings=tuple(replace(e, model="other@1") for e in clip.embeddings))
    with pytest.raises(ModelMismatchError, match="other@1"):
        lift_clip(other, embedder=embedder)


def test_nobody_usable_is_an_error_and_one_of_two_is_not(clip, embedder):
    (track,), (embedding,) = clip.tracks, clip.embeddings
    blind = replace(embedding, valid=np.zeros(45, bool), person_id=2)
    with pytest.raises(NothingToScoreError, match="person 2"):
        lift_clip(replace(clip, tracks=(replace(track, person_id=2),), embeddings=(blind,)), embedder=embedder)
    two = replace(clip, tracks=(track, replace(track, person_id=2)), embeddings=(embedding, blind))
    assert [lifted.person_id for lifted in lift_clip(two, embedder=embedder)] == [1]
    with pytest.raises(NothingToScoreError):
        lift_clip(two, embedder=embedder, person="id:2")


def test_unknown_head_rotation_is_an_error_for_head_alone(clip, embedder):
    unknown = replace(clip.embeddings[0], root_rotation=np.full((45, 4), np.nan, np.float32))
    blind = replace(clip, embeddings=(unknown,))
    with pytest.raises(ValueError, match="fit"):
        lift_clip(blind, embedder=embedder, settings=LiftSettings(rotation="head"))
    (lifted,) = lift_clip(blind, embedder=embedder)
    assert np.isfinite(lifted.root_rotation).all()


@pytest.mark.parametrize(
    "setting", [{"frame": "world"}, {"rotation": "none"}, {"height_m": 0.0}, {"height_m": 180.0}, {"max_gap_s": -1.0}]
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f"^{next(iter(setting))}: expected"):
        LiftSettings(**setting)
