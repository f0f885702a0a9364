from __future__ import annotations

import numpy as np
import pytest

from poseflow.errors import FileFormatError
from poseflow.formats import import_keypoints
from vvipe.skeleton import COCO17

REASON = "{} writes the files that are read here; it is a requirement of the tests"
h5py = pytest.importorskip("h5py", reason=REASON.format("h5py"))


def labels(sio, walk, *, names=COCO17.joints, is_tracked=True, first=0):
    """What SLEAP predicts for a walk, as sleap-io's own records."""
    skeleton = sio.Skeleton(list(names))
    video = sio.Video(filename="clip.mp4", open_backend=False)
    tracks = [sio.Track(f"person {p}") for p in range(walk.keypoints.shape[1])]
    frames = []
    for t in range(first, len(walk.keypoints)):
        instances = [
            sio.PredictedInstance.from_numpy(
                walk.keypoints[t, p],
                skeleton=skeleton,
                point_scores=walk.scores[t, p],
                score=0.5,
                track=track if is_tracked else None,
            )
            for p, track in enumerate(tracks)
        ]
        frames.append(sio.LabeledFrame(video=video, frame_idx=t, instances=instances))
    return sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks if is_tracked else [])


@pytest.fixture
def sio():
    return pytest.importorskip("sleap_io", reason=REASON.format("sleap-io"))


@pytest.mark.parametrize("preset", ["matlab", "standard"])
def test_file_written_by_sleap_io_comes_back(tmp_path, sio, walk, preset):
    path = tmp_path / "clip.analysis.h5"
    sio.save_analysis_h5(labels(sio, walk), str(path), preset=preset)
    tracks = import_keypoints(path, fps=30)
    walk.check(tracks)
    assert tracks[0].box_scores[0] == 0.5
    # sleap-io reads the same numbers back.
    theirs = sio.load_analysis_h5(str(path)).numpy()
    np.testing.assert_allclose(np.stack([t.keypoints for t in tracks], 1), theirs, rtol=1e-6)


def test_nodes_are_matched_by_name(tmp_path, sio, walk):
    path = tmp_path / "clip.h5"
    shuffled = np.random.default_rng(3).permutation(17)
    names = [COCO17.joints[i].replace("left_", "L").replace("right_", "R") for i in shuffled]
    mixed = type(walk)(walk.keypoints[:, :, shuffled], walk.scores[:, :, shuffled])
    sio.save_analysis_h5(labels(sio, mixed, names=names), str(path))
    walk.check(import_keypoints(path, fps=30))


def test_frames_before_the_first_label_count(tmp_path, sio, lone_walk):
    path = tmp_path / "clip.h5"
    sio.save_analysis_h5(labels(sio, lone_walk, first=5), str(path))
    (track,) = import_keypoints(path, fps=30)
    np.testing.assert_array_equal(track.index, np.arange(5, 12))


def write_by_hand(path, walk, *, track_names=(), **changes):
    """SLEAP's own export, which states no axes: tracks (track, xy, node, frame)."""
    arrays = {
        "tracks": walk.keypoints.transpose(1, 3, 2, 0),
        "point_scores": walk.scores.transpose(1, 2, 0),
        "node_names": np.array([name.encode() for name in COCO17.joints]),
        "track_names": np.array([name.encode() for name in track_names]),
    }
    with h5py.File(path, "w") as file:
        for name, values in {**arrays, **changes}.items():
            if values is not None:
                file[name] = values
    return path


def test_export_of_sleap_without_track_names_is_tracked(tmp_path, walk):
    swapped = type(walk)(walk.keypoints.copy(), walk.scores.copy())
    swapped.keypoints[6:], swapped.scores[6:] = walk.keypoints[6:, ::-1], walk.scores[6:, ::-1]
    walk.check(import_keypoints(write_by_hand(tmp_path / "clip.h5", swapped), fps=30))


def test_missing_scores_are_one(tmp_path, walk):
    path = write_by_hand(tmp_path / "clip.h5", walk, track_names="ab", point_scores=None)
    walk.without_scores().check(import_keypoints(path, fps=30))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracks": np.zeros((2, 3))}, "tracks: expected the axes"),
        (
            {"tracks": np.zeros((2, 3, 17, 4))},
            r"expected \(frames, tracks, 17 nodes, 2\), found \(4, 2, 17, 3\)",
        ),
        ({"tracks": np.zeros((2, 2, 5, 4))}, r"found \(4, 2, 5, 2\)"),
        ({"point_scores": np.zeros((2, 17, 3))}, r"point_scores: expected \(12, 2, 17\)"),
        ({"node_names": np.array([b"a"] * 17)}, "no joint for"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, walk, changes, message):
    with pytest.raises(FileFormatError, match=message):
        import_keypoints(write_by_hand(tmp_path / "clip.h5", walk, **changes), fps=30)


def test_other_hdf5_is_no_known_format(tmp_path):
    path = tmp_path / "clip.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(FileFormatError, match="no known format"):
        import_keypoints(path, fps=30)
    with pytest.raises(FileFormatError, match="found no tracks and no node_names"):
        import_keypoints(path, format="sleap", fps=30)


def test_text_is_no_sleap_file(tmp_path):
    path = tmp_path / "clip.h5"
    path.write_text("hello")
    with pytest.raises(FileFormatError, match="expected an HDF5 file"):
        import_keypoints(path, format="sleap", fps=30)
