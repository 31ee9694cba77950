"""The tree has the weight that brute force finds, whatever the lists leave to search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.component_edges import (
    Search,
    connect_components,
    find_limits,
    plan_search,
    search_tile,
)
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.edges import NO_EDGES, Edges, weigh_pairs
from cluster.numerics.neighbours import compare_tile, find_radii, plan_sample
from cluster.numerics.pairs import list_pairs
from cluster.numerics.products.prefilter import FloatPrefilter
from cluster.numerics.spanning_tree import SpanningTree, join_lists, thin_edges
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors, split_tiles
from cluster.numerics.unions import Unions
from tests.unit.embeddings import make_embeddings, normalize, shuffle


def span(
    distinct: DistinctVectors, *, min_samples: int = 3, k: int = 8, block_size: int = 64
) -> SpanningTree:
    workers = LocalWorkers(distinct.vectors)
    return span_vectors(distinct, workers, min_samples=min_samples, k=k, block_size=block_size)[1]


def prim_weights(vectors: npt.NDArray[np.float32], *, min_samples: int) -> npt.NDArray[np.float64]:
    """The sorted weights of a minimum spanning tree under mutual reachability, by Prim (1957)."""
    wide = vectors.astype(np.float64)
    distances = np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(axis=-1))
    core = np.sort(distances, axis=1)[:, min(min_samples, len(vectors) - 1)]
    reach = np.maximum(distances, np.maximum(core[:, None], core[None]))
    lightest, is_in = reach[0].copy(), np.zeros(len(vectors), dtype=bool)
    is_in[0] = True
    weights = []
    for _ in range(len(vectors) - 1):
        point = int(np.where(is_in, np.inf, lightest).argmin())
        weights.append(lightest[point])
        is_in[point] = True
        lightest = np.minimum(lightest, reach[point])
    return np.sort(weights)


@pytest.mark.parametrize("min_samples", [1, 3, 7])
@pytest.mark.parametrize("faces_each", [2, 15, 200])
@pytest.mark.parametrize("dim", [3, 64])
def test_the_tree_weighs_what_prim_says(min_samples: int, faces_each: int, dim: int) -> None:
    distinct = find_distinct(make_embeddings(300, dim=dim, faces_each=faces_each, seed=dim))
    tree = span(distinct, min_samples=min_samples)
    expected = prim_weights(distinct.vectors, min_samples=min_samples)
    assert tree.weights.sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert tree.weights == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [3, 8, 299])
@pytest.mark.parametrize("block_size", [7, 300])
def test_neither_lists_nor_blocks_change_the_weights(k: int, block_size: int) -> None:
    distinct = find_distinct(make_embeddings(300, faces_each=100, seed=4))
    expected = prim_weights(distinct.vectors, min_samples=3)
    assert span(distinct, k=k, block_size=block_size).weights == pytest.approx(expected, rel=1e-6)


def test_lists_that_never_leave_their_person_are_searched_further() -> None:
    rng = np.random.default_rng(0)
    people = [np.eye(4, 32)[n] + 0.05 * rng.standard_normal((80, 32)) for n in range(4)]
    distinct = find_distinct(normalize(np.concatenate(people)))
    expected = prim_weights(distinct.vectors, min_samples=3)
    assert span(distinct, k=4).weights == pytest.approx(expected, rel=1e-6)


def test_a_tree_joins_every_point_once() -> None:
    tree = span(find_distinct(make_embeddings(250)))
    assert len(Unions(250).join(tree.edges.tolist())) == len(tree.edges) == 249
    assert (tree.edges[:, 0] < tree.edges[:, 1]).all()
    assert (np.diff(tree.weights) >= 0).all()


def test_lattices_of_equal_edges_make_the_same_tree_in_any_order() -> None:
    steps = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)
    vectors = normalize(np.column_stack([steps / 10, np.full(len(steps), 10.0)]))
    one = span(find_distinct(vectors), k=5)
    other = span(find_distinct(vectors[shuffle(vectors, seed=1)]), k=5)
    assert (one.edges == other.edges).all()
    assert one.weights == pytest.approx(prim_weights(vectors, min_samples=3), rel=1e-6)


def test_points_all_equally_far_apart_make_a_tree() -> None:
    tree = span(find_distinct(normalize(np.eye(40))), k=4)
    assert tree.weights == pytest.approx(np.full(39, np.sqrt(2)), rel=1e-7)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_points_make_a_small_tree(count: int) -> None:
    distinct = find_distinct(make_embeddings(10)[:count])
    assert len(span(distinct).edges) == max(0, count - 1)


def make_edges(*edges: tuple[int, int, float]) -> Edges:
    left, right, weights = zip(*edges, strict=True)
    return Edges(np.array(left, np.int32), np.array(right, np.int32), np.array(weights, float))


def test_whole_lists_leave_nothing_to_search() -> None:
    edges = make_edges((0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0))
    chosen, component, left = join_lists(edges, np.full(3, np.inf))
    assert set(zip(chosen.left.tolist(), chosen.right.tolist(), strict=True)) == {(0, 1), (0, 2)}
    assert component.tolist() == [0, 0, 0]
    assert not len(left)


def test_an_edge_that_a_list_may_be_missing_a_lighter_one_for_is_not_settled() -> None:
    edges = make_edges((0, 1, 1.0), (2, 3, 1.0), (1, 2, 5.0))
    chosen, component, left = join_lists(edges, np.array([9.0, 4.0, 4.0, 9.0]))
    assert len(chosen) == 2
    assert component.tolist() == [0, 0, 1, 1]
    assert left.weights.tolist() == [5.0]


def test_of_equal_edges_the_first_ends_are_chosen_whatever_their_order() -> None:
    edges = [(a, b, 1.0) for a in range(6) for b in range(a + 1, 6)]
    forests = [thin_edges(make_edges(*order), np.arange(6)) for order in (edges, edges[::-1])]
    for forest in forests:
        assert forest.left.tolist() == [0] * 5
        assert forest.right.tolist() == [1, 2, 3, 4, 5]


def test_progress_counts_every_pair_and_never_falls() -> None:
    distinct = find_distinct(make_embeddings(300, faces_each=100))
    seen: list[tuple[str, int, int]] = []
    workers = LocalWorkers(distinct.vectors)
    span_vectors(
        distinct,
        workers,
        min_samples=3,
        k=4,
        block_size=50,
        on_progress=lambda *now: seen.append(now),
    )
    for step in ("neighbours", "spanning_tree"):
        counts = [done for name, done, _ in seen if name == step]
        assert len(set(counts)) > 1
        assert counts == sorted(counts)
        assert {total for name, _, total in seen if name == step} == {counts[-1]}


def test_unions_number_components_by_their_first_point() -> None:
    unions = Unions(5)
    assert unions.join([(3, 1), (1, 3), (4, 3)]).tolist() == [0, 2]
    assert unions.components().tolist() == [0, 1, 2, 1, 1]


def plan_in_parts(distinct: DistinctVectors, *, k: int) -> tuple[Search, Edges]:
    """The points to be searched after lists of k, and the edges known until then."""
    core, _ = span_vectors(distinct, LocalWorkers(distinct.vectors), min_samples=3, k=k)
    prefilter, whole = FloatPrefilter(distinct.vectors), (0, len(core))
    sample = plan_sample(len(core), min_samples=3, k=k)
    radii = find_radii(distinct.vectors, prefilter, whole, sample=sample)
    pairs = compare_tile(distinct.vectors, prefilter, radii, (whole, whole))
    bounds = np.maximum(core, list_pairs(pairs, radii).reach)
    _, component, left = join_lists(weigh_pairs(pairs, core), bounds)
    known = connect_components(distinct.vectors, core, component, left)
    limits = find_limits(known, component, bounds)
    return plan_search(component, core, bounds, limits), known


def test_edges_of_the_tree_that_are_not_known_start_below_the_limit_of_a_searched_point() -> None:
    distinct = find_distinct(make_embeddings(600, dim=64, faces_each=60, seed=2))
    search, known = plan_in_parts(distinct, k=4)
    tree = span(distinct, k=599)
    limits, bounds = np.zeros(600), np.full(600, np.inf)
    limits[search.points], bounds[search.points] = search.limits, search.bounds
    is_known = set(zip(known.left.tolist(), known.right.tolist(), strict=True))
    unknown = 0
    for (left, right), weight in zip(tree.edges.tolist(), tree.weights.tolist(), strict=True):
        if search.component[left] != search.component[right] and (left, right) not in is_known:
            assert weight < max(limits[left], limits[right])
            assert max(bounds[left], bounds[right]) <= weight
            unknown += 1
    assert unknown


def test_squares_that_are_not_needed_hold_no_edge_that_is_wanted() -> None:
    distinct = find_distinct(make_embeddings(600, dim=64, faces_each=60, seed=2))
    search, _ = plan_in_parts(distinct, k=4)
    assert (np.diff(search.ranks) >= 0).all()
    assert (np.diff(search.limits) <= 0).all()
    prefilter = FloatPrefilter(distinct.vectors[search.points])
    tiles = split_tiles(len(search.points), size=16)
    spared = [tile for tile in tiles if not search.is_needed(tile)]
    assert spared
    for tile in spared:
        assert not len(search_tile(distinct.vectors, prefilter, search, tile))


@pytest.mark.parametrize("k", [3, 8, 40])
def test_the_tree_is_the_same_whatever_the_lists_and_squares(k: int) -> None:
    distinct = find_distinct(make_embeddings(300, faces_each=60, seed=7))
    expected = span(distinct, k=299, block_size=300)
    tree = span(distinct, k=k, block_size=10 * k)
    assert (tree.edges == expected.edges).all()
    assert (tree.weights == expected.weights).all()


def test_components_without_a_known_edge_are_connected_through_their_densest_points() -> None:
    vectors = np.concatenate([make_embeddings(30, seed=seed) for seed in range(3)])
    component = np.repeat(np.arange(3), 30)
    known = connect_components(vectors, np.zeros(90), component, NO_EDGES)
    assert len(known) == 2
    ends = np.stack([component[known.left], component[known.right]], axis=1)
    assert len(Unions(3).join(ends.tolist())) == 2
