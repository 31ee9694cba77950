"""The figures of bench/peers.py and bench/calibrate.py: agreement, rules of peers, answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bench.accuracy import compare
from bench.agreement import (
    FaceScores,
    count_conflicts,
    drop_pairs,
    score_bcubed,
    score_faces,
)
from bench.labelled_faces import LabelledFaces, list_halves, load_faces, save_faces
from bench.peer_methods import group_as_immich, group_as_photoprism, group_by_dbscan
from bench.simulated_user import (
    Album,
    Precision,
    Reply,
    answer_suggestions,
    count_merges,
    follow,
    measure_precision,
    merge_all_knowing,
    merge_only,
)

SAME_DISTANCE = 1.1


def turn(*degrees: float) -> npt.NDArray[np.float32]:
    """Return vectors of length 1 in a plane, at these angles."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def make_people(*sizes: int, noise: float = 0.05) -> npt.NDArray[np.float32]:
    """Return faces of people who do not look alike."""
    rng = np.random.default_rng(0)
    means = np.repeat(np.eye(len(sizes), 64), sizes, axis=0)
    vectors = means + noise * rng.standard_normal(means.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def open_album(sizes: list[int], groups: list[int], labels: list[int] | None = None) -> Album:
    count = sum(sizes)
    return Album(
        vectors=make_people(*sizes),
        photos=np.arange(count),
        labels=np.repeat(np.arange(len(sizes)), sizes) if labels is None else np.array(labels),
        qualities=np.ones(count, np.float32),
        is_asked_about=np.ones(count, bool),
        groups=np.array(groups),
    )


def test_scores_of_faces_average_to_bcubed() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, -1])
    groups = np.array([0, 0, 1, 1, 1, -1, 0])
    score = score_faces(labels, groups).average()
    expected = score_bcubed(labels[:6].tolist(), [0, 0, 1, 1, 1, "alone"])
    assert (score.precision, score.recall) == pytest.approx(expected)
    assert score_faces(np.array([-1]), np.array([0])).average().f == 1.0


def test_the_accuracy_of_a_session_is_compared_as_before() -> None:
    figures = compare({"a": "Anna", "b": "Anna", "c": "Ben"}, {"a": 1, "b": 1, "c": None})
    assert figures["bcubed_f"] == 1.0
    assert figures["ungrouped_share"] == pytest.approx(1 / 3, abs=1e-4)


def test_a_resample_is_the_same_for_the_same_seed() -> None:
    scores = FaceScores(np.linspace(0, 1, 9), np.linspace(1, 0, 9), np.repeat(np.arange(3), 3))
    assert scores.resample(seed=1) == scores.resample(seed=1)
    assert scores.resample(seed=1) != scores.resample(seed=2)
    assert len(scores.resample(seed=1)) == 200


def test_identities_are_resampled_whole() -> None:
    """An identity whose faces are all right or all wrong moves the mean in steps of its size."""
    scores = FaceScores(np.array([1.0] * 4 + [0.0] * 4), np.ones(8), np.repeat([0, 1], 4))
    assert {one.precision for one in scores.resample(seed=0)} == {0.0, 0.5, 1.0}


def test_a_photo_with_a_person_twice_is_a_conflict_once() -> None:
    photos = np.array([0, 0, 0, 1, 1, 2])
    assert count_conflicts(np.array([5, 5, 5, 5, 4, 5]), photos) == 1
    assert count_conflicts(np.array([-1, -1, -1, 0, 1, 0]), photos) == 0


def test_two_faces_are_no_person() -> None:
    assert drop_pairs(np.array([0, 0, 1, 1, 1, -1])).tolist() == [-1, -1, 1, 1, 1, -1]


def test_identities_are_in_one_half_only() -> None:
    labels = np.array([0, 0, 1, 2, 3, 3, -1])
    for first, second in list_halves(labels, splits=3):
        assert not set(labels[first]) & set(labels[second])
        assert (first | second).tolist() == [True] * 6 + [False]


def test_faces_are_read_as_they_were_kept(tmp_path: Path) -> None:
    faces = LabelledFaces(
        pack="some",
        vectors=turn(0, 90),
        photos=np.array([0, 0]),
        qualities=np.array([0.9, 0.1], np.float32),
        identities=np.array([7, -1]),
    )
    save_faces(faces, tmp_path / "faces")
    found = load_faces(tmp_path / "faces")
    assert found.pack == "some"
    assert found.is_seed.tolist() == [True, False]
    assert found.is_labelled.tolist() == [True, False]
    assert (found.vectors == faces.vectors).all()


def test_immich_puts_a_face_of_few_neighbours_off_until_there_is_a_person() -> None:
    """0.2 is 36 degrees: the first face has one neighbour, which is a core."""
    vectors = turn(0, 30, 40, 50, 180, 210)
    assert group_as_immich(vectors, 0.2).tolist() == [0, 0, 0, 0, -1, -1]


def test_immich_founds_a_person_for_each_core_that_is_near_no_other() -> None:
    vectors = turn(0, 5, 10, 100, 105, 110, 300)
    assert group_as_immich(vectors, 0.2).tolist() == [0, 0, 0, 1, 1, 1, -1]


def test_photoprism_matches_a_face_to_the_nearest_cluster() -> None:
    """The radius of the cluster is 0.13; a face 0.56 from its mean still matches it."""
    vectors = turn(0, 5, 10, 15, 40, 90)
    assert group_as_photoprism(vectors, 0.2).tolist() == [0, 0, 0, 0, 0, -1]
    assert (group_as_photoprism(turn(0, 90), 0.2) == -1).all()


def test_dbscan_groups_three_faces_and_not_two() -> None:
    assert group_by_dbscan(turn(0, 5, 10, 100, 105), 0.1).tolist() == [0, 0, 0, -1, -1]


def test_a_user_merges_what_is_suggested() -> None:
    album = open_album([6, 4], groups=[0, 0, 0, 1, 1, 1, 2, 2, 2, -1])
    course = follow(album, answer_suggestions(SAME_DISTANCE))
    assert course.find_right() == 2
    assert course.scores[-1] == 1.0
    assert len(set(album.groups[:6])) == len(set(album.groups[6:])) == 1


def test_two_faces_of_somebody_become_a_person() -> None:
    album = open_album([2, 3], groups=[-1, -1, 0, 0, 0])
    assert follow(album, answer_suggestions(SAME_DISTANCE)).find_right() == 1


def test_what_nobody_suggests_is_put_right_by_hand() -> None:
    album = open_album([4], groups=[0, 0, 0, -1])
    album.is_asked_about[3] = False
    assert follow(album, answer_suggestions(SAME_DISTANCE)).find_right() == 1


def test_no_question_is_asked_twice_and_one_about_unlabelled_faces_counts() -> None:
    """By the labels, the two groups are different people; the last face has no label."""
    album = open_album([7], groups=[0, 0, 0, 1, 1, 1, -1], labels=[0, 0, 0, 1, 1, 1, -1])
    replies = list(answer_suggestions(SAME_DISTANCE)(album))
    assert sorted(replies) == [Reply.NO, Reply.NOT_SURE, Reply.NOT_SURE]
    assert len(set(album.answered)) == 3


def test_a_user_gives_up() -> None:
    album = open_album([3, 3], groups=[0] * 3 + [0] * 3)
    course = follow(album, answer_suggestions(SAME_DISTANCE))
    assert course.find_right() is None
    assert course.score_after(100) == course.scores[0] < 0.995


def test_merging_only_costs_a_look_at_everybody_and_an_answer_for_each_face() -> None:
    groups = [0, 0, 0, 1, 1, 1, -1, 2, 2, 2, -1]
    replies = list(merge_only(open_album([7, 4], groups=groups)))
    assert replies == [Reply.YES, Reply.NO, Reply.YES, Reply.YES]
    all_knowing = list(merge_all_knowing(open_album([7, 4], groups=groups)))
    assert all_knowing == [Reply.YES] * 3


def test_a_stranger_needs_no_answer() -> None:
    album = open_album([3, 1, 2], groups=[0, 0, 0, -1, -1, -1])
    assert list(merge_only(album)) == [Reply.YES, Reply.YES]
    assert album.groups.tolist() == [0, 0, 0, -1, 1, 1]


def test_precision_is_that_of_suggestions_with_two_labels() -> None:
    album = open_album([7], groups=[0, 0, 0, 1, 1, 1, -1], labels=[0, 0, 0, 0, 0, 0, -1])
    assert measure_precision(album, distance=SAME_DISTANCE) == Precision(1, 1, 3, possible=1)


def test_right_merges_are_counted_among_sides_that_may_be_asked_about() -> None:
    album = open_album([6, 2, 1], groups=[0, 0, 0, 1, 1, 1, -1, -1, -1])
    assert count_merges(album) == 2
    album.is_asked_about[6] = False
    assert count_merges(album) == 1
