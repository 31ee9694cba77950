"""HDBSCAN's groups from Headcount's tree: the peer that the tree is compared with.

Contract: `vectors` is float32 (n, d), each row of length 1; labels are int64 (n,), 0 to k - 1 for
the k groups, the largest first, and -1 for a face in no group; strengths are float64 (n,), from 0
to 1. The groups and their numbers do not depend on the order of the vectors.

Method: HDBSCAN (Campello, Moulavi, Sander, PAKDD 2013; McInnes and Healy, ICDMW 2017). `tiled_tree`
builds the tree. The rest is hdbscan's own code, so its parameters have the same meaning. The edges
passed to it are ordered by weight, copies first, then in canonical order. More than `min_samples`
copies of a vector have core distance 0 and, as in hdbscan, an infinite density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bench.linkage import link_edges
from cluster.core.defaults import MIN_CLUSTER_SIZE, MIN_SAMPLES
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.grouping import NOISE, number_by_size
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors

SELECTION_METHOD = "eom"
"""Excess of mass: the groups that persist longest (Campello, Moulavi, Sander)."""


@dataclass(frozen=True)
class Clustering:
    """`labels` int64 (n,) and `strengths` float64 (n,)."""

    labels: npt.NDArray[np.int64]
    strengths: npt.NDArray[np.float64]


def cluster_vectors(
    vectors: npt.NDArray[np.float32],
    *,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
    min_samples: int = MIN_SAMPLES,
) -> npt.NDArray[np.int64]:
    """Return the label of each vector, int64 (n,)."""
    distinct = find_distinct(vectors)
    core, tree = span_vectors(distinct, LocalWorkers(distinct.vectors), min_samples=min_samples)
    return label_tree(distinct, core, tree, min_cluster_size=min_cluster_size).labels


def label_tree(
    distinct: DistinctVectors,
    core: npt.NDArray[np.float64],
    tree: SpanningTree,
    *,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
) -> Clustering:
    """Return labels and strengths of all n vectors from the tree of the m distinct ones."""
    ranks = rank_vectors(distinct)
    count = len(ranks)
    if count < max(2, min_cluster_size):
        nothing = np.full(count, NOISE, dtype=np.int64)
        return Clustering(nothing, np.zeros(count))
    linked = link_edges(unfold_copies(distinct, core, tree))
    labels, strengths = _run_hdbscan(linked, min_cluster_size)
    return Clustering(number_by_size(labels)[ranks], strengths[ranks])


def rank_vectors(distinct: DistinctVectors) -> npt.NDArray[np.int64]:
    """Return each vector's rank, int64 (n,): in canonical order, with copies side by side."""
    ranks = np.empty(len(distinct.places), dtype=np.int64)
    ranks[np.argsort(distinct.places, kind="stable")] = np.arange(len(ranks))
    return ranks


def unfold_copies(
    distinct: DistinctVectors, core: npt.NDArray[np.float64], tree: SpanningTree
) -> npt.NDArray[np.float64]:
    """Return the sorted tree of all n vectors, float64 (n - 1, 3): two ranks and a weight.

    Each copy is joined to the first of its copies, at its core distance. Among edges of equal
    weight, those of copies come first.
    """
    firsts = np.cumsum(distinct.counts) - distinct.counts
    ranks = np.arange(len(distinct.places))
    owner = np.repeat(np.arange(len(firsts)), distinct.counts)
    copies = ranks[ranks != firsts[owner]]
    owner = owner[copies]
    ends = np.concatenate([np.stack([firsts[owner], copies], axis=1), firsts[tree.edges]])
    weights = np.concatenate([core[owner], tree.weights])
    is_tree = np.arange(len(weights)) >= len(copies)
    order = np.lexsort((ends[:, 1], ends[:, 0], is_tree, weights))
    return np.column_stack([ends[order], weights[order]]).astype(np.float64)


def load_tree_code() -> Callable[..., Any]:
    """Return hdbscan's own function that turns a linkage into labels.

    It is imported here, because hdbscan imports scikit-learn, which takes half a second.
    """
    from hdbscan.hdbscan_ import _tree_to_labels

    return cast(Callable[..., Any], _tree_to_labels)


def _run_hdbscan(
    linked: npt.NDArray[np.float64], min_cluster_size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        labels, strengths, *_ = load_tree_code()(
            None, linked, min_cluster_size, SELECTION_METHOD, False, cluster_selection_epsilon=0.0
        )
    return np.asarray(labels, dtype=np.int64), np.asarray(strengths)
