import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from poseflow_cli.main import main

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.embed import embed_people
from poseflow.records import ClipMetadata, PoseTrack
from poseflow.store import write_clip
from vvipe import Embedder
from vvipe.skeleton import COCO17


def dancer(time_s):
    """(T, 17, 2) pixels of a person seen from the front whose arms and knees swing."""
    points = np.full((len(time_s), 17, 2), np.nan)
    for joint, place in {
        "nose": (0, -160), "left_shoulder": (40, -120), "right_shoulder": (-40, -120), "left_elbow": (70, -60),
        "right_elbow": (-70, -60), "left_wrist": (75, 0), "right_wrist": (-75, 0), "left_hip": (25, 0),
        "right_hip": (-25, 0), "left_knee": (30, 90), "right_knee": (-30, 90), "left_ankle": (30, 180),
        "right_ankle": (-30, 180),
    }.items():  # fmt: skip
        points[:, COCO17.index(joint)] = np.add(place, 300)
    for number, joint in enumerate(("left_wrist", "right_wrist", "left_elbow", "right_knee", "left_ankle")):
        speed = 1.1 + 0.37 * number
        points[:, COCO17.index(joint)] += 50 * np.stack([np.sin(speed * time_s), np.cos(speed * time_s)], axis=1)
    return points.astype(np.float32)


def track_of(time_s, *, person_id=1, hidden=slice(0, 0)):
    keypoints = dancer(time_s)
    keypoints[hidden] = np.nan
    frames = len(time_s)
    return PoseTrack(
        person_id=person_id,
        skeleton=COCO17,
        index=np.arange(frames),
        time_s=np.asarray(time_s),
        keypoints=keypoints,
        scores=np.isfinite(keypoints).all(-1).astype(np.float32),
        boxes=np.tile(np.array([170, 100, 430, 530], np.float32), (frames, 1)),
        box_scores=np.ones(frames, np.float32),
    )


@pytest.fixture(scope="module")
def embedder():
    return Embedder.from_pretrained()


@pytest.fixture
def save(tmp_path, embedder):
    """Writes a clip of the dancer and gives its path."""

    def write(name, time_s, *, detector="blazepose", model=None, **settings):
        info = DetectorInfo(detector, (ModelFile("m", "0" * 64),), "cpu")
        metadata = ClipMetadata(source=f"{name}.mp4", frames=len(time_s), size=(640, 640), detector=info)
        clip = embed_people([track_of(time_s, **settings)], metadata=metadata, embedder=embedder)
        if model is not None:
            clip = replace(clip, metadata=replace(clip.metadata, model=ModelFile(model, "2" * 64)))
        path = tmp_path / f"{name}.parquet"
        write_clip(path, clip)
        return str(path)

    return write


SECONDS = np.arange(90) / 30


def test_a_cut_is_found_in_its_source(save, capsys):
    whole, cut = save("whole", SECONDS), save("cut", SECONDS[30:75])
    assert main(["match", "--ref", whole, "--query", cut, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["offset_s"] == pytest.approx(0, abs=0.02)
    assert told["tempo"] == pytest.approx(1, abs=0.05)
    assert told["score"] > 95
    assert told["coverage"] == {"ref": pytest.approx(45 / 90, abs=0.05), "query": 1.0}
    assert told["ref_person"] == told["query_person"] == 1
    assert "|det:blazepose:m|" in told["signature"]


def test_the_table_tells_score_offset_detector_and_model(save, capsys, embedder):
    whole = save("whole", SECONDS)
    assert main(["match", "--ref", whole, "--query", whole]) == 0
    printed = capsys.readouterr()
    for word in ("score", "timing", "coverage", "offset", "tempo", "blazepose:m", embedder.model_id):
        assert word in printed.out
    assert printed.err == ""


def test_different_detectors_are_warned_of_on_stderr(save, capsys):
    ref, query = save("ref", SECONDS), save("query", SECONDS, detector="mmpose")
    assert main(["match", "--ref", ref, "--query", query, "--json"]) == 0
    printed = capsys.readouterr()
    (warning,) = json.loads(printed.out)["warnings"]
    assert "blazepose:m" in warning and "mmpose:m" in warning
    assert printed.err == f"warning: {warning}\n"


def test_different_detectors_are_warned_of_on_the_page(save, tmp_path):
    ref, query, page = save("ref", SECONDS), save("query", SECONDS, detector="mmpose"), tmp_path / "page.html"
    assert main(["match", "--ref", ref, "--query", query, "--report", str(page)]) == 0
    assert 'class="warning">the clips&#x27; keypoints come from different detectors' in page.read_text("utf-8")


def test_different_detectors_are_warned_of_in_a_folder(save, tmp_path, capsys):
    students = tmp_path / "students"
    students.mkdir()
    for name, detector in (("same", "blazepose"), ("other", "mmpose")):
        Path(save(name, SECONDS, detector=detector)).rename(students / f"{name}.parquet")
    assert main(["match", "--ref", save("ref", SECONDS), "--query", str(students)]) == 0
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("warning: other.parquet: the clips' keypoints come from different detectors")


def test_another_models_parquet_is_refused(save, capsys):
    ref, query = save("ref", SECONDS), save("query", SECONDS, model="other@12345678")
    assert main(["match", "--ref", ref, "--query", query]) == 1
    printed = capsys.readouterr()
    assert "other@12345678" in printed.err and "embed" in printed.err
    assert printed.out == ""


def test_a_missing_file_is_named(save, capsys, tmp_path):
    whole = save("whole", SECONDS)
    for missing in ("nowhere.parquet", "nowhere.mp4"):
        assert main(["match", "--ref", whole, "--query", str(tmp_path / missing)]) == 1
        assert missing in capsys.readouterr().err


def test_a_query_that_is_not_there_is_told_before_the_reference_is_embedded(tmp_path, capsys, monkeypatch):
    (tmp_path / "notes.txt").write_text("no film")
    monkeypatch.setattr("poseflow_cli.match.make_embedder", lambda *_: pytest.fail("the work began"))
    assert main(["match", "--ref", str(tmp_path / "notes.txt"), "--query", str(tmp_path / "missing.mp4")]) == 1
    assert "notes.txt is" in capsys.readouterr().err


def test_too_little_in_sight_leaves_with_four(save, capsys):
    whole, hidden = save("whole", SECONDS), save("hidden", SECONDS, hidden=slice(10, 80))
    assert main(["match", "--ref", whole, "--query", hidden]) == 4
    assert "could be compared" in capsys.readouterr().err


def test_a_person_who_is_not_there_is_wrong_usage(save, capsys):
    whole = save("whole", SECONDS)
    assert main(["match", "--ref", whole, "--query", whole, "--query-person", "id:7"]) == 2
    assert "7" in capsys.readouterr().err


def test_an_overlay_of_saved_keypoints_is_wrong_usage(save, capsys, tmp_path):
    whole = save("whole", SECONDS)
    out = tmp_path / "out.mp4"
    assert main(["match", "--ref", whole, "--query", whole, "--overlay", str(out)]) == 2
    assert "no pictures" in capsys.readouterr().err
    assert not out.exists()


def test_both_sides_are_required(capsys):
    assert main(["match", "--ref", "a.parquet"]) == 2
    assert "--query" in capsys.readouterr().err


@pytest.mark.real_data
def test_two_cameras_of_one_movement_are_aligned_and_alike(real_file, tmp_path, capsys):
    cameras = [tmp_path / f"cam0{n}.parquet" for n in (1, 2)]
    for number, path in enumerate(cameras, start=1):
        video = real_file(f"data/video/pose2sim_cam0{number}.mp4")
        assert main(["embed", str(video), "-o", str(path), "--detector", "blazepose", "--end", "0.8"]) == 0
    other = tmp_path / "other.parquet"
    video = real_file("data/video/sports2d_demo.mp4")
    span = ["--start", "2", "--end", "3"]
    assert main(["embed", str(video), "-o", str(other), "--detector", "blazepose", *span]) == 0
    capsys.readouterr()
    told = []
    for query in (cameras[1], other):
        assert main(["match", "--ref", str(cameras[0]), "--query", str(query), "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    same, different = told
    assert same["score"] > different["score"]
    assert abs(same["offset_s"]) < 0.2
    assert "|det:blazepose:" in same["signature"]


def flipped(path, tmp_path):
    """The saved clip as a mirror shows it, embedded anew."""
    from poseflow.mirror import mirror_track
    from poseflow.store import read_clip

    clip = read_clip(path)
    embedder = Embedder.from_pretrained()
    image = embed_people([mirror_track(track) for track in clip.tracks], metadata=clip.metadata, embedder=embedder)
    out = tmp_path / "mirror.parquet"
    write_clip(out, image)
    return str(out)


def test_a_mirrored_performance_is_recognised(save, tmp_path, capsys):
    whole = save("whole", SECONDS)
    image = flipped(whole, tmp_path)
    told = {}
    for mirror in ("auto", "on", "off"):
        assert main(["match", "--ref", whole, "--query", image, "--mirror", mirror, "--json"]) == 0
        told[mirror] = json.loads(capsys.readouterr().out)
    assert [told[mirror]["is_mirrored"] for mirror in ("auto", "on", "off")] == [True, True, False]
    assert told["auto"]["mirror_margin"] > 0 and told["on"]["mirror_margin"] is None
    assert told["auto"]["score"] == told["on"]["score"] > 99.5
    assert main(["match", "--ref", whole, "--query", image]) == 0
    assert "mirrored                yes" in capsys.readouterr().out


def test_every_occurrence_is_told(save, capsys):
    repeated = np.concatenate([SECONDS[:45], SECONDS[:45]])
    info = ClipMetadata(source="twice.mp4", frames=90, size=(640, 640))
    track = replace(track_of(SECONDS), keypoints=dancer(repeated))
    clip = embed_people([track], metadata=info, embedder=Embedder.from_pretrained())
    once = save("once", SECONDS[:45])
    twice = once.replace("once", "twice")
    write_clip(twice, clip)
    assert main(["match", "--ref", once, "--query", twice, "--all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["occurrences"]
    assert sorted(round(place["start_s"], 1) for place in told) == [
        pytest.approx(0, abs=0.2),
        pytest.approx(1.5, abs=0.2),
    ]
    assert {place["side"] for place in told} == {"query"}
    assert main(["match", "--ref", once, "--query", twice, "--all"]) == 0
    assert "found 2" in capsys.readouterr().out


def test_a_band_is_named_in_the_signature(save, capsys):
    whole = save("whole", SECONDS)
    assert main(["match", "--ref", whole, "--query", whole, "--band", "0.5", "--json"]) == 0
    assert "+band0.5s|" in json.loads(capsys.readouterr().out)["signature"]


def test_a_folder_is_ranked_and_a_broken_file_does_not_stop_the_rest(save, tmp_path, capsys):
    teacher = save("teacher", SECONDS)
    students = tmp_path / "students"
    students.mkdir()
    for name, hidden in (("good", slice(0, 0)), ("hidden", slice(5, 85))):
        path = save(name, SECONDS, hidden=hidden)
        (students / f"{name}.parquet").write_bytes(Path(path).read_bytes())
    (students / "broken.parquet").write_bytes(b"no parquet")
    out = tmp_path / "results"
    assert main(["match", "--ref", teacher, "--query", str(students), "-o", str(out), "--no-video", "--json"]) == 3
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert [Path(one["query"]).name for one in told["results"]] == ["good.parquet"]
    assert {Path(one["query"]).name for one in told["failed"]} == {"broken.parquet", "hidden.parquet"}
    assert "failed: " in printed.err and "2 of 3 clips failed" in printed.err
    assert {path.name for path in out.iterdir()} == {
        "ranking.csv", "ranking.parquet", "index.html", "good.parquet.html",
    }  # fmt: skip


def test_options_that_do_not_fit_a_folder_are_refused(save, tmp_path, capsys):
    whole = save("whole", SECONDS)
    assert main(["match", "--ref", whole, "--query", str(tmp_path), "--overlay", "x.mp4"]) == 2
    assert "--overlay" in capsys.readouterr().err
    assert main(["match", "--ref", whole, "--query", whole, "-o", str(tmp_path / "out")]) == 2
    assert "--output" in capsys.readouterr().err


def test_less_coverage_can_be_asked_for(save, capsys):
    ref, query = save("ref", SECONDS), save("query", SECONDS, hidden=slice(20, 75))
    assert main(["match", "--ref", ref, "--query", query]) == 4
    assert "a score needs 50%" in capsys.readouterr().err
    assert main(["match", "--ref", ref, "--query", query, "--min-coverage", "0.2"]) == 0
