from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poseflow.errors import FileFormatError, PackageError
from poseflow.formats import import_keypoints
from vvipe.skeleton import COCO17

PARTS = [*COCO17.joints, "tail"]
REASON = "{} writes the files that are read here; it is a requirement of the tests"
pd = pytest.importorskip("pandas", reason=REASON.format("pandas"))


def table(walk, *, coords=("x", "y", "likelihood"), individuals=None):
    """DeepLabCut's DataFrame, of several individuals where they are named."""
    people = [0] if individuals is None else range(len(individuals))
    columns, values = [], []
    for p in people:
        points = np.dstack([walk.keypoints[:, p], np.where(walk.scores[:, p] > 0, walk.scores[:, p], np.nan)])
        for k, part in enumerate(PARTS):
            for c, coordinate in enumerate(coords):
                columns.append(("scorer1", *([] if individuals is None else [individuals[p]]), part, coordinate))
                values.append(points[:, k, c] if part != "tail" else np.full(len(points), 5.0))
    names = ["scorer", *([] if individuals is None else ["individuals"]), "bodyparts", "coords"]
    return pd.DataFrame(np.array(values).T, columns=pd.MultiIndex.from_tuples(columns, names=names))


def test_single_animal_csv_comes_back(tmp_path, lone_walk):
    path = tmp_path / "clipDLC.csv"
    table(lone_walk).to_csv(path)
    lone_walk.check(import_keypoints(path, fps=30))


def test_individuals_of_a_csv_are_people(tmp_path, walk):
    path = tmp_path / "clipDLC.csv"
    table(walk, individuals=["anna", "bert"]).to_csv(path)
    walk.check(import_keypoints(path, fps=30))


@pytest.mark.parametrize("layout", ["table", "fixed"])
@pytest.mark.parametrize("individuals", [None, ["anna", "bert"]])
def test_h5_written_by_pandas_comes_back(tmp_path, walk, lone_walk, layout, individuals):
    pytest.importorskip("tables", reason=REASON.format("tables"))
    path = tmp_path / "clipDLC.h5"
    truth = walk if individuals else lone_walk
    table(truth, individuals=individuals).to_hdf(path, key="df_with_missing", format=layout, mode="w")
    truth.check(import_keypoints(path, fps=30))


@pytest.mark.parametrize("as_levels", [True, False])
def test_labelled_pictures_are_frames_by_their_number(tmp_path, lone_walk, as_levels):
    frames = table(lone_walk, coords=("x", "y"))
    names = [("labeled-data", "clip", f"img{2 * t:03d}.png") for t in range(12)]
    frames.index = pd.MultiIndex.from_tuples(names) if as_levels else ["\\".join(name) for name in names]
    path = tmp_path / "CollectedData.csv"
    frames.to_csv(path)
    (track,) = import_keypoints(path, fps=60)
    np.testing.assert_array_equal(track.index, 2 * np.arange(12))
    np.testing.assert_allclose(track.keypoints, lone_walk.keypoints[:, 0], rtol=1e-6)
    if as_levels:
        pytest.importorskip("tables", reason=REASON.format("tables"))
        frames.to_hdf(tmp_path / "CollectedData.h5", key="df_with_missing", mode="w")
        (same,) = import_keypoints(tmp_path / "CollectedData.h5", fps=60)
        np.testing.assert_array_equal(same.keypoints, track.keypoints)


@pytest.mark.parametrize("people", [1, 2])
def test_csv_written_by_sleap_io_comes_back(tmp_path, people, walk, lone_walk):
    sio = pytest.importorskip("sleap_io", reason=REASON.format("sleap-io"))
    truth = walk if people == 2 else lone_walk
    path = tmp_path / "dlc.csv"
    sio.save_csv(sleap_labels(sio, truth), str(path), format="dlc")
    truth.without_scores().check(import_keypoints(path, fps=30))


def sleap_labels(sio, walk):
    skeleton = sio.Skeleton(list(COCO17.joints))
    video = sio.Video(filename="clip.mp4", open_backend=False)
    tracks = [sio.Track(f"track_{p}") for p in range(walk.keypoints.shape[1])]
    frames = [
        sio.LabeledFrame(
            video=video,
            frame_idx=t,
            instances=[
                sio.PredictedInstance.from_numpy(
                    walk.keypoints[t, p], skeleton=skeleton, point_scores=walk.scores[t, p], score=0.5, track=track
                )
                for p, track in enumerate(tracks)
            ],
        )
        for t in range(len(walk.keypoints))
    ]
    return sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks)


def test_other_part_names_need_a_joint_map(tmp_path, lone_walk):
    frames = table(lone_walk).rename(columns={"left_wrist": "paw"}, level="bodyparts")
    path = tmp_path / "clip.csv"
    frames.to_csv(path)
    with pytest.raises(FileFormatError, match=r"no joint for left_wrist; the file has: .*paw.*joint_map"):
        import_keypoints(path, fps=30)
    lone_walk.check(import_keypoints(path, fps=30, joint_map={"paw": "left_wrist"}))


HEADER = "scorer,s,s,s\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("scorer,s,s\n0,1,2\n", "expected header rows scorer, individuals, bodyparts, coords"),
        (HEADER + "0,1,2\n", "line 4: expected 4 cells, found 3"),
        (HEADER + "0,1,2,3\n1,1,two,3\n", "line 5: expected a number, found 'two'"),
        (HEADER + "first,1,2,3\n", "expected a frame's number or a picture"),
        (HEADER.replace("likelihood", "z") + "0,1,2,3\n", "coords: expected x, y, likelihood, found z"),
        (HEADER.replace("y,", "x,") + "0,1,2,3\n", "one coordinate twice"),
        (HEADER + "0,1,2,3\n0,1,2,3\n", "no joint for left_shoulder"),
        ("scorer\nbodyparts\ncoords\n0\n", "expected columns"),
    ],
)
def test_damaged_csv_is_named(tmp_path, content, message):
    path = tmp_path / "clip.csv"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=f"clip.csv.*{message}"):
        import_keypoints(path, fps=30)


def test_one_frame_twice_is_refused(tmp_path, lone_walk):
    frames = table(lone_walk)
    path = tmp_path / "clip.csv"
    pd.concat([frames, frames.iloc[:1]]).to_csv(path)
    with pytest.raises(FileFormatError, match="frame 0 is in it twice"):
        import_keypoints(path, fps=30)


def test_csv_without_rows_has_no_people(tmp_path, lone_walk):
    path = tmp_path / "clip.csv"
    table(lone_walk).iloc[:0].to_csv(path)
    assert import_keypoints(path, fps=30) == []


def test_h5_with_code_instead_of_names_is_refused(tmp_path, lone_walk):
    h5py = pytest.importorskip("h5py", reason=REASON.format("h5py"))
    pytest.importorskip("tables", reason=REASON.format("tables"))
    path, trace = tmp_path / "clip.h5", tmp_path / "executed"
    table(lone_walk).to_hdf(path, key="df_with_missing", format="table", mode="w")
    with h5py.File(path, "a") as file:
        code = f"cbuiltins\nopen\n(V{trace}\nVw\ntR.".encode()
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(code)
    with pytest.raises(FileFormatError, match=r"builtins\.open is no plain value"):
        import_keypoints(path, fps=30)
    assert not trace.exists()


def test_cut_off_h5_is_refused(tmp_path, lone_walk):
    pytest.importorskip("tables", reason=REASON.format("tables"))
    path = tmp_path / "clip.h5"
    table(lone_walk).to_hdf(path, key="a", format="table", mode="w")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FileFormatError, match="damaged or cut off"):
        import_keypoints(path, fps=30)


def test_missing_h5py_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "clip.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and more")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(PackageError, match="pip install h5py"):
        import_keypoints(path, fps=30)
