"""The separate years of one child are found by likeness and time; brothers are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.childhood import Appearances, Childhood, find_childhoods

THRESHOLD, WIDE_THRESHOLD = 0.9, 1.2
YEAR = 365


def at(distance: float, *, axis: int = 1) -> npt.NDArray[np.float32]:
    """A unit vector at this distance from the first axis."""
    cosine = 1 - distance**2 / 2
    vector = np.zeros(8, np.float32)
    vector[0], vector[axis] = cosine, np.sqrt(1 - cosine**2)
    return vector


def seen(begins: int, ends: int, *, photos: int = 40, first_image: int = 0) -> Appearances:
    """Photos spread evenly over these years."""
    days = np.linspace(begins * YEAR, ends * YEAR, photos).astype(np.int64)
    return Appearances(np.arange(photos) + first_image, days)


def find(distance: float, one: Appearances, other: Appearances) -> list[Childhood]:
    centroids = np.stack([at(0.0), at(distance)])
    return find_childhoods(
        centroids, [one, other], threshold=THRESHOLD, wide_threshold=WIDE_THRESHOLD
    )


BABY, CHILD = seen(2010, 2012), seen(2012, 2016, first_image=100)


def test_one_who_begins_when_the_other_ends_may_be_the_same_child() -> None:
    (pair,) = find(1.0, BABY, CHILD)
    assert (pair.first, pair.second) == (0, 1)
    assert 0.4 < pair.likelihood <= 1


def test_the_earlier_one_is_first_in_whatever_order_they_come() -> None:
    (pair,) = find(1.0, CHILD, BABY)
    assert (pair.first, pair.second) == (1, 0)
    assert pair.likelihood == pytest.approx(find(1.0, BABY, CHILD)[0].likelihood)


def test_the_more_alike_the_likelier() -> None:
    likelihoods = [find(distance, BABY, CHILD)[0].likelihood for distance in (0.95, 1.0, 1.1)]
    assert likelihoods == sorted(likelihoods, reverse=True)


def test_what_the_pack_calls_one_person_or_strangers_is_no_question() -> None:
    assert find(0.85, BABY, CHILD) == []
    assert find(1.25, BABY, CHILD) == []


def test_the_longer_the_gap_the_less_likely_until_it_is_too_long() -> None:
    soon, late = (find(0.95, BABY, seen(begins, begins + 3)) for begins in (2013, 2014))
    assert soon == [] and late == [], "both are in the same photos"
    soon, late, never = (
        find(0.95, BABY, seen(begins, begins + 3, first_image=100)) for begins in (2013, 2014, 2016)
    )
    assert soon[0].likelihood > late[0].likelihood
    assert never == []


def test_years_that_overlap_a_little_are_one_child_and_the_same_years_are_two() -> None:
    little, more = (
        find(1.0, seen(2010, ends), seen(2012, 2017, first_image=100))[0] for ends in (2013, 2015)
    )
    assert find(0.95, BABY, CHILD)[0].likelihood > little.likelihood > more.likelihood
    assert find(1.0, seen(2010, 2013), seen(2010, 2013, first_image=100)) == []
    assert find(1.0, seen(2010, 2016), seen(2012, 2014, first_image=100)) == []


def test_brothers_who_are_photographed_together_are_two() -> None:
    together = seen(2012, 2016, first_image=36)
    assert len(np.intersect1d(BABY.image_ids, together.image_ids)) == 4
    assert find(1.0, BABY, together) == []


def test_one_photo_of_both_does_not_rule_a_pair_out() -> None:
    (pair,) = find(1.0, BABY, seen(2012, 2016, first_image=39))
    assert pair.likelihood < find(1.0, BABY, CHILD)[0].likelihood


def test_one_wrong_time_changes_little() -> None:
    days = CHILD.days.copy()
    days[0] = 1950 * YEAR
    wrong = Appearances(CHILD.image_ids, days)
    assert find(1.0, BABY, wrong)[0].likelihood == pytest.approx(
        find(1.0, BABY, CHILD)[0].likelihood, abs=0.1
    )


def test_people_without_known_times_are_left_out() -> None:
    nobody = Appearances(np.array([], np.int64), np.array([], np.int64))
    assert find(1.0, BABY, nobody) == []
    assert find(1.0, nobody, nobody) == []
    assert find(1.0, BABY, seen(2012, 2012, photos=1, first_image=100)) == []


def test_no_people_have_no_pairs() -> None:
    none = np.empty((0, 8), np.float32)
    assert find_childhoods(none, [], threshold=THRESHOLD, wide_threshold=WIDE_THRESHOLD) == []


def test_the_likeliest_pair_of_many_comes_first() -> None:
    centroids = np.stack([at(0.0), at(1.1), at(0.95, axis=2)])
    people = [BABY, CHILD, seen(2012, 2016, first_image=200)]
    pairs = find_childhoods(centroids, people, threshold=THRESHOLD, wide_threshold=WIDE_THRESHOLD)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 2), (0, 1)]


def test_many_people_are_compared_block_by_block_with_the_same_answer() -> None:
    rng = np.random.default_rng(7)
    centroids = rng.normal(size=(1500, 3)).astype(np.float32)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    people = [seen(2010, 2012, photos=2, first_image=1)] * 1499
    people.append(seen(2012, 2014, photos=2, first_image=9))
    pairs = find_childhoods(centroids, people, threshold=THRESHOLD, wide_threshold=WIDE_THRESHOLD)
    distances = np.linalg.norm(centroids[:1499] - centroids[1499], axis=1)
    likely = (WIDE_THRESHOLD - distances) / (WIDE_THRESHOLD - THRESHOLD) > 0.2
    assert {p.first for p in pairs} >= set(
        np.flatnonzero(likely & (distances > THRESHOLD)).tolist()
    )
    assert {p.second for p in pairs} == {1499}
