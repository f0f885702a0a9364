import json

import numpy as np
import pytest

from poseflow.detect.protocol import DetectorInfo, ModelFile
from poseflow.errors import ModelMismatchError, NothingToScoreError
from poseflow.match import MatchSettings, match
from poseflow.match_json import match_json
from poseflow.match_people import match_clips
from poseflow.match_text import match_table
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


def compare(ref, query, *, ref_detector="unknown", query_detector="unknown", query_mirrored=None, **settings):
    return match(
        ref,
        query,
        embedder=DistanceIsError(),
        query_mirrored=query_mirrored,
        ref_detector=ref_detector,
        query_detector=query_detector,
        settings=MatchSettings(**settings),
    )


SECONDS = np.arange(0, 4, 1 / 30)


def test_a_clip_against_itself_is_perfect():
    result = compare(track(SECONDS), track(SECONDS))
    assert (result.score, result.pose_score, result.coverage_score) == pytest.approx((100, 100, 100), abs=1e-3)
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
    assert result.score > 99.5


def test_a_rush_in_the_middle_costs_timing_and_not_pose():
    uneven = np.interp(SECONDS, [0, 1.5, 2, 4], [0, 0.75, 2.0, 4])
    result = compare(track(SECONDS), track(uneven))
    assert result.score > 95
    assert result.timing_score < 75


def test_distance_and_probability_are_those_of_the_pairs_with_their_uncertainty():
    result = compare(track(SECONDS, uncertainty=0.15), track(SECONDS, uncertainty=0.25))
    np.testing.assert_allclose(result.distance, 0.15, atol=1e-6)
    np.testing.assert_allclose(result.probability, np.exp(-0.15), atol=1e-6)
    assert result.score > 99.9  # doubt about keypoints is no fault of the performer


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
    assert result.score == pytest.approx(100, abs=1e-3)
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
    assert compare(track(SECONDS, valid=valid), track(SECONDS), min_coverage=0.2).score > 99.9


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


def test_json_has_the_documented_keys_and_null_for_the_unknown():
    valid = np.ones(len(SECONDS), bool)
    valid[40:70] = False
    written = match_json(compare(track(SECONDS, valid=valid), track(SECONDS), ref_detector="a", query_detector="b"))
    told = json.loads(json.dumps(written, allow_nan=False))
    assert set(told) == {
        "score", "subscores", "match_probability", "is_mirrored", "mirror_margin", "offset_s", "tempo", "tempo_changes",
        "pauses", "coverage", "ref_person", "query_person", "path", "occurrences", "matrix", "feedback", "joints",
        "warnings", "signature",
    }  # fmt: skip
    assert set(told["subscores"]) == {"pose", "timing", "coverage"}
    assert set(told["coverage"]) == {"ref", "query"}
    assert set(told["path"][0]) == {"ref_s", "query_s", "distance", "match_probability"}
    assert sum(step["distance"] is None for step in told["path"]) == 30
    assert told["is_mirrored"] is told["mirror_margin"] is told["matrix"] is None  # not tried: there are no keypoints
    assert told["pauses"] == told["tempo_changes"] == []
    assert told["occurrences"] == told["feedback"] == told["joints"] == []
    assert told["signature"].startswith(
        "poseflow|emb:toy@1|det:a/b|dtw:slope3+charge0.05+pause4/0.01+context0.1s|mirror:auto|"
    )
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


def compare_clips(ref, query, **choices):
    return match_clips(ref, query, embedder=DistanceIsError(), settings=MatchSettings(mirror="off"), **choices)


def test_auto_is_the_best_pair_and_every_score_is_told():
    other, same = SECONDS + 9, SECONDS
    found = compare_clips(clip(other, same), clip(other + 9, other + 18, same))
    assert (found.ref_person, found.query_person) == (2, 3)
    assert found.matrix.ref_persons == (1, 2) and found.matrix.query_persons == (1, 2, 3)
    assert found.matrix.scores[1, 2] == found.score == found.matrix.scores.max() > 99.9
    assert found.matrix.scores.shape == (2, 3)


def test_auto_prefers_who_moves_alike_to_who_stands_alike():
    teacher, student = SECONDS, SECONDS + 0.02 * np.sin(5 * SECONDS) + 0.05
    still = np.full(len(SECONDS), 20.0)
    found = compare_clips(clip(teacher, still), clip(still, student))
    assert (found.ref_person, found.query_person) == (1, 2)
    assert found.matrix.scores[1, 0] > found.score
    assert found.matrix.motion_gains[1, 0] == pytest.approx(0, abs=1e-9)
    assert "query 1: 100 / 100 (still)" in match_table(found)


def test_auto_of_people_who_all_stand_is_the_likest_pair():
    standing = [np.full(len(SECONDS), place) for place in (20.0, 1.0, 20.05)]
    found = compare_clips(clip(standing[0]), clip(*standing[1:]))
    assert found.query_person == 2


def test_motion_gain_is_the_distance_of_moments_in_any_order_less_that_of_the_aligned_ones():
    found = compare(track(SECONDS[:60]), track(SECONDS[:60] + 0.1))
    vectors = [track(phase).vectors.astype(float) for phase in (found.ref_s, found.query_s + 0.1)]
    apart = np.linalg.norm(vectors[0][:, None] - vectors[1], axis=-1)
    assert found.motion_gain == pytest.approx(apart.mean() - np.diagonal(apart).mean(), rel=1e-3)


def test_people_are_chosen_by_id():
    two = clip(SECONDS[:60] + 9, SECONDS)
    chosen = compare_clips(two, clip(SECONDS), ref_person="id:1")
    assert (chosen.ref_person, chosen.query_person) == (1, 1)
    assert chosen.matrix.ref_persons == (1,)
    with pytest.raises(ValueError, match="nobody has the id 7"):
        compare_clips(two, two, query_person="id:7")


def test_auto_leaves_out_who_is_seen_briefly_and_all_does_not():
    passer_by = clip(SECONDS[:20], SECONDS + 9)
    assert compare_clips(passer_by, clip(SECONDS)).ref_person == 2
    assert compare_clips(passer_by, clip(SECONDS), ref_person="all").ref_person == 1


def test_a_pair_that_is_hardly_seen_has_no_score_and_does_not_stop_the_others():
    hidden = clip(SECONDS, SECONDS)
    valid = np.ones(len(SECONDS), bool)
    valid[5:-5] = False
    embeddings = (track(SECONDS, valid=valid), hidden.embeddings[1])
    found = compare_clips(EmbeddedClip(hidden.tracks, embeddings, hidden.metadata), clip(SECONDS), ref_person="all")
    assert found.ref_person == 2
    assert np.isnan(found.matrix.scores[0, 0])
    told = match_json(found)["matrix"]
    assert told == {
        "ref_persons": [1, 2],
        "query_persons": [1],
        "scores": [[None], [found.score]],
        "motion_gains": [[None], [found.motion_gain]],
    }


def test_too_little_of_everybody_is_refused():
    empty = clip(SECONDS)
    embeddings = (track(SECONDS, valid=np.zeros(len(SECONDS), bool)),)
    with pytest.raises(NothingToScoreError):
        compare_clips(EmbeddedClip(empty.tracks, embeddings, empty.metadata), clip(SECONDS))


def test_mirror_on_needs_the_mirror_image():
    with pytest.raises(ValueError, match="query_mirrored"):
        compare(track(SECONDS), track(SECONDS), mirror="on")
    with pytest.raises(ValueError, match="auto, on, off"):
        MatchSettings(mirror="maybe")


def test_the_mirror_image_is_compared_where_it_is_clearly_nearer():
    ref, other = track(SECONDS), track(SECONDS + 9)
    for mirror, query, image, is_mirrored, score in (
        ("auto", other, ref, True, 100),
        ("auto", ref, other, False, 100),
        ("off", ref, other, False, 100),
        ("on", other, ref, True, 100),
        ("on", ref, other, True, 0),
    ):
        found = compare(ref, query, query_mirrored=image, mirror=mirror)
        assert (found.is_mirrored, round(found.score)) == (is_mirrored, score)


def test_a_movement_that_is_its_own_mirror_image_cannot_be_told():
    found = compare(track(SECONDS), track(SECONDS), query_mirrored=track(SECONDS))
    assert found.is_mirrored is None
    assert found.mirror_margin == pytest.approx(0)
    assert found.score == pytest.approx(100, abs=1e-3)


def test_every_occurrence_is_found_best_first():
    pattern = np.arange(0, 1, 1 / 30)
    long = np.concatenate([pattern + 20, pattern, pattern + 40, pattern + 0.04, pattern + 60])
    found = compare(track(pattern), track(long), find_all=True, mirror="off")
    assert [(o.side, round(o.start_s)) for o in found.occurrences] == [("query", 1), ("query", 3)]
    assert found.occurrences[0].score > 99.9 and found.occurrences[0].score >= found.occurrences[1].score
    assert found.occurrences[0].tempo == pytest.approx(1, abs=0.01)
    turned = compare(track(long), track(pattern), find_all=True, mirror="off")
    assert [(o.side, round(o.start_s)) for o in turned.occurrences] == [("ref", 1), ("ref", 3)]


def test_pauses_and_changes_of_tempo_are_told():
    time_s = np.arange(0, 8, 1 / 30)
    held = np.interp(time_s, [0, 3, 5, 8], [0, 3, 3, 6])
    result = compare(track(np.arange(0, 6, 1 / 30)), track(held))
    (pause,) = result.pauses
    assert (pause.side, pause.start_s, pause.end_s) == ("query", pytest.approx(3, abs=0.3), pytest.approx(5, abs=0.3))
    rushed = np.interp(np.arange(0, 6, 1 / 30), [0, 2, 4, 6], [0, 2, 5, 7])
    (change,) = compare(track(np.arange(0, 7, 1 / 30)), track(rushed)).tempo_changes
    assert change.factor == pytest.approx(1.5, rel=0.1)
    assert change.text.startswith("rushed 1.") and "between" in change.text


def test_detectors_are_named_in_the_signature():
    same = compare_clips(clip(SECONDS), clip(SECONDS))
    assert "|det:blazepose:m|" in same.signature
    mixed = compare_clips(clip(SECONDS), clip(SECONDS, detector="mmpose"))
    assert "|det:blazepose:m/mmpose:m|" in mixed.signature
    assert mixed.ref_detector != mixed.query_detector
