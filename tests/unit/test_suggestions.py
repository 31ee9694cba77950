"""Which sides are suggested as the same person, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from cluster.core.identity.same_person import SuggestionKind
from cluster.numerics import suggestions
from cluster.numerics.suggestions import FacesOfPeople, Suggestion, code_sides, suggest_pairs
from tests.unit.embeddings import normalize

THRESHOLD = 1.0
NONE = np.empty((0, 2), np.int64)


def faces_at(
    angles: Sequence[float],
    people: Sequence[int],
    *,
    images: Sequence[int] | None = None,
    named: Sequence[int] = (),
) -> FacesOfPeople:
    """Return faces on a circle, at these angles in degrees, each in a photo of its own."""
    turns = np.radians(np.array(angles))
    count = len(angles)
    return FacesOfPeople(
        vectors=np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32),
        person_ids=np.array(people, np.int64),
        image_ids=np.array(range(count) if images is None else images, np.int64),
        qualities=np.ones(count, np.float32),
        named=np.array(named, np.int64),
    )


def suggest(faces: FacesOfPeople, answered: npt.NDArray[np.int64] = NONE) -> list[Suggestion]:
    return suggest_pairs(faces, answered=answered, threshold=THRESHOLD)


def codes_of(found: Sequence[Suggestion]) -> list[tuple[int, int]]:
    return [(one.first_code, one.second_code) for one in found]


def test_without_faces_nothing_is_suggested() -> None:
    empty = np.empty(0, np.int64)
    faces = FacesOfPeople(
        vectors=np.empty((0, 8), np.float32),
        person_ids=empty,
        image_ids=empty,
        qualities=np.empty(0, np.float32),
    )
    assert suggest(faces) == []


def test_two_people_a_face_and_a_person_and_two_faces_are_the_three_kinds() -> None:
    faces = faces_at([0, 1, 20, 21, 100, 120, 220, 240], [1, 1, 2, 2, 3, -1, -1, -1])
    found = {one.kind: (one.first_code, one.second_code) for one in suggest(faces)}
    assert found == {
        SuggestionKind.PEOPLE: (1, 2),
        SuggestionKind.PLACE: (3, -6),
        SuggestionKind.PAIR: (-7, -8),
    }


def test_sides_beyond_the_limit_are_not_suggested() -> None:
    assert suggest(faces_at([0, 100], [-1, -1])) == []
    assert suggest_pairs(
        faces_at([0, 100], [-1, -1]), answered=NONE, threshold=THRESHOLD, limit=2.0
    )


def test_what_is_hardly_ever_answered_yes_can_be_left_out() -> None:
    faces = faces_at([0, 65], [-1, -1])
    assert suggest(faces)[0].likelihood < 0.5
    assert suggest_pairs(faces, answered=NONE, threshold=THRESHOLD, least=0.5) == []


def test_an_answer_that_settles_more_faces_comes_first() -> None:
    faces = faces_at(
        [*[0] * 5, *[30] * 5, 100, 130, *[200] * 2, *[230] * 2],
        [1] * 5 + [2] * 5 + [-1, -1, 3, 3, 4, 4],
    )
    found = suggest(faces)
    assert [one.settles for one in found] == [5, 2, 1]
    assert codes_of(found)[0] == (1, 2)


def test_of_equal_suggestions_those_with_names_then_the_larger_come_first() -> None:
    faces = faces_at(
        [100, 100, 110, 200, 210, 300, 310],
        [2, 2, -1, 3, -1, -1, -1],
        named=[3],
    )
    assert codes_of(suggest(faces)) == [(3, -5), (2, -3), (-6, -7)]


def test_what_was_answered_is_not_suggested_in_either_order() -> None:
    faces = faces_at([0, 10, 20], [1, -1, -1])
    answered = np.array([[-2, 1], [-2, -3]], np.int64)
    assert codes_of(suggest(faces, answered)) == [(1, -3)]


def test_the_side_of_a_face_is_its_person_or_itself() -> None:
    person_ids = np.array([7, -1, 7], np.int64)
    assert code_sides(person_ids, np.array([[0, 1], [2, 1]])).tolist() == [[7, -2], [7, -2]]


def test_two_faces_of_one_photo_are_suggested_only_when_very_alike() -> None:
    assert suggest(faces_at([0, 50], [-1, -1], images=[5, 5])) == []
    assert len(suggest(faces_at([0, 5], [-1, -1], images=[5, 5]))) == 1


def test_two_people_who_meet_in_a_photo_are_not_suggested() -> None:
    angles, people = [0, 1, 40, 41], [1, 1, 2, 2]
    assert len(suggest(faces_at(angles, people))) == 1
    assert suggest(faces_at(angles, people, images=[1, 2, 2, 3])) == []


def test_the_larger_side_is_the_first_and_is_shown_by_the_face_most_alike() -> None:
    [one] = suggest(faces_at([30, 0, 5, 12], [-1, 1, 1, 1]))
    assert (one.first_code, one.second_code, one.first, one.second) == (1, -1, 3, 0)


def test_sizes_count_when_not_all_faces_of_a_person_were_loaded() -> None:
    faces = faces_at([0, 20], [1, 2])
    counted = FacesOfPeople(
        vectors=faces.vectors,
        person_ids=faces.person_ids,
        image_ids=faces.image_ids,
        qualities=faces.qualities,
        sizes=np.array([40, 90], np.int64),
    )
    [one] = suggest(counted)
    assert (codes_of([one]), one.settles) == ([(2, 1)], 40)


def make_library(seed: int, *, people: int = 60, faces_each: int = 6) -> FacesOfPeople:
    """Return people of whom each has some faces apart: every third face is ungrouped."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, 64))
    ids = np.repeat(np.arange(people), faces_each)
    vectors = normalize(centres[ids] + 0.6 * rng.standard_normal((len(ids), 64)))
    person_ids = np.where(np.arange(len(ids)) % 3 == 0, -1, ids)
    return FacesOfPeople(
        vectors=vectors,
        person_ids=person_ids,
        image_ids=np.arange(len(ids)),
        qualities=rng.random(len(ids), np.float32),
    )


def test_many_sides_are_screened_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = make_library(0)
    exact = suggest(faces)
    monkeypatch.setattr(suggestions, "SCREEN_ABOVE", 0)
    monkeypatch.setattr(suggestions, "SCREEN_DIMENSIONS", 48)
    monkeypatch.setattr(suggestions, "BLOCK", 16)
    screened = suggest(faces)
    assert len(exact) >= 60
    assert codes_of(screened)[:60] == codes_of(exact)[:60]


def test_a_full_pool_keeps_the_nearest_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = make_library(1)
    exact = suggest(faces)
    monkeypatch.setattr(suggestions, "POOL", 150)
    monkeypatch.setattr(suggestions, "BLOCK", 8)
    assert codes_of(suggest(faces))[:100] == codes_of(exact)[:100]


def test_suggestions_do_not_depend_on_when_they_are_computed() -> None:
    assert suggest(make_library(2)) == suggest(make_library(2))


def test_a_user_who_answers_all_suggestions_rightly_joins_what_belongs_together() -> None:
    """A yes joins people, a no is remembered, and the suggestions come to an end."""
    faces = make_library(3, people=12)
    truth = np.repeat(np.arange(12), 6)
    person_ids, answered = faces.person_ids.copy(), NONE
    for _ in range(500):
        now = FacesOfPeople(
            vectors=faces.vectors,
            person_ids=person_ids,
            image_ids=faces.image_ids,
            qualities=faces.qualities,
        )
        found = suggest_pairs(now, answered=answered, threshold=THRESHOLD, limit=1.3, most=1)
        if not found:
            break
        one = found[0]
        codes = code_sides(person_ids, np.arange(len(person_ids)))
        if truth[one.first] == truth[one.second]:
            is_side = (codes == one.first_code) | (codes == one.second_code)
            person_ids[is_side] = max(one.first_code, one.second_code, 100 + one.first)
        else:
            answered = np.concatenate([answered, [[one.first_code, one.second_code]]])
    assert found == []
    assert len(set(person_ids.tolist())) == 12
    assert (person_ids >= 0).all()
