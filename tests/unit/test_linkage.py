"""The merges are those of hdbscan's own `label`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench.linkage import link_edges


def label(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the merges that hdbscan finds."""
    from hdbscan._hdbscan_linkage import label  # A slow import that only these tests need.

    merges: npt.NDArray[np.float64] = label(edges)
    return merges


def make_tree(count: int, *, seed: int, weights: int) -> npt.NDArray[np.float64]:
    """A random tree whose edges have few different weights."""
    rng = np.random.default_rng(seed)
    ends = [(rng.integers(point), point) for point in range(1, count)]
    edges = np.column_stack([ends, np.sort(rng.integers(weights, size=count - 1))])
    return edges.astype(np.float64)


@pytest.mark.parametrize("count", [2, 3, 10, 500])
@pytest.mark.parametrize("weights", [1, 5, 10**6])
def test_merges_are_those_of_hdbscan(count: int, weights: int) -> None:
    for seed in range(5):
        edges = make_tree(count, seed=seed, weights=weights)
        assert (link_edges(edges) == label(edges)).all()


def test_a_long_chain_is_linked() -> None:
    points = np.arange(20_000, dtype=np.float64)
    edges = np.column_stack([points[:-1], points[1:], points[1:]])
    assert (link_edges(edges) == label(edges)).all()


def test_one_point_has_no_merge() -> None:
    assert link_edges(np.empty((0, 3))).shape == (0, 4)
