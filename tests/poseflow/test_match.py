import json

import numpy as np
import pytest

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.match import anchored_score, evenness, match, match_clips, match_json, overall_tempo
from poseflow.records import ClipMetadata, EmbeddedClip, EmbeddingTrack, PoseTrack
from vvipe.skeleton import COCO17


class DistanceIsError:
    """A scorer of known figures: the error is the distance plus the mean uncertainty beyond 0.05."""

    model_id = "toy@1"
    score_anchors = (0.1, 0.5)

    def expected_error(self, a, b, uncertainty_a=None, uncertainty_b=None):
        distance = np.linalg.norm(a - b, axis=1)
        return distance if uncertainty_a is None else distance + (uncertainty_a + uncertainty_b) / 2 - 0.05

    def match_probability(self, a, b, uncertainty_a=None, uncertainty_b=None):
        return np.exp(-self.expected_error(a, b, uncertainty_a, uncertainty_b))


def track(phase, *, time_s=None, person_id=1, model="toy@1", valid=None, uncertainty=0.05):
    """A track whose embedding draws a curve that never meets itself; `phase` says where on it each frame is."""
    phase = np.asarray(phase, dtype=float)
    time_s = np.arange(len(phase)) / 30 if time_s is None else time_s
    valid = np.ones(len(phase), bool) if valid is None else valid
    vectors = np.stack([np.sin(2.1 * phase), np.cos(1.7 * phase), 0.6 * phase], axis=1).astype(np.float32)
    vectors[~valid] = np.nan
    return EmbeddingTrack(
        person_id=person_id,
        time_s=np.asarray(time_s, dtype=float),
        vectors=vectors,
        uncertainty=np.where(valid, uncertainty, np.nan).astype(np.float32),
        valid=valid,
        model=model,
        root_rotation=np.full((len(phase), 4), np.nan, np.float32),
    )


def compare(ref, query, **settings):
    return match(ref, query, embedder=DistanceIsError(), **settings)


SECONDS = np.arange(0, 4, 1 / 30)


def test_a_clip_against_itself_is_perfect():
    result = compare(track(SECONDS), track(SECONDS))
    assert (result.score, result.pose_score, result.coverage_score) == (100, 100, 100)
    assert result.timing_score == pytest.approx(100)
    assert result.match_probability == pytest.approx(1, abs=1e-5)
    assert result.offset_s == 0
    assert result.tempo == pytest.approx(1)
    assert (result.ref_coverage, result.query_coverage) == (1, 1)


def test_offset_is_query_time_minus_reference_time():
    part = (SECONDS >= 1) & (SECONDS < 3)
    result = compare(track(SECONDS), track(SECONDS[part]))
    assert result.offset_s == pytest.approx(-1)
    assert compare(track(SECONDS[part]), track(SECONDS)).offset_s == pytest.approx(1)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_tempo_is_the_speed_of_the_query(speed):
    phase = np.arange(0, 4, speed / 30)
    result = compare(track(SECONDS), track(phase))
    assert result.tempo == pytest.approx(speed, rel=0.03)
    # A quantised tempo of 1.25 alternates between one and two frames; within half a second that is nearly even.
    assert result.timing_score > 90
    assert result.score == 100


def test_a_rush_in_the_middle_costs_timing_and_not_pose():
    uneven = np.interp(SECONDS, [0, 1.5, 2, 4], [0, 0.75, 2.0, 4])
    result = compare(track(SECONDS), track(uneven))
    assert result.score > 95
    assert result.timing_score < 75


def test_score_is_linear_between_the_anchors():
    assert anchored_score(0.05, (0.1, 0.5)) == 100
    assert anchored_score(0.1, (0.1, 0.5)) == 100
    assert anchored_score(0.2, (0.1, 0.5)) == pytest.approx(75)
    assert anchored_score(0.5, (0.1, 0.5)) == 0
    assert anchored_score(0.9, (0.1, 0.5)) == 0


def test_distance_and_probability_are_those_of_the_pairs_with_their_uncertainty():
    result = compare(track(SECONDS, uncertainty=0.15), track(SECONDS, uncertainty=0.25))
    np.testing.assert_allclose(result.distance, 0.15, atol=1e-6)
    np.testing.assert_allclose(result.probability, np.exp(-0.15), atol=1e-6)
    assert result.score == pytest.approx(anchored_score(0.15, (0.1, 0.5)), abs=1e-3)


def test_uncertain_moments_of_the_longer_clip_do_not_repel_the_path():
    uncertainty = np.where((SECONDS > 1) & (SECONDS < 3), 0.9, 0.05)
    part = (SECONDS >= 1) & (SECONDS < 3)
    result = compare(track(SECONDS, uncertainty=uncertainty), track(SECONDS[part]))
    np.testing.assert_allclose(result.ref_s - result.query_s, 1, atol=1e-6)


def test_unknown_uncertainty_is_left_to_the_model():
    result = compare(track(SECONDS, uncertainty=np.nan), track(SECONDS))
    np.testing.assert_allclose(result.distance, 0, atol=1e-6)


def test_unseen_frames_are_told_as_unknown_and_not_as_errors():
    valid = np.ones(len(SECONDS), bool)
    valid[40:70] = False
    result = compare(track(SECONDS, valid=valid), track(SECONDS))
    assert result.score == 100
    assert result.ref_coverage == pytest.approx(90 / 120)
    assert result.coverage_score == pytest.approx(75)
    is_unknown = np.isnan(result.distance)
    assert is_unknown.sum() == 30
    np.testing.assert_array_equal(is_unknown, np.isnan(result.probability))


def test_too_little_in_sight_is_refused():
    valid = np.zeros(len(SECONDS), bool)
    valid[:20] = valid[-20:] = True
    with pytest.raises(NothingToScoreError, match="33%") as refusal:
        compare(track(SECONDS, valid=valid), track(SECONDS))
    assert refusal.value.exit_code == 4
    assert compare(track(SECONDS, valid=valid), track(SECONDS), min_coverage=0.2).score == 100


def test_nobody_in_sight_is_refused():
    with pytest.raises(NothingToScoreError, match="reference"):
        compare(track(SECONDS, valid=np.zeros(len(SECONDS), bool)), track(SECONDS))


def test_models_must_agree():
    with pytest.raises(ModelMismatchError, match=r"toy@1.*other@2"):
        compare(track(SECONDS), track(SECONDS, model="other@2"))
    with pytest.raises(ModelMismatchError, match=r"other@2.*toy@1"):
        compare(track(SECONDS, model="other@2"), track(SECONDS, model="other@2"))


def test_coverage_floor_must_be_a_share():
    with pytest.raises(ValueError, match="min_coverage"):
        compare(track(SECONDS), track(SECONDS), min_coverage=50)


@pytest.mark.parametrize(("ref", "query"), [(1, 1), (1, 60), (60, 1), (3, 2)])
def test_shortest_clips_have_a_score_and_no_invented_tempo(ref, query):
    result = compare(track(SECONDS[:ref]), track(SECONDS[:query]))
    assert result.score > 0
    assert np.isnan(result.tempo) and np.isnan(result.timing_score)


def test_tempo_ignores_a_minority_of_odd_steps():
    ref_s = np.arange(100) / 30
    query_s = ref_s / 2
    query_s[45:55] += np.linspace(0, 0.01, 10)
    assert overall_tempo(ref_s, query_s) == pytest.approx(2, rel=0.02)


def test_evenness_of_a_tempo_that_is_off_by_the_limit_is_zero():
    ref_s = np.arange(200) / 30
    assert evenness(ref_s, ref_s / 3, step_s=1 / 30, tempo=1.0) == pytest.approx(0, abs=1e-6)
    assert evenness(ref_s, ref_s / 3, step_s=1 / 30, tempo=3.0) == pytest.approx(100)
    assert evenness(ref_s, ref_s / np.sqrt(3), step_s=1 / 30, tempo=1.0) == pytest.approx(50)


def test_json_has_the_documented_keys_and_null_for_the_unknown():
    valid = np.ones(len(SECONDS), bool)
    valid[40:70] = False
    written = match_json(compare(track(SECONDS, valid=valid), track(SECONDS), ref_detector="a", query_detector="b"))
    told = json.loads(json.dumps(written, allow_nan=False))
    assert set(told) == {
        "score", "subscores", "match_probability", "offset_s", "tempo", "coverage", "ref_person", "query_person",
        "path", "occurrences", "feedback", "joints", "signature",
    }  # fmt: skip
    assert set(told["subscores"]) == {"pose", "timing", "coverage"}
    assert set(told["coverage"]) == {"ref", "query"}
    assert set(told["path"][0]) == {"ref_s", "query_s", "distance", "match_probability"}
    assert sum(step["distance"] is None for step in told["path"]) == 30
    assert told["occurrences"] == told["feedback"] == told["joints"] == []
    assert told["signature"].startswith("poseflow|emb:toy@1|det:a/b|dtw:slope3+charge0.05|v")
    known = [step["match_probability"] for step in told["path"] if step["match_probability"] is not None]
    assert told["match_probability"] == pytest.approx(np.mean(known))


def test_json_of_one_frame_has_null_for_tempo_and_timing():
    told = match_json(compare(track([0.0]), track([0.0])))
    assert told["tempo"] is None and told["subscores"]["timing"] is None


def clip(*phases, detector="blazepose", width=50.0):
    """A clip of one person for each phase; persons differ in size by their order."""
    embeddings = tuple(track(phase, person_id=i) for i, phase in enumerate(phases, start=1))
    tracks = []
    for i, embedding in enumerate(embeddings, start=1):
        frames = len(embedding.time_s)
        corner = np.array([0, 0, width * i, 2 * width * i], np.float32)
        tracks.append(
            PoseTrack(
                person_id=i,
                skeleton=COCO17,
                index=np.arange(frames),
                time_s=embedding.time_s,
                keypoints=np.random.default_rng(i).random((frames, 17, 2)).astype(np.float32) * corner[2:],
                scores=np.ones((frames, 17), np.float32),
                boxes=np.tile(corner, (frames, 1)),
                box_scores=np.ones(frames, np.float32),
            )
        )
    info = DetectorInfo(detector, (ModelFile("m", "0" * 64),), "cpu")
    metadata = ClipMetadata(source="clip.mp4", frames=len(SECONDS), size=(640, 480), detector=info)
    return EmbeddedClip(tuple(tracks), embeddings, metadata)


def test_people_are_chosen_by_id_or_automatically():
    two = clip(SECONDS[:60] + 9, SECONDS)
    alone = clip(SECONDS)
    chosen = match_clips(two, alone, ref_person="id:1", embedder=DistanceIsError())
    assert (chosen.ref_person, chosen.query_person) == (1, 1)
    largest = match_clips(two, alone, embedder=DistanceIsError())
    assert largest.ref_person == 2 and largest.score == 100


def test_several_people_cannot_be_one_side():
    with pytest.raises(ValueError, match="one person is compared"):
        match_clips(clip(SECONDS, SECONDS), clip(SECONDS), ref_person="all", embedder=DistanceIsError())
    with pytest.raises(ValueError, match="one person is compared"):
        match_clips(clip(SECONDS), clip(SECONDS), query_person="all", embedder=DistanceIsError())


def test_detectors_are_named_in_the_signature():
    same = match_clips(clip(SECONDS), clip(SECONDS), embedder=DistanceIsError())
    assert "|det:blazepose:m|" in same.signature
    mixed = match_clips(clip(SECONDS), clip(SECONDS, detector="mmpose"), embedder=DistanceIsError())
    assert "|det:blazepose:m/mmpose:m|" in mixed.signature
    assert mixed.ref_detector != mixed.query_detector
