"""Neighbours and core distances are what brute force in float64 says, block by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.distinct import find_distinct
from cluster.numerics.neighbours import find_core_distances, find_neighbours, find_reach
from tests.unit.embeddings import make_embeddings, normalize, shuffle


def all_distances(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(axis=-1))


def core_by_brute_force(
    vectors: npt.NDArray[np.float32], *, min_samples: int
) -> npt.NDArray[np.float64]:
    """The point itself is the one at place 0."""
    return np.sort(all_distances(vectors), axis=1)[:, min(min_samples, len(vectors) - 1)]


def core_of(
    vectors: npt.NDArray[np.float32], *, min_samples: int, k: int
) -> npt.NDArray[np.float64]:
    distinct = find_distinct(vectors)
    lists = find_neighbours(distinct.vectors, 0, len(distinct.vectors), k=k)
    core = find_core_distances(distinct.vectors, distinct.counts, 0, lists, min_samples=min_samples)
    return core[distinct.places]


@pytest.mark.parametrize("k", [1, 5, 32])
def test_neighbours_are_those_of_brute_force(k: int) -> None:
    vectors = make_embeddings(200, seed=k)
    distances = all_distances(vectors)
    np.fill_diagonal(distances, np.inf)
    indices, found = find_neighbours(vectors, 0, 200, k=k)
    assert (indices == np.argsort(distances, axis=1)[:, :k]).all()
    assert found == pytest.approx(np.sort(distances, axis=1)[:, :k], rel=1e-6)


def test_a_block_says_what_the_whole_says() -> None:
    vectors = make_embeddings(150)
    whole, far = find_neighbours(vectors, 0, 150, k=8)
    for start, stop in ((0, 1), (1, 64), (64, 150)):
        part, part_far = find_neighbours(vectors, start, stop, k=8)
        assert (part == whole[start:stop]).all()
        assert part_far == pytest.approx(far[start:stop], rel=1e-6)


def test_a_point_is_never_its_own_neighbour_even_among_copies() -> None:
    vectors = np.repeat(make_embeddings(5), 20, axis=0)
    indices, distances = find_neighbours(vectors, 0, 100, k=10)
    assert not (indices == np.arange(100)[:, None]).any()
    assert (distances == 0).all()


def test_near_copies_keep_their_small_distances() -> None:
    vectors = normalize(np.eye(1, 64) + 1e-4 * np.random.default_rng(0).standard_normal((20, 64)))
    _, distances = find_neighbours(vectors, 0, 20, k=19)
    assert distances == pytest.approx(np.sort(all_distances(vectors))[:, 1:], rel=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_fewer_points_than_k_give_lists_of_all_others(count: int) -> None:
    vectors = make_embeddings(10)[:count]
    indices, distances = find_neighbours(vectors, 0, count, k=8)
    assert indices.shape == distances.shape == (count, max(0, count - 1))
    assert np.isinf(find_reach(distances, count=count)).all()


def test_nothing_outside_a_list_is_nearer_than_its_reach() -> None:
    vectors = make_embeddings(200)
    indices, distances = find_neighbours(vectors, 0, 200, k=6)
    outside = all_distances(vectors)
    np.put_along_axis(outside, indices.astype(np.int64), np.inf, axis=1)
    np.fill_diagonal(outside, np.inf)
    assert (outside.min(axis=1) >= find_reach(distances, count=200)).all()


@pytest.mark.parametrize("min_samples", [1, 3, 10, 500])
def test_core_distance_is_to_the_nth_other_point(min_samples: int) -> None:
    vectors = make_embeddings(120, seed=min_samples)
    core = core_of(vectors, min_samples=min_samples, k=max(10, min_samples))
    assert core == pytest.approx(core_by_brute_force(vectors, min_samples=min_samples), rel=1e-12)


@pytest.mark.parametrize("copies", [2, 3, 4, 9])
def test_copies_count_as_neighbours_at_distance_0(copies: int) -> None:
    vectors = np.concatenate([make_embeddings(40), np.repeat(make_embeddings(3), copies, axis=0)])
    expected = core_by_brute_force(vectors, min_samples=3)
    assert core_of(vectors, min_samples=3, k=3) == pytest.approx(expected, rel=1e-12)


def test_ties_at_the_end_of_a_list_do_not_move_core_distances() -> None:
    """Every point of a cross-polytope has all others but one at the same distance."""
    vectors = normalize(np.concatenate([np.eye(24), -np.eye(24)]))
    assert core_of(vectors, min_samples=3, k=3) == pytest.approx(np.sqrt(2), rel=1e-7)


def test_near_copies_beyond_the_list_are_searched() -> None:
    """Float32 products cannot tell these apart, so that lists of 3 hold any three of them."""
    rng = np.random.default_rng(1)
    vectors = normalize(np.eye(1, 64) + 1e-5 * rng.standard_normal((60, 64)))
    expected = core_by_brute_force(vectors, min_samples=3)
    assert core_of(vectors, min_samples=3, k=3) == pytest.approx(expected, rel=1e-12)


def test_lists_too_short_for_min_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        core_of(make_embeddings(20), min_samples=5, k=4)


def test_distinct_vectors_do_not_depend_on_the_order_of_the_input() -> None:
    vectors = np.concatenate([make_embeddings(50), make_embeddings(9)])
    order = shuffle(vectors, seed=3)
    one, other = find_distinct(vectors), find_distinct(vectors[order])
    assert (one.vectors == other.vectors).all()
    assert (one.counts == other.counts).all()
    assert (one.places[order] == other.places).all()
    assert (one.vectors[one.places] == vectors).all()
    assert one.counts.sum() == len(vectors)


def test_minus_zero_is_zero() -> None:
    vectors = np.array([[1, 0], [1, -0.0]], dtype=np.float32)
    assert find_distinct(vectors).counts.tolist() == [2]


@pytest.mark.parametrize(
    "vectors", [np.ones(3, np.float32), np.ones((3, 2)), np.full((3, 2), np.nan, np.float32)]
)
def test_what_is_not_finite_float32_in_rows_is_refused(vectors: npt.NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="Vectors"):
        find_distinct(vectors)
