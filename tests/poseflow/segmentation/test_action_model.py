"""Kept models: the same labels on other clips, on disk and back, and files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from saved_tracks import FPS, embedding_track
from tiny_model import save_tiny_model

from poseflow import segment
from poseflow.errors import FileFormatError, ModelMismatchError, NothingToScoreError
from poseflow.records import EmbeddingTrack
from poseflow.segmentation.action_model import ActionModel, fit_actions
from poseflow.segmentation.model_file import read_actions, write_actions
from poseflow.segmentation.settings import SegmentSettings
from vvipe import Embedder

A, B, C = 0, 1, 2


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.from_pretrained(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def model(embedder: Embedder) -> ActionModel:
    return fit_actions([clip(embedder, (A, 30), (B, 30)), clip(embedder, (B, 20), (A, 20), seed=5)], embedder=embedder)


def clip(embedder: Embedder, *parts: tuple[int, float], seed: int = 0) -> EmbeddingTrack:
    """Movements that come again every second, one after the other, each kind in a plane of its own."""
    curves = []
    for kind, seconds in parts:
        turn = 2 * np.pi * np.arange(round(seconds * FPS)) / FPS
        curve = np.zeros((len(turn), 8))
        curve[:, 2 * kind], curve[:, 2 * kind + 1] = 4 + 3 * np.sin(turn), 3 * np.cos(turn)
        curves.append(curve)
    noise = 0.05 * np.random.default_rng(seed).normal(size=(sum(map(len, curves)), 8))
    return embedding_track(np.concatenate(curves) + noise, model=embedder.model_id)


def labelled(embedder: Embedder, model: ActionModel, track: EmbeddingTrack) -> list[tuple[str, float]]:
    return [(s.label, s.start_s) for s in segment(track, embedder=embedder, model=model).segments]


def test_new_clips_get_the_labels_of_the_clips_that_were_fitted(embedder: Embedder, model: ActionModel) -> None:
    assert model.names == ("1", "2"), "A came first, B second"
    found = labelled(embedder, model, clip(embedder, (B, 12), (A, 12), (B, 12), seed=9))
    assert [label for label, _ in found] == ["2", "1", "2"]
    assert [start for _, start in found] == pytest.approx([0, 12, 24], abs=0.7)


def test_a_clip_of_one_action_keeps_its_label(embedder: Embedder, model: ActionModel) -> None:
    assert [label for label, _ in labelled(embedder, model, clip(embedder, (B, 10), seed=3))] == ["2"]


def test_what_the_model_never_saw_stays_unlabelled(embedder: Embedder, model: ActionModel) -> None:
    found = segment(clip(embedder, (A, 15), (C, 15)), embedder=embedder, model=model).segments
    assert [s.label for s in found] == ["1"] and found[0].end_s == pytest.approx(15, abs=0.7)


def test_labels_do_not_depend_on_the_order_of_what_is_in_the_clip(embedder: Embedder, model: ActionModel) -> None:
    one, other = (labelled(embedder, model, clip(embedder, *p)) for p in [((A, 10), (B, 10)), ((B, 10), (A, 10))])
    assert [label for label, _ in one] == [label for label, _ in other][::-1] == ["1", "2"]


def test_a_model_comes_back_from_its_file_as_it_was(embedder: Embedder, model: ActionModel, tmp_path: Path) -> None:
    write_actions(tmp_path / "a.model", model)
    back = read_actions(tmp_path / "a.model")
    track = clip(embedder, (B, 10), (A, 10), seed=4)
    assert back.names == model.names and back.settings == model.settings and back.sha256 == model.sha256
    assert segment(track, embedder=embedder, model=back) == segment(track, embedder=embedder, model=model)


def test_renamed_labels_come_back_by_their_names(embedder: Embedder, model: ActionModel, tmp_path: Path) -> None:
    write_actions(tmp_path / "a.model", model.renamed({"2": "squat"}))
    found = labelled(embedder, read_actions(tmp_path / "a.model"), clip(embedder, (A, 10), (B, 10)))
    assert [label for label, _ in found] == ["1", "squat"]


@pytest.mark.parametrize(("names", "said"), [({"7": "squat"}, "no label 7; there are 1, 2"), ({"1": "2"}, "differ")])
def test_names_that_do_not_go_are_refused(model: ActionModel, names: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model.renamed(names)


def test_a_model_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file; make a model with `poseflow segment --fit"):
        read_actions(tmp_path / "none.model")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04\x95pickle", b"{}"])
def test_other_files_are_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.model"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"a\.model: cannot be read as a kept model .* make it again"):
        read_actions(path)


def test_safetensors_of_something_else_is_told(tmp_path: Path) -> None:
    save_file({"weights": np.zeros(3, np.float32)}, tmp_path / "net.safetensors")
    with pytest.raises(FileFormatError, match="no kept model"):
        read_actions(tmp_path / "net.safetensors")


def test_a_file_cut_short_is_told(model: ActionModel, tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    write_actions(path, model)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileFormatError, match="cannot be read as a kept model"):
        read_actions(path)


def test_a_file_whose_numbers_changed_is_told(model: ActionModel, tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    write_actions(path, model)
    header, arrays = stored(path)
    arrays["evidence"][0, 0] += 1
    save_file(arrays, path, metadata={"poseflow": json.dumps(header)})
    with pytest.raises(FileFormatError, match="damaged"):
        read_actions(path)


def test_a_file_of_a_later_version_is_told(model: ActionModel, tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    write_actions(path, model)
    header, arrays = stored(path)
    save_file(arrays, path, metadata={"poseflow": json.dumps(header | {"model_version": 99})})
    with pytest.raises(FileFormatError, match="version 99, this poseflow reads 1: fit it again"):
        read_actions(path)


def stored(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays as they are in the file."""
    with safe_open(str(path), framework="numpy") as file:
        return json.loads(file.metadata()["poseflow"]), {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118


def test_a_model_of_other_embeddings_is_told(embedder: Embedder, model: ActionModel) -> None:
    other = replace(model, embedding_model="other@1")
    with pytest.raises(ModelMismatchError, match="other@1"):
        segment(clip(embedder, (A, 10)), embedder=embedder, model=other)


def test_without_a_clip_or_anything_repeated_nothing_is_fitted(embedder: Embedder) -> None:
    with pytest.raises(NothingToScoreError, match="no clip to learn actions from"):
        fit_actions([], embedder=embedder)
    with pytest.raises(NothingToScoreError, match="give more clips"):
        fit_actions([clip(embedder, (A, 2))], embedder=embedder)


def test_other_methods_cannot_be_kept(embedder: Embedder) -> None:
    with pytest.raises(ValueError, match="hdbscan"):
        fit_actions([clip(embedder, (A, 5))], embedder=embedder, settings=SegmentSettings(method="kmeans"))
