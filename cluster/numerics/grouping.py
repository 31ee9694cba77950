"""Groups faces into people: cores of the exact tree are merged while their directions agree.

Contract: `vectors` is float32 (n, d), each row of length 1; labels are int64 (n,), 0 to k - 1 for
the k groups, the largest first, and -1 for a face in no group. The groups and their numbers do not
depend on the order of the faces.

Method, in steps:
1. Cores: the components of the tree of mutual reachability distances (`tiled_tree`; Campello,
   Moulavi, Sander, PAKDD 2013) when every edge longer than the pack's `core` is cut. This is
   DBSCAN's result for its core points (Ester et al., KDD 1996), at a distance within which there is
   no stranger.
2. Nodes, which are cores and single faces, are merged while their mean directions agree
   (`merging_nodes`). A burst becomes one core with the direction of its person, so it joins the
   person although its faces are nearest to each other.
3. Nobody is twice in a photo (`photo_conflicts`).
4. Faces left over, and those of low quality, join the nearest group (`joining`).

A person has `min_size` faces or more; smaller groups are -1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.core.defaults import MIN_CLUSTER_SIZE, MIN_SAMPLES
from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.joining import join_faces
from cluster.numerics.merging_nodes import merge_nodes
from cluster.numerics.photo_conflicts import Apart, PhotoRules
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors
from cluster.numerics.unions import label_components

NOISE = -1


@dataclass(frozen=True, slots=True)
class Grouping:
    """The rules of grouping: the pack's thresholds, and the minimum number of faces of a person."""

    thresholds: Thresholds
    min_size: int = MIN_CLUSTER_SIZE


@dataclass(frozen=True)
class Faces:
    """n faces: `vectors` float32 (n, d), `photos` int64 (n,), `is_seed` bool (n,), and `apart`.

    A seed has enough quality to start a group. Other faces can only join one.
    """

    vectors: npt.NDArray[np.float32]
    photos: npt.NDArray[np.int64]
    is_seed: npt.NDArray[np.bool_]
    apart: Apart

    @classmethod
    def of_vectors(cls, vectors: npt.NDArray[np.float32]) -> Faces:
        """Return faces that are all seeds, each in a photo of its own."""
        count = len(vectors)
        photos = np.arange(count, dtype=np.int64)
        return cls(vectors, photos, np.ones(count, dtype=bool), Apart.nobody(count))

    def in_canonical_order(self) -> tuple[Faces, npt.NDArray[np.int64]]:
        """Return the faces in an order that depends only on their vectors, and that order."""
        order = np.argsort(find_distinct(self.vectors).places, kind="stable")
        faces = Faces(
            self.vectors[order],
            self.photos[order],
            self.is_seed[order],
            self.apart.take(order),
        )
        return faces, order


Span = Callable[[DistinctVectors], SpanningTree]
"""Returns the spanning tree of the m distinct vectors, by mutual reachability distance."""


def span_locally(distinct: DistinctVectors, *, min_samples: int = MIN_SAMPLES) -> SpanningTree:
    """Return the spanning tree, computed in this process."""
    _, tree = span_vectors(distinct, LocalWorkers(distinct.vectors), min_samples=min_samples)
    return tree


def group_faces(
    faces: Faces,
    grouping: Grouping,
    *,
    span: Span = span_locally,
    on_round: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.int64]:
    """Return the group of each face, int64 (n,)."""
    labels = np.full(len(faces.vectors), NOISE, dtype=np.int64)
    if faces.is_seed.sum() < grouping.min_size:
        return labels
    ordered, order = faces.in_canonical_order()
    seeds = np.flatnonzero(ordered.is_seed)
    distinct = find_distinct(ordered.vectors[seeds])
    rules = PhotoRules(ordered.vectors, ordered.photos, grouping.thresholds.alike, ordered.apart)
    cores = split_cores(
        cut_tree(distinct, span(distinct), grouping.thresholds.core_distance), rules.take(seeds)
    )
    nodes = merge_nodes(
        ordered.vectors[seeds],
        cores,
        same=grouping.thresholds.same,
        allows=lambda one, other: rules.allow(seeds[one], seeds[other]),
        on_round=on_round,
    )
    found = np.full(len(labels), NOISE, dtype=np.int64)
    found[seeds] = nodes
    found = drop_small(rules.release_conflicts(drop_small(found, grouping)), grouping)
    labels[order] = number_by_size(join_faces(rules, found, grouping.thresholds))
    return labels


def cut_tree(
    distinct: DistinctVectors, tree: SpanningTree, distance: float
) -> npt.NDArray[np.int64]:
    """Return the component of each vector, int64 (n,), when edges longer than `distance` are cut.

    Copies of a vector share a component.
    """
    edges = tree.edges[tree.weights <= distance]
    components = label_components(edges[:, 0], edges[:, 1], len(distinct.vectors))
    return components[distinct.places]


def split_cores(labels: npt.NDArray[np.int64], rules: PhotoRules) -> npt.NDArray[np.int64]:
    """Return the labels, 0 to k - 1, with each core that is not one person split into its faces.

    Siblings, or people whom a user told apart, may be in one core.
    """
    found = labels.copy()
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(rows) > 1 and not rules.is_one(rows):
            found[rows] = found.max() + 1 + np.arange(len(rows))
    return np.unique(found, return_inverse=True)[1].reshape(-1)


def drop_small(labels: npt.NDArray[np.int64], grouping: Grouping) -> npt.NDArray[np.int64]:
    """Return the labels, 0 to k - 1, without the groups that are too small."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    is_kept = sizes >= max(1, grouping.min_size)
    numbers = np.where(is_kept, np.cumsum(is_kept) - 1, NOISE)
    return np.where(labels >= 0, numbers[labels], NOISE)


def number_by_size(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the labels renumbered by size: the largest group is 0, ties go to the first row."""
    grouped = labels[labels >= 0]
    if not len(grouped):
        return labels
    names, firsts, sizes = np.unique(grouped, return_index=True, return_counts=True)
    numbers = np.full(int(names.max()) + 2, NOISE, dtype=np.int64)
    numbers[names[np.lexsort((firsts, -sizes))]] = np.arange(len(names))
    return numbers[labels]
