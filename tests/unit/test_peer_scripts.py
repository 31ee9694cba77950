"""bench/peers.py and bench/calibrate.py choose on some identities and score on others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import calibrate, peers
from bench.agreement import FaceScores
from bench.labelled_faces import LabelledFaces, label_faces, save_faces
from cluster.core.identity.faces import BoundingBox, Face
from cluster.numerics.distinct import find_distinct
from tests.unit.embeddings import normalize

PLACE = ((0.0, 0.0),) * 5


def make_library(people: int = 6, faces_each: int = 6) -> LabelledFaces:
    """Return faces of labelled people, and as many unlabelled faces of strangers."""
    rng = np.random.default_rng(0)
    count = people * faces_each
    means = np.repeat(np.eye(people, 64), faces_each, axis=0)
    known = means + 0.05 * rng.standard_normal(means.shape)
    vectors = np.concatenate([known, rng.standard_normal((count, 64))])
    return LabelledFaces(
        pack="buffalo_s_standin",
        vectors=normalize(vectors),
        photos=np.tile(np.arange(count), 2),
        qualities=np.full(2 * count, 0.9, np.float32),
        identities=np.concatenate([np.repeat(np.arange(people), faces_each), np.full(count, -1)]),
    )


@pytest.mark.parametrize("script", [peers, calibrate])
def test_kept_faces_are_measured_without_photos(
    script: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_faces(make_library(), tmp_path / "faces")
    options = ["--photos", "none", "--pack", "none", "--vectors", str(tmp_path / "faces"), "--json"]
    monkeypatch.setattr("sys.argv", ["script", *options])
    script.main()  # type: ignore[attr-defined]
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["pack"] == "buffalo_s_standin"
    if script is peers:
        ours = figures["methods"][0]
        assert ours["method"] == "Headcount"
        assert ours["default"]["bcubed_f"] == ours["best"]["bcubed_f"] == 1.0
        assert figures["answers"][0]["Headcount's suggestions"]["answers_until_right"] == 0
    else:
        assert figures["held_out_f"] == 1.0
        assert figures["stranger_pairs"] == 36


def test_a_parameter_is_scored_on_the_identities_that_it_was_not_chosen_on() -> None:
    """Each of two results is right for one person only, and is never scored where it was chosen."""
    faces = make_library(people=2)
    labels = faces.identities
    one, other = (np.where(labels == person, labels, -1) for person in (0, 1))
    tried = [peers.Result("m", str(at), groups, 0.0) for at, groups in enumerate((one, other))]
    scores, _ = peers.hold_out(tried, faces, splits=1)
    assert scores.average().recall == pytest.approx(1 / 6)


def test_the_best_is_chosen_among_some_faces() -> None:
    ones, zeros = np.ones(2), np.array([1.0, 0.0])
    scores = [FaceScores(ones, zeros, np.arange(2)), FaceScores(ones, zeros[::-1], np.arange(2))]
    assert calibrate.choose_best(scores, np.array([True, False])) == 0
    assert calibrate.choose_best(scores, np.array([False, True])) == 1


def test_the_tree_is_computed_once() -> None:
    span = calibrate.remember_tree()
    distinct = find_distinct(make_library().vectors)
    assert span(distinct) is span(distinct)


def test_the_label_of_a_photo_belongs_to_its_largest_face() -> None:
    def face(side: float, number: float) -> Face:
        vector = np.array([number, 1.0], "<f4").tobytes()
        return Face(BoundingBox(0, 0, side, side), PLACE, 0.9, 0.8, vector, b"")

    found = {"b": (face(20, 1), face(90, 2)), "a": (face(30, 3),), "c": ()}
    labels = {"a": "Zoe", "b": "Anna", "c": "Ben"}
    faces = label_faces(found, labels, pack="some")
    assert faces.vectors[:, 0].tolist() == [3, 1, 2]
    assert faces.photos.tolist() == [0, 1, 1]
    assert faces.identities.tolist() == [2, -1, 0]
