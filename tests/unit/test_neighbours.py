"""Neighbours and core distances, block by block, equal those of brute force in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.distinct import find_distinct
from cluster.numerics.neighbours import (
    compare_tile,
    find_core_distances,
    find_radii,
    plan_sample,
)
from cluster.numerics.pairs import Lists, Pairs, join_pairs, list_pairs
from cluster.numerics.products.prefilter import FloatPrefilter
from cluster.numerics.tiled_tree import split_tiles
from tests.unit.embeddings import make_embeddings, normalize, shuffle


def all_distances(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(axis=-1))


def core_by_brute_force(
    vectors: npt.NDArray[np.float32], *, min_samples: int
) -> npt.NDArray[np.float64]:
    """Return the core distances; the point itself is at place 0."""
    return np.sort(all_distances(vectors), axis=1)[:, min(min_samples, len(vectors) - 1)]


def list_neighbours(vectors: npt.NDArray[np.float32], *, k: int, min_samples: int = 1) -> Lists:
    prefilter, count = FloatPrefilter(vectors), len(vectors)
    sample = plan_sample(count, min_samples=min_samples, k=k)
    radii = find_radii(vectors, prefilter, (0, count), sample=sample)
    pairs = compare_tile(vectors, prefilter, radii, ((0, count), (0, count)))
    return list_pairs(pairs, radii)


def row_of(lists: Lists, row: int) -> slice:
    return slice(lists.starts[row], lists.starts[row + 1])


def core_of(
    vectors: npt.NDArray[np.float32], *, min_samples: int, k: int
) -> npt.NDArray[np.float64]:
    distinct = find_distinct(vectors)
    lists = list_neighbours(distinct.vectors, k=k, min_samples=min_samples)
    core = find_core_distances(distinct.vectors, distinct.counts, lists, min_samples=min_samples)
    return core[distinct.places]


@pytest.mark.parametrize("k", [1, 5, 32])
def test_neighbours_are_those_of_brute_force(k: int) -> None:
    vectors = make_embeddings(200, seed=k)
    distances = all_distances(vectors)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :k]
    lists = list_neighbours(vectors, k=k)
    assert (lists.indices.reshape(200, k) == nearest).all()
    found = lists.distances.reshape(200, k)
    assert found == pytest.approx(np.sort(distances, axis=1)[:, :k], rel=1e-6)


def test_a_list_holds_all_within_its_radius_and_the_sample_promises_enough_of_them() -> None:
    vectors = make_embeddings(4000, dim=64)
    distances = all_distances_fast(vectors)
    lists = list_neighbours(vectors, k=12, min_samples=3)
    lengths = np.diff(lists.starts)
    assert lengths.min() >= 3
    assert 6 < lengths.mean() < 24
    for row in range(0, 4000, 40):
        listed = set(lists.indices[row_of(lists, row)].tolist())
        for slack, compare in ((-1e-6, set.issubset), (1e-6, set.issuperset)):
            near = np.flatnonzero(distances[row] <= lists.reach[row] + slack)
            assert compare(set(near.tolist()) - {row}, listed)


def all_distances_fast(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return np.sqrt(np.maximum(0, 2 - 2 * wide @ wide.T))


def test_tiles_together_give_what_the_whole_gives() -> None:
    vectors = make_embeddings(150)
    prefilter = FloatPrefilter(vectors)
    sample = plan_sample(150, min_samples=3, k=8)
    radii = find_radii(vectors, prefilter, (0, 150), sample=sample)
    whole = compare_tile(vectors, prefilter, radii, ((0, 150), (0, 150)))
    for size in (1, 7, 64, 149):
        parts = [
            compare_tile(vectors, prefilter, radii, tile) for tile in split_tiles(150, size=size)
        ]
        assert as_set(join_pairs(parts)) == as_set(whole)
        assert sum(len(part.left) for part in parts) == len(whole.left)


def as_set(pairs: Pairs) -> set[tuple[int, int, float]]:
    columns = (pairs.left.tolist(), pairs.right.tolist(), pairs.squared.tolist())
    return set(zip(*columns, strict=True))


def test_a_point_is_never_its_own_neighbour_even_among_copies() -> None:
    vectors = np.repeat(make_embeddings(5), 20, axis=0)
    lists = list_neighbours(vectors, k=10)
    for row in range(100):
        assert row not in lists.indices[row_of(lists, row)]
    assert (lists.distances == 0).all()


def test_near_copies_keep_their_small_distances() -> None:
    vectors = normalize(np.eye(1, 64) + 1e-4 * np.random.default_rng(0).standard_normal((20, 64)))
    found = list_neighbours(vectors, k=19).distances.reshape(20, 19)
    assert found == pytest.approx(np.sort(all_distances(vectors))[:, 1:], rel=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_fewer_points_than_k_give_lists_of_all_others(count: int) -> None:
    lists = list_neighbours(make_embeddings(10)[:count], k=8)
    assert np.diff(lists.starts).tolist() == [max(0, count - 1)] * count
    assert np.isinf(lists.reach).all()


def test_nothing_outside_a_list_is_nearer_than_its_reach() -> None:
    vectors = make_embeddings(200)
    lists = list_neighbours(vectors, k=6)
    outside = all_distances(vectors)
    np.fill_diagonal(outside, np.inf)
    for row in range(200):
        outside[row, lists.indices[row_of(lists, row)]] = np.inf
    assert (outside.min(axis=1) >= lists.reach).all()


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
    """For every point of a cross-polytope, all other points but one have the same distance."""
    vectors = normalize(np.concatenate([np.eye(24), -np.eye(24)]))
    assert core_of(vectors, min_samples=3, k=3) == pytest.approx(np.sqrt(2), rel=1e-7)


def test_near_copies_that_products_cannot_tell_apart_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    vectors = normalize(np.eye(1, 64) + 1e-5 * rng.standard_normal((60, 64)))
    expected = core_by_brute_force(vectors, min_samples=3)
    assert core_of(vectors, min_samples=3, k=3) == pytest.approx(expected, rel=1e-12)


def test_lists_too_short_for_min_samples_are_refused() -> None:
    distinct = find_distinct(make_embeddings(20))
    lists = list_neighbours(distinct.vectors, k=4)
    with pytest.raises(ValueError, match="too short"):
        find_core_distances(distinct.vectors, distinct.counts, lists, min_samples=5)


@pytest.mark.parametrize("total", [0, 1, 2, 5, 1000, 1024, 1025, 50_000, 10**7])
@pytest.mark.parametrize("min_samples", [1, 3, 40, 2000])
def test_a_sample_is_never_larger_than_the_library_nor_too_small(
    total: int, min_samples: int
) -> None:
    sample = plan_sample(total, min_samples=min_samples, k=36)
    assert sample.size <= total
    assert min(min_samples, total - 1) <= sample.count <= sample.size - 1 or total == 0


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
