"""The tree weighs what brute force says it must, whatever the lists leave to search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.blocks import LocalWorkers, near_block, span_vectors
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.narrowing import find_heaviest
from cluster.numerics.neighbours import find_reach
from cluster.numerics.spanning_tree import SpanningTree, join_lists
from cluster.numerics.unions import Unions
from tests.unit.embeddings import make_embeddings, normalize, shuffle


def span(
    distinct: DistinctVectors, *, min_samples: int = 3, k: int = 8, block_size: int = 64
) -> SpanningTree:
    workers = LocalWorkers(distinct, min_samples=min_samples, k=k)
    return span_vectors(distinct.vectors, workers, block_size=block_size)[1]


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


def test_whole_lists_leave_nothing_to_search() -> None:
    distances = np.array([[1, 2], [1, 3], [2, 3]], dtype=np.float32)
    indices = np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32)
    lists = (indices, distances)
    forest, grouping = join_lists(np.zeros(3), lists, find_reach(distances, count=3))
    assert forest.edges.tolist() == [[0, 1], [0, 2]]
    assert grouping.count == 1


def test_progress_counts_every_row_and_never_falls() -> None:
    distinct = find_distinct(make_embeddings(300, faces_each=100))
    seen: list[tuple[str, int, int]] = []
    workers = LocalWorkers(distinct, min_samples=3, k=4)
    span_vectors(
        distinct.vectors, workers, block_size=50, on_progress=lambda *now: seen.append(now)
    )
    assert [now for now in seen if now[0] == "neighbours"] == [
        ("neighbours", done, 300) for done in range(50, 301, 50)
    ]
    later = [now for now in seen if now[0] == "spanning_tree"]
    assert later and later == sorted(later)
    assert later[-1][1] == later[-1][2] <= 300


def test_unions_number_components_by_their_first_point() -> None:
    unions = Unions(5)
    assert unions.join([(3, 1), (1, 3), (4, 3)]).tolist() == [0, 2]
    assert unions.components().tolist() == [0, 1, 2, 1, 1]


def test_no_edge_between_components_is_heavier_than_the_heaviest_found() -> None:
    distinct = find_distinct(make_embeddings(400, dim=64, faces_each=60))
    workers = LocalWorkers(distinct, min_samples=3, k=4)
    near = near_block(distinct.vectors, distinct.counts, (0, 400), min_samples=3, k=4)
    reach = find_reach(near.distances, count=400)
    lists = (near.indices, near.distances)
    _, grouping = join_lists(near.core, lists, reach)
    bounds = np.maximum(near.core, reach)
    heaviest = find_heaviest(distinct.vectors, near.core, bounds, grouping)
    _, tree = span_vectors(distinct.vectors, workers)
    is_across = np.diff(grouping.component[tree.edges], axis=1)[:, 0] != 0
    assert is_across.sum() == grouping.count - 1 > 1
    assert tree.weights[is_across].max() <= heaviest
