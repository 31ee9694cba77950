"""Suggests people who may be one child in different years, by time and likeness.

Their faces are less alike than those of one person in one year, so likeness alone does not suggest
them. The pairs come from `childhood.find_childhoods`, and are never merged without an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cluster.numerics.childhood import Appearances, Childhood, find_childhoods
from cluster.numerics.suggestions import (
    FacesOfPeople,
    Ints,
    Sides,
    Suggestion,
    are_answered,
    describe_pair,
    find_sides,
)

CHILD_CHANCE = 0.1
"""The probability of a yes for the likeliest pair. Likeness and time are weak evidence: of 94
labelled pairs of people farther apart than the threshold, none was one person."""

UNKNOWN_DAY = -(1 << 40)
"""The day of a photo whose time is not known."""


def suggest_childhoods(
    faces: FacesOfPeople, days: Ints, *, answered: Ints, threshold: float, wide_threshold: float
) -> list[Suggestion]:
    """Return pairs of people who may be one child, the likeliest first.

    `days` int64 (n,) is the day of each face's photo, UNKNOWN_DAY when its time is not known;
    `answered` int64 (k, 2) as in `suggest_pairs`. `threshold` and `wide_threshold` are those of
    `find_childhoods`.
    """
    sides = find_sides(faces)
    people = int((sides.codes >= 0).sum())
    appearances = [_find_appearances(faces, days, sides.rows_of(side)) for side in range(people)]
    found = find_childhoods(
        sides.vectors[:people], appearances, threshold=threshold, wide_threshold=wide_threshold
    )
    is_open = ~_are_answered(sides, found, answered)
    return [
        _describe(faces, sides, pair) for pair, stays in zip(found, is_open, strict=True) if stays
    ]


def join_suggestions(*parts: Sequence[Suggestion]) -> list[Suggestion]:
    """Return all suggestions, the most useful first; of two with the same sides, the likelier one.

    Equally useful suggestions keep the order of the parts.
    """
    best: dict[frozenset[int], Suggestion] = {}
    for one in (suggestion for part in parts for suggestion in part):
        sides = frozenset((one.first_code, one.second_code))
        known = best.get(sides)
        if known is None or one.likelihood > known.likelihood:
            best[sides] = one
    return sorted(best.values(), key=lambda one: -one.likelihood * one.settles)


def _find_appearances(faces: FacesOfPeople, days: Ints, rows: Ints) -> Appearances:
    images, firsts = np.unique(faces.image_ids[rows], return_index=True)
    known = days[rows][firsts]
    return Appearances(images, known[known != UNKNOWN_DAY])


def _are_answered(
    sides: Sides, found: Sequence[Childhood], answered: Ints
) -> npt.NDArray[np.bool_]:
    first = np.array([pair.first for pair in found], np.int64)
    second = np.array([pair.second for pair in found], np.int64)
    return are_answered(sides.codes, first, second, answered)


def _describe(faces: FacesOfPeople, sides: Sides, pair: Childhood) -> Suggestion:
    one, two = sides.vectors[pair.first], sides.vectors[pair.second]
    distance = float(np.linalg.norm(one - two))
    return describe_pair(
        faces, sides, pair.first, pair.second, figures=(distance, CHILD_CHANCE * pair.likelihood)
    )
