"""Exported tracks: our readers get back what was written, and the libraries of the formats open the files."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import FileFormatError, NothingToScoreError, OutputError
from poseflow.export import EXPORT_FORMATS, export_file, export_format, export_tracks
from poseflow.formats import import_keypoints
from poseflow.records import ClipMetadata, PoseTrack
from poseflow.store import boxes_around
from vvipe.skeleton import COCO13, COCO17

FPS = 29.97
OUTPUTS = {"movement": "out.nc", "coco": "out.json", "deeplabcut": "out.csv", "openpose": "out"}


def person(person_id=1, frames=range(8), *, seed=0, stamps=None, shape=None):
    """Somebody with irregular places and scores; one wrist, and one frame, not seen."""
    generator = np.random.default_rng(seed + person_id)
    count = len(frames)
    keypoints = generator.uniform(1.5, 1900, (count, 17, 2)).astype(np.float32)
    scores = generator.uniform(0.05, 1, (count, 17)).astype(np.float32)
    keypoints[1:3, COCO17.index("left_wrist")] = np.nan
    if count > 5:
        keypoints[4] = np.nan
    scores[np.isnan(keypoints).any(-1)] = 0
    boxes, _ = boxes_around(keypoints, scores)
    boxes += np.array([-7.3, -11.7, 9.1, 3.3], np.float32)
    box_scores = np.where(np.isnan(boxes[:, 0]), np.nan, generator.uniform(0.5, 1, count)).astype(np.float32)
    index = np.array(frames, np.int64)
    time_s = index / FPS if stamps is None else np.asarray(stamps, np.float64)
    return PoseTrack(person_id, COCO17, index, time_s, keypoints, scores, boxes, box_scores)


TWO = [person(1), person(2, range(3, 12))]


def assert_same(found, expected, *, boxes=False, times=True):
    assert [track.person_id for track in found] == [track.person_id for track in expected]
    for track, truth in zip(found, expected, strict=True):
        np.testing.assert_array_equal(track.index, truth.index)
        np.testing.assert_array_equal(track.keypoints, truth.keypoints)
        np.testing.assert_array_equal(track.scores, truth.scores)
        if times:
            np.testing.assert_array_equal(track.time_s, truth.time_s)
        if boxes:
            np.testing.assert_array_equal(track.boxes, truth.boxes)
            np.testing.assert_array_equal(track.box_scores, truth.box_scores)


@pytest.mark.parametrize("tracks", [[person(1)], TWO, [person(1, [5])]], ids=["one", "two", "one frame"])
def test_coco_reads_back_whole_with_boxes_and_true_times(tracks, tmp_path):
    export_tracks(tmp_path / "out.json", tracks)
    assert_same(import_keypoints(tmp_path / "out.json"), tracks, boxes=True)


@pytest.mark.parametrize("tracks", [[person(1)], TWO, [person(1, [5])]], ids=["one", "two", "one frame"])
def test_openpose_reads_back_keypoints_and_scores(tracks, tmp_path):
    export_tracks(tmp_path / "out", tracks)
    assert_same(import_keypoints(tmp_path / "out", fps=FPS), tracks)


@pytest.mark.parametrize("tracks", [[person(1)], TWO], ids=["one", "two"])
def test_deeplabcut_reads_back_keypoints_and_scores(tracks, tmp_path):
    export_tracks(tmp_path / "out.csv", tracks)
    assert_same(import_keypoints(tmp_path / "out.csv", fps=FPS), tracks)


def test_ids_with_gaps_are_kept_by_coco_and_openpose(tmp_path):
    tracks = [person(3), person(17)]
    for name in ("out.json", "out"):
        export_tracks(tmp_path / name, tracks)
        assert [t.person_id for t in import_keypoints(tmp_path / name, fps=FPS)] == [3, 17]


def test_every_second_frame_keeps_its_number(tmp_path):
    track = person(1, range(10, 30, 2))
    for name in ("out.json", "out"):
        export_tracks(tmp_path / name, [track])
        assert_same(import_keypoints(tmp_path / name, fps=FPS), [track])
    export_tracks(tmp_path / "out.csv", [track])
    (found,) = import_keypoints(tmp_path / "out.csv", fps=FPS)  # a row a frame, from 0 on
    np.testing.assert_array_equal(found.index, np.arange(10, 29))
    np.testing.assert_array_equal(found.keypoints[::2], track.keypoints)
    assert np.isnan(found.keypoints[1::2]).all()
    table = pd.read_csv(tmp_path / "out.csv", header=[0, 1, 2], index_col=0)
    assert table.index.tolist() == list(range(29))  # the row is the frame for whoever counts rows


def test_movement_opens_in_xarray_with_its_dimensions_and_attributes(tmp_path):
    metadata = ClipMetadata(
        source="clip.mp4",
        frames=12,
        size=(1920, 1080),
        detector=DetectorInfo("mmpose", (ModelFile("m", "0" * 64),), "cpu"),
    )
    report = export_tracks(tmp_path / "out.nc", TWO, metadata=metadata)
    assert (report.format, report.frames, report.people, report.fps) == ("movement", 12, (1, 2), pytest.approx(FPS))
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as data:
        assert data["position"].dims == ("time", "space", "keypoints", "individuals")
        assert data["confidence"].dims == ("time", "keypoints", "individuals")
        assert (data["position"].dtype, data["confidence"].dtype) == (np.float32, np.float32)
        assert data["space"].values.tolist() == ["x", "y"]
        assert data["keypoints"].values.tolist() == list(COCO17.joints)
        assert data["individuals"].values.tolist() == ["id_1", "id_2"]
        np.testing.assert_array_equal(data["time"], np.arange(12) / FPS)
        np.testing.assert_array_equal(data["frame"], np.arange(12))
        assert {name: data.attrs[name] for name in ("source_software", "ds_type", "time_unit", "source_file")} == {
            "source_software": "poseflow",
            "ds_type": "poses",
            "time_unit": "seconds",
            "source_file": "clip.mp4",
        }
        assert data.attrs["fps"] == pytest.approx(FPS)
        assert json.loads(data.attrs["poseflow"])["detector"]["name"] == "mmpose"
        for track in TWO:
            mine = data.sel(individuals=f"id_{track.person_id}", time=track.time_s)
            np.testing.assert_array_equal(mine["position"].transpose("time", "keypoints", "space"), track.keypoints)
            np.testing.assert_array_equal(mine["confidence"], track.scores)
        before = data.sel(individuals="id_2").isel(time=slice(0, 3))
        assert np.isnan(before["position"]).all() and (before["confidence"] == 0).all()


def test_a_variable_frame_rate_has_true_times_and_no_fps(tmp_path):
    stamps = [0.0, 0.033, 0.066, 0.1, 0.166, 0.233, 0.3, 0.366]
    report = export_tracks(tmp_path / "out.nc", [person(stamps=stamps)])
    assert report.fps is None and "no constant frame rate" in report.to_text()
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["time"], stamps)
        assert "fps" not in data.attrs


def test_a_track_of_every_third_frame_is_numbered_by_the_video_and_has_a_third_of_its_rate(tmp_path):
    frames = np.arange(0, 90, 3)
    report = export_tracks(tmp_path / "out.nc", [person(frames=frames, stamps=frames / 30)])
    assert report.fps == pytest.approx(30)
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as data:
        assert data.attrs["fps"] == pytest.approx(10)


def test_uneven_rows_of_an_even_video_have_no_fps(tmp_path):
    frames = np.array([0, 2, 3, 5, 6, 8])
    assert export_tracks(tmp_path / "out.nc", [person(frames=frames, stamps=frames / 30)]).fps == pytest.approx(30)
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as data:
        assert "fps" not in data.attrs


def test_stamps_rounded_to_milliseconds_are_a_constant_rate(tmp_path):
    report = export_tracks(tmp_path / "out.nc", [person(frames=range(90), stamps=np.round(np.arange(90) / 30, 3))])
    assert report.fps == pytest.approx(30, rel=1e-4)


def test_pycocotools_loads_the_annotations(tmp_path):
    from pycocotools.coco import COCO

    export_tracks(tmp_path / "out.json", TWO, metadata=ClipMetadata("clip.mp4", 12, size=(1920, 1080)))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "out.json"))
    assert coco.getCatIds(catNms=["person"]) == [1]
    assert coco.loadCats(1)[0]["keypoints"] == list(COCO17.joints)
    assert coco.loadCats(1)[0]["skeleton"][0] == [parent + 1 for parent in COCO17.bones[0]]
    assert len(coco.getImgIds()) == 12
    assert coco.loadImgs(5)[0]["width"] == 1920
    (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    seen = np.isfinite(TWO[0].keypoints[1]).all(-1)
    assert annotation["num_keypoints"] == seen.sum() == 16
    flat = np.array(annotation["keypoints"]).reshape(17, 3)
    np.testing.assert_array_equal(flat[:, 2], np.where(seen, 2, 0))
    np.testing.assert_allclose(flat[seen, :2], TWO[0].keypoints[1][seen], rtol=1e-6)
    assert annotation["area"] == pytest.approx(annotation["bbox"][2] * annotation["bbox"][3])


def test_openpose_has_the_neck_between_the_shoulders_and_no_feet(tmp_path):
    export_tracks(tmp_path / "out", TWO, name="walk")
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"walk_{frame:012d}_keypoints.json" for frame in range(12)]
    first = json.loads((tmp_path / "out" / files[0]).read_text())
    body = np.array(first["people"][0]["pose_keypoints_2d"]).reshape(25, 3)
    left, right = (COCO17.index(f"{side}_shoulder") for side in ("left", "right"))
    np.testing.assert_allclose(body[1, :2], TWO[0].keypoints[0][[left, right]].mean(0), rtol=1e-6)
    assert body[1, 2] == pytest.approx(min(TWO[0].scores[0][[left, right]]))
    assert (body[19:] == 0).all()
    (hips,) = [json.loads((tmp_path / "out" / files[4]).read_text())["people"]]
    assert [one["person_id"] for one in hips] == [[1]]  # the first person was not seen in frame 4


def test_pandas_reads_deeplabcuts_table(tmp_path):
    export_tracks(tmp_path / "out.csv", TWO)
    table = pd.read_csv(tmp_path / "out.csv", header=[0, 1, 2, 3], index_col=0)
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert table.index.tolist() == list(range(12))
    nose = table["poseflow"]["id_2"]["nose"]
    np.testing.assert_array_equal(nose["x"].to_numpy()[3:].astype(np.float32), TWO[1].keypoints[:, 0, 0])
    assert nose[["x", "y"]].iloc[:3].isna().all(axis=None) and (nose["likelihood"].iloc[:3] == 0).all()


@pytest.mark.parametrize("name", ["out.txt", "out.xml", "out.mp4"])
def test_an_unknown_ending_is_wrong_usage(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.nc \(movement\)"):
        export_tracks(tmp_path / name, TWO)
    with pytest.raises(ValueError, match="openpose"):
        export_tracks(tmp_path / name, TWO, format="magic")
    assert not list(tmp_path.iterdir())
    assert export_format(name, "coco") == "coco"


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_nobody_and_an_empty_track_are_nothing_to_export(format, tmp_path):
    hidden = replace(TWO[0], keypoints=np.full_like(TWO[0].keypoints, np.nan))
    for tracks in ([], [hidden], [person(1, [])]):
        with pytest.raises(NothingToScoreError, match="nothing to export"):
            export_tracks(tmp_path / OUTPUTS[format], tracks, format=format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_an_unwritable_output_is_named_and_nothing_is_left(format, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        export_tracks(tmp_path / "file" / OUTPUTS[format], TWO)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_with_files_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    export_tracks(tmp_path / "out", TWO)  # empty: fine
    with pytest.raises(OutputError, match="name a new folder"):
        export_tracks(tmp_path / "out", TWO)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("tracks", "error", "message"),
    [
        ([person(1), person(1)], ValueError, "each person once"),
        ([person(0)], FileFormatError, "ids start at 1"),
        ([person(1), person(2, stamps=np.arange(8) / 10)], FileFormatError, "same times"),
        ([replace(person(1), skeleton=COCO13, keypoints=np.ones((8, 13, 2), np.float32), scores=np.ones((8, 13)))],
         ValueError, "coco17"),
    ],
)  # fmt: skip
def test_tracks_that_no_file_can_hold_are_refused(tracks, error, message, tmp_path):
    with pytest.raises(error, match=message):
        export_tracks(tmp_path / "out.json", tracks)


def test_frame_numbers_that_would_fill_the_disk_are_refused(tmp_path):
    far = person(1, range(10**9, 10**9 + 8))
    with pytest.raises(FileFormatError, match="frame 0"):
        export_tracks(tmp_path / "out.csv", [far])
    assert export_tracks(tmp_path / "out.json", [far]).frames == 8


def test_what_is_no_saved_track_is_named(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(FileFormatError, match=r"bad\.parquet.*damaged"):
        export_file(tmp_path / "bad.parquet", tmp_path / "out.json")
    with pytest.raises(FileFormatError, match="no such file"):
        export_file(tmp_path / "missing.parquet", tmp_path / "out.json")
    with pytest.raises(FileFormatError, match="poseflow embed"):
        export_file(tmp_path / "clip.mp4", tmp_path / "out.json")


def test_damaged_scores_and_times_of_coco_are_named(tmp_path):
    export_tracks(tmp_path / "out.json", TWO)
    whole = json.loads((tmp_path / "out.json").read_text())
    for key, change in (("keypoint_scores", [1, 2]), ("score", "high")):
        content = json.loads(json.dumps(whole))
        content["annotations"][0][key] = change
        (tmp_path / "bad.json").write_text(json.dumps(content))
        with pytest.raises(FileFormatError, match=key):
            import_keypoints(tmp_path / "bad.json")
    del whole["images"][0]["time_s"]
    (tmp_path / "bad.json").write_text(json.dumps(whole))
    with pytest.raises(FileFormatError, match="fps"):
        import_keypoints(tmp_path / "bad.json")
