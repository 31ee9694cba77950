"""Vectors in, group labels out: exact HDBSCAN, tile by tile.

Contract: `vectors` is float32 (n, d), each row of length 1; labels are int64 (n,), 0 to k - 1 for
the k groups, the largest first, and -1 for a face in no group; strengths are float64 (n,), from 0
to 1. The groups and their numbers do not depend on the order of the vectors.

Method: HDBSCAN (Campello, Moulavi, Sander, PAKDD 2013; McInnes and Healy, ICDMW 2017) on Euclidean
distances, which order L2-normalised vectors as cosine distances do. `tiled_tree` builds the tree.
The rest is hdbscan's own code, so its parameters have the same meaning. The edges passed to it are
ordered by weight, copies first, then in canonical order.

Decisions:
* One vector, none, or fewer than `min_cluster_size` give no group.
* Copies of a vector always share a label. More than `min_samples` copies have core distance 0 and,
  as in hdbscan, an infinite density. So they can be a group by themselves.
* HDBSCAN never puts all points into one group, so it finds no person in a library of one person.
  With `lone_reach`, a distance, the points that are connected by steps within it become one group
  if no other group was found and they are at least `min_cluster_size`. The default, None, gives
  exactly the result of hdbscan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from cluster.core.defaults import MIN_CLUSTER_SIZE, MIN_SAMPLES
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.linkage import link_edges
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors

NOISE = -1
SELECTION_METHOD = "eom"
"""Excess of mass: the groups that persist longest (Campello, Moulavi, Sander)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which groups are taken from the tree: hdbscan's `min_cluster_size`, and `lone_reach`."""

    min_cluster_size: int = MIN_CLUSTER_SIZE
    lone_reach: float | None = None


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
    lone_reach: float | None = None,
) -> npt.NDArray[np.int64]:
    """Return the label of each vector, int64 (n,)."""
    distinct = find_distinct(vectors)
    core, tree = span_vectors(distinct, LocalWorkers(distinct.vectors), min_samples=min_samples)
    selection = Selection(min_cluster_size=min_cluster_size, lone_reach=lone_reach)
    return label_tree(distinct, core, tree, selection=selection).labels


def label_tree(
    distinct: DistinctVectors,
    core: npt.NDArray[np.float64],
    tree: SpanningTree,
    *,
    selection: Selection,
) -> Clustering:
    """Return labels and strengths of all n vectors from the tree of the m distinct ones."""
    ranks = rank_vectors(distinct)
    count = len(ranks)
    if count < max(2, selection.min_cluster_size):
        nothing = np.full(count, NOISE, dtype=np.int64)
        return Clustering(nothing, np.zeros(count))
    linked = link_edges(unfold_copies(distinct, core, tree))
    labels, strengths = _select(linked, selection)
    return Clustering(_number_by_size(labels)[ranks], strengths[ranks])


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


def _select(
    linked: npt.NDArray[np.float64], selection: Selection
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Run hdbscan's own selection, and again for a lone person where it found none."""
    labels, strengths = _run_hdbscan(linked, selection, epsilon=0.0, allow_single=False)
    if selection.lone_reach is None or labels.max() >= 0:
        return labels, strengths
    lone = _run_hdbscan(linked, selection, epsilon=selection.lone_reach, allow_single=True)
    if (lone[0] >= 0).sum() < selection.min_cluster_size:
        return labels, strengths
    return lone


def load_tree_code() -> Callable[..., Any]:
    """Return hdbscan's own function from a linkage to labels.

    hdbscan imports scikit-learn, which takes half a second. Only processes that group faces import
    it, once each.
    """
    from hdbscan.hdbscan_ import _tree_to_labels  # noqa: PLC0415

    return cast(Callable[..., Any], _tree_to_labels)


def _run_hdbscan(
    linked: npt.NDArray[np.float64], selection: Selection, *, epsilon: float, allow_single: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        labels, strengths, *_ = load_tree_code()(
            None,
            linked,
            selection.min_cluster_size,
            SELECTION_METHOD,
            allow_single,
            cluster_selection_epsilon=epsilon,
        )
    return np.asarray(labels, dtype=np.int64), np.asarray(strengths)


def _number_by_size(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the labels renumbered by size: the largest group is 0, ties go to the lowest rank."""
    grouped = labels[labels >= 0]
    if not len(grouped):
        return labels
    names, firsts, sizes = np.unique(grouped, return_index=True, return_counts=True)
    numbers = np.full(int(names.max()) + 2, NOISE, dtype=np.int64)
    numbers[names[np.lexsort((firsts, -sizes))]] = np.arange(len(names))
    return numbers[labels]
