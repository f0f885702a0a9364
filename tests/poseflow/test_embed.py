"""From files to embedded clips: right people, right times, raw keypoints kept, pictures let go."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disc_people import FIGURE, HEIGHT, WIDTH, DiscDetector, write_disc_clip
from tiny_model import save_tiny_model

from poseflow.embed import embed_keypoints_file, embed_people, embed_tracks, embed_video
from poseflow.embed_files import embed_batch, embed_to_file, output_file
from poseflow.errors import NothingToScoreError, OutputError, VideoError
from poseflow.load import embed_file, load_clip
from poseflow.records import ClipMetadata, Frame, FramePoses, PoseTrack
from poseflow.smoothing import smooth_track
from poseflow.store import read_clip, write_clip
from vvipe.embedder import Embedder
from vvipe.skeleton import BLAZEPOSE33, COCO17

TIMES_S = np.arange(24) / 25


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Person 1 walks to the right; person 2, smaller in time, is there in frames 6 to 17 only."""
    places = [[(60 + 3 * i, 40)] + ([(250, 60)] if 6 <= i < 18 else []) for i in range(24)]
    return write_disc_clip(tmp_path_factory.mktemp("clip") / "two.mp4", TIMES_S, places)


def static_track(frames: int, *, person_id: int = 1, missing: slice = slice(0, 0)) -> PoseTrack:
    keypoints = np.tile(FIGURE + 100, (frames, 1, 1)).astype(np.float32)
    keypoints[missing] = np.nan
    is_seen = np.isfinite(keypoints).all(-1)
    return PoseTrack(
        person_id,
        COCO17,
        np.arange(frames, dtype=np.int64),
        np.arange(frames) / 25,
        keypoints,
        is_seen.astype(np.float32),
        np.tile(np.array([70, 90, 130, 240], np.float32), (frames, 1)),
        np.ones(frames, np.float32),
    )


def test_people_times_and_pixels_are_those_of_the_video(two_people: Path, embedder: Embedder) -> None:
    clip = embed_video(two_people, detector=DiscDetector(), embedder=embedder)
    walker, visitor = clip.tracks
    np.testing.assert_allclose(walker.time_s, TIMES_S, atol=1e-6)
    np.testing.assert_array_equal(visitor.index, np.arange(6, 18))
    places = np.stack([60 + 3 * np.arange(24), np.full(24, 40)], axis=1)
    np.testing.assert_allclose(walker.keypoints, places[:, None] + FIGURE, atol=0.5)
    assert all(embedding.valid.all() for embedding in clip.embeddings)


def test_metadata_says_what_ran(two_people: Path, embedder: Embedder) -> None:
    metadata = embed_video(two_people, detector=DiscDetector(), embedder=embedder, command="poseflow x").metadata
    assert (metadata.source, metadata.frames, metadata.size) == ("two.mp4", 24, (WIDTH, HEIGHT))
    assert metadata.duration_s == pytest.approx(24 / 25, abs=0.04)
    assert metadata.detector == DiscDetector().info
    assert metadata.model.name == embedder.model_id
    assert metadata.model.sha256 == embedder.sha256
    assert (metadata.command, metadata.is_smoothed) == ("poseflow x", True)
    assert metadata.versions["numpy"] == np.__version__


def test_raw_keypoints_are_kept_and_smoothed_ones_embedded(two_people: Path, embedder: Embedder) -> None:
    smooth = embed_video(two_people, detector=DiscDetector(), embedder=embedder)
    raw = embed_video(two_people, detector=DiscDetector(), embedder=embedder, smooth=False)
    for a, b in zip(smooth.tracks, raw.tracks, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
    track = smooth.tracks[0]
    np.testing.assert_array_equal(raw.embeddings[0].vectors, embedder.embed(track.keypoints, track.scores))
    filtered = smooth_track(track)
    np.testing.assert_array_equal(smooth.embeddings[0].vectors, embedder.embed(filtered.keypoints, filtered.scores))
    assert (smooth.metadata.is_smoothed, raw.metadata.is_smoothed) == (True, False)


def test_a_span_keeps_the_time_of_the_source(two_people: Path, embedder: Embedder) -> None:
    clip = embed_video(
        two_people, detector=DiscDetector(), embedder=embedder, start_s=0.2, end_s=0.6, stride_s=0.08, person="id:1"
    )
    np.testing.assert_allclose(clip.tracks[0].time_s, [0.2, 0.28, 0.36, 0.44, 0.52], atol=1e-6)
    np.testing.assert_array_equal(clip.tracks[0].index, [5, 7, 9, 11, 13])
    assert clip.metadata.frames == 5


def test_everybody_is_kept_unless_one_is_chosen(two_people: Path, embedder: Embedder) -> None:
    clip = embed_video(two_people, detector=DiscDetector(), embedder=embedder)
    longest = embed_video(two_people, detector=DiscDetector(), embedder=embedder, person="longest")
    assert (clip.person_ids, longest.person_ids) == ((1, 2), (1,))


def test_a_person_who_leaves_for_a_moment_keeps_the_id_and_has_a_gap(tmp_path: Path, embedder: Embedder) -> None:
    places = [[] if 8 <= i < 18 else [(100, 50)] for i in range(24)]
    path = write_disc_clip(tmp_path / "gap.mp4", TIMES_S, places)
    clip = embed_video(path, detector=DiscDetector(), embedder=embedder)
    (track,), (embedding,) = clip.tracks, clip.embeddings
    assert track.is_seen.tolist() == [not 8 <= i < 18 for i in range(24)]
    np.testing.assert_array_equal(embedding.valid, track.is_seen)
    assert np.isnan(embedding.vectors[8:18]).all()
    assert np.isnan(track.keypoints[8:18]).all()


def test_one_frame_is_embedded(tmp_path: Path, embedder: Embedder) -> None:
    path = write_disc_clip(tmp_path / "one.mp4", [0.0], [[(100, 50)]])
    clip = embed_video(path, detector=DiscDetector(), embedder=embedder)
    assert clip.embeddings[0].valid.tolist() == [True]


def test_a_video_with_nobody_is_nothing_to_score(tmp_path: Path, embedder: Embedder) -> None:
    path = write_disc_clip(tmp_path / "empty.mp4", TIMES_S, [[]] * 24)
    with pytest.raises(NothingToScoreError, match=r"empty\.mp4: no person was found in 24 frames"):
        embed_video(path, detector=DiscDetector(), embedder=embedder)


def test_people_of_whom_too_little_is_seen_are_nothing_to_score(embedder: Embedder) -> None:
    track = static_track(5)
    keypoints = track.keypoints.copy()
    keypoints[:, 5:] = np.nan  # a face alone
    face = replace(track, keypoints=keypoints, scores=np.isfinite(keypoints).all(-1).astype(np.float32))
    with pytest.raises(NothingToScoreError, match="never with enough"):
        embed_people([face], metadata=ClipMetadata("face.mp4", 5), embedder=embedder)


def test_a_cut_off_video_fails_and_leaves_no_file(two_people: Path, tmp_path: Path, embedder: Embedder) -> None:
    content = two_people.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        embed_to_file(cut, tmp_path / "a.parquet", get_detector=DiscDetector, embedder=embedder)
    assert [path.name for path in tmp_path.iterdir()] == ["cut.mp4"]


def test_a_short_gap_is_bridged_for_the_embedding_alone(embedder: Embedder) -> None:
    (embedding,) = embed_tracks([static_track(12, missing=slice(5, 8))], embedder)  # 0.16 s from sighting to sighting
    assert embedding.valid.all()
    (embedding,) = embed_tracks([static_track(12, missing=slice(5, 8))], embedder, smooth=False)
    assert np.flatnonzero(~embedding.valid).tolist() == [5, 6, 7]


def test_another_skeleton_is_stored_as_coco17(embedder: Embedder) -> None:
    order = [COCO17.joints.index(joint) if joint in COCO17.joints else None for joint in BLAZEPOSE33.joints]
    coco = static_track(3)
    keypoints = np.stack(
        [np.full((3, 2), np.nan, np.float32) if i is None else coco.keypoints[:, i] for i in order], axis=1
    )
    scores = np.isfinite(keypoints).all(-1).astype(np.float32)
    full = replace(coco, skeleton=BLAZEPOSE33, keypoints=keypoints, scores=scores)
    (track,) = embed_people([full], metadata=ClipMetadata("x", 3), embedder=embedder).tracks
    np.testing.assert_array_equal(track.keypoints, coco.keypoints)


def test_detecting_is_lazy_and_closes_the_video(two_people: Path, embedder: Embedder) -> None:
    class Failing(DiscDetector):
        frames: Iterator[Frame]

        def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
            self.frames = iter(frames)
            next(self.frames)
            raise RuntimeError("detector broke")
            yield

    detector = Failing()
    with pytest.raises(RuntimeError, match="detector broke"):
        embed_video(two_people, detector=detector, embedder=embedder)
    assert next(detector.frames, None) is None  # closed: a generator that is closed gives nothing more


def test_pictures_are_let_go_as_soon_as_they_are_seen(two_people: Path, embedder: Embedder) -> None:
    pictures: list[weakref.ref] = []
    alive: list[int] = []

    class Counting(DiscDetector):
        def predict(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
            return super().predict(self.counted(frames))

        def counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
            for frame in frames:
                pictures.append(weakref.ref(frame.image))
                alive.append(sum(picture() is not None for picture in pictures))
                yield frame

    embed_video(two_people, detector=Counting(), embedder=embedder)
    assert len(alive) == 24
    assert max(alive) <= 2


def test_own_keypoints_are_embedded_like_those_of_a_detector(tmp_path: Path, embedder: Embedder) -> None:
    track = static_track(6, person_id=4)
    table = {
        "frame": track.index,
        "time_s": track.time_s,
        "person_id": [4] * 6,
        "keypoints": track.keypoints.reshape(6, 34).tolist(),
        "scores": track.scores.tolist(),
    }
    pq.write_table(pa.table(table), tmp_path / "own.parquet")
    clip = embed_keypoints_file(tmp_path / "own.parquet", embedder=embedder)
    (want,) = embed_tracks([track], embedder)
    np.testing.assert_array_equal(clip.embeddings[0].vectors, want.vectors)
    assert (clip.metadata.source, clip.metadata.frames, clip.metadata.detector) == ("own.parquet", 6, None)
    with pytest.raises(ValueError, match="central needs the size"):
        embed_keypoints_file(tmp_path / "own.parquet", embedder=embedder, person="central")


def test_a_saved_clip_is_loaded_as_it_is_or_embedded_anew(two_people: Path, tmp_path: Path, embedder: Embedder) -> None:
    clip = embed_video(two_people, detector=DiscDetector(), embedder=embedder)
    path = tmp_path / "saved.parquet"
    write_clip(path, clip)
    other = Embedder.from_pretrained(save_tiny_model(tmp_path, name="other", seed=1))
    assert load_clip(path).metadata == clip.metadata
    anew = embed_file(path, embedder=other)
    assert anew.metadata.model.name == other.model_id
    assert anew.metadata.detector == clip.metadata.detector
    assert anew.metadata.size == clip.metadata.size
    np.testing.assert_array_equal(anew.tracks[0].keypoints, clip.tracks[0].keypoints)
    with pytest.raises(ValueError, match="cut videos"):
        load_clip(path, start_s=0.1)


def test_a_batch_goes_on_behind_a_broken_file(two_people: Path, tmp_path: Path, embedder: Embedder) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("not a video")
    report = embed_batch([broken, two_people], tmp_path / "out", get_detector=DiscDetector, embedder=embedder)
    assert [job.source for job, _ in report.failed] == [broken]
    assert [told.output for _, told in report.done] == [tmp_path / "out/two.parquet"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["two.parquet"]


def test_existing_outputs_are_left_unless_damaged_or_of_another_model_smoothing_or_film(
    two_people: Path, tmp_path: Path, embedder: Embedder
) -> None:
    target = tmp_path / "two.parquet"
    settings = {"get_detector": DiscDetector, "skip_existing": True}
    assert not embed_to_file(two_people, target, embedder=embedder, **settings).is_skipped
    before = target.stat().st_mtime_ns
    again = embed_to_file(two_people, target, embedder=embedder, **settings)
    assert again.is_skipped
    assert target.stat().st_mtime_ns == before
    assert again.to_json()["people"][0] == {"person_id": 1, "frames": 24, "valid": 24}
    other = Embedder.from_pretrained(save_tiny_model(tmp_path, name="other", seed=1))
    assert not embed_to_file(two_people, target, embedder=other, **settings).is_skipped
    assert not embed_to_file(two_people, target, embedder=other, smooth=False, **settings).is_skipped
    twin = tmp_path / "twin.mp4"
    twin.write_bytes(two_people.read_bytes())
    assert not embed_to_file(twin, target, embedder=other, smooth=False, **settings).is_skipped
    target.write_bytes(b"PAR1")
    assert not embed_to_file(two_people, target, embedder=embedder, **settings).is_skipped
    assert read_clip(target).person_ids == (1, 2)


def test_an_output_that_cannot_be_written_fails_before_the_work(two_people: Path, tmp_path: Path) -> None:
    def get_detector() -> DiscDetector:
        raise AssertionError("work began")

    with pytest.raises(OutputError):
        embed_to_file(two_people, tmp_path / "absent" / "a.parquet", get_detector=get_detector)
    with pytest.raises(OutputError):
        embed_to_file(two_people, tmp_path / "a.parquet", overlay=tmp_path / "no" / "a.mp4", get_detector=get_detector)


def test_the_result_of_one_file_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    assert output_file("clip.mp4", tmp_path / "x.PARQUET") == tmp_path / "x.PARQUET"
    assert output_file("clip.mp4", tmp_path / "new") == tmp_path / "new" / "clip.parquet"
    assert (tmp_path / "new").is_dir()
    with pytest.raises(ValueError, match="name of a file"):
        embed_batch(["a.mp4", "b.mp4"], tmp_path / "x.parquet")


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_poseflow_is_light_and_its_functions_come_at_first_use() -> None:
    code = "import sys, poseflow; heavy = {'numpy', 'torch', 'av', 'cv2', 'mediapipe'} & set(sys.modules); print(heavy)"
    assert run_python(code) == "set()"
    assert run_python("import sys; from poseflow import embed_video; print('torch' in sys.modules)") == "False"


def test_match_is_the_function_even_where_its_module_came_first() -> None:
    code = "import poseflow.match as m; import poseflow; from poseflow import match; print(callable(match))"
    assert run_python(code) == "True"


def test_a_name_that_poseflow_lacks_is_an_attribute_error() -> None:
    import poseflow

    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        poseflow.absent  # noqa: B018
