"""The years of one child are suggested as one person by time and likeness, not likeness alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.childhood_suggestions import (
    UNKNOWN_DAY,
    join_suggestions,
    suggest_childhoods,
)
from cluster.numerics.suggestions import FacesOfPeople, Suggestion, suggest_pairs

THRESHOLDS = Thresholds(core=0.5, same=0.4, join=0.32, alike=0.6)
NOTHING = np.empty((0, 2), np.int64)
EACH = 6


def turn(degrees: float, count: int = EACH) -> np.ndarray:
    angle = np.radians(degrees)
    return np.repeat(np.array([[np.cos(angle), np.sin(angle), 0]], np.float32), count, axis=0)


def family(
    *, apart_degrees: float = 73.0, later_from: int = 1000
) -> tuple[FacesOfPeople, np.ndarray]:
    """A child at two ages, `apart_degrees` from each other, photographed in sequence."""
    vectors = np.concatenate([turn(0), turn(apart_degrees)])
    person_ids = np.repeat([1, 2], EACH)
    days = np.concatenate([np.linspace(0, 990, EACH), later_from + np.linspace(0, 990, EACH)])
    faces = FacesOfPeople(
        vectors=vectors,
        person_ids=person_ids,
        image_ids=np.arange(2 * EACH),
        qualities=np.ones(2 * EACH, np.float32),
    )
    return faces, days.astype(np.int64)


def suggest(
    faces: FacesOfPeople, days: np.ndarray, answered: np.ndarray = NOTHING
) -> list[Suggestion]:
    return suggest_childhoods(
        faces,
        days,
        answered=answered,
        threshold=THRESHOLDS.same_distance,
        wide_threshold=THRESHOLDS.child_distance,
    )


def test_a_child_at_two_ages_is_suggested_though_likeness_alone_does_not() -> None:
    faces, days = family()
    assert (
        suggest_pairs(faces, answered=NOTHING, threshold=THRESHOLDS.same_distance, least=0.05) == []
    )
    [found] = suggest(faces, days)
    assert {found.first_code, found.second_code} == {1, 2}
    assert found.settles == EACH


def test_two_children_of_the_same_years_are_not_suggested() -> None:
    assert suggest(*family(later_from=0)) == []


def test_without_times_nothing_is_suggested() -> None:
    faces, days = family()
    assert suggest(faces, np.full_like(days, UNKNOWN_DAY)) == []


def test_strangers_are_not_suggested() -> None:
    assert suggest(*family(apart_degrees=85)) == []


def test_an_answered_pair_is_not_suggested_again() -> None:
    faces, days = family()
    assert suggest(faces, days, np.array([[2, 1]])) == []


def test_a_likely_face_is_asked_about_before_an_unlikely_child() -> None:
    [child] = suggest(*family())
    face = replace(child, first_code=5, second_code=-7, likelihood=0.95, settles=1)
    assert join_suggestions([child], [face]) == [face, child]


def test_the_likelier_of_two_suggestions_about_one_pair_is_kept() -> None:
    [found] = suggest(*family())
    [joined] = join_suggestions([found], [found])
    assert joined == found
