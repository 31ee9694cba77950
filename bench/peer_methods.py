"""The grouping methods of other photo programs, on the same vectors: peers of Headcount's.

Contract: `vectors` is float32 (n, d), each row of length 1, in the order of the files; the groups
are int64 (n,), -1 for an ungrouped face. Each peer has one parameter that users can tune. These are
reimplementations from the sources and documents that are named; the programs also filter faces by
size and score, which is left out here, so that all group the same faces.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import dlib
import hdbscan
import numpy as np
import numpy.typing as npt
from sklearn.cluster import DBSCAN

Vectors = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

FACES = 3
"""The minimum number of faces of a person: Immich's `minFaces`, and Headcount's."""

PHOTOPRISM_CORE = 4
PHOTOPRISM_OFFSET = 0.46
PHOTOPRISM_RADIUS = 0.42
"""`ClusterCore` and `MatchDist` of PhotoPrism, internal/ai/face/thresholds.go; a cluster's radius
counts up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A method, the name of its parameter, its default, and the values that are tried."""

    name: str
    parameter: str
    default: float
    tried: tuple[float, ...]
    group: Callable[[Vectors, float], Ints]


def group_as_immich(vectors: Vectors, distance: float) -> Ints:
    """Return the groups of Immich's rule, at a cosine distance.

    This is Immich's `handleRecognizeFaces` (server/src/services/person.service.ts), to our
    knowledge: after detection, faces are processed in order. A face with FACES faces within the
    distance is core; others are postponed to the end, and those without a near face are dropped. A
    face joins the person of its nearest face among the first FACES, otherwise that of the nearest
    face with a person within the distance. A core face without one founds a person.
    """
    distances = 1 - vectors @ vectors.T
    near = [np.flatnonzero(row <= distance) for row in distances]
    near = [rows[np.argsort(distances[at, rows], kind="stable")] for at, rows in enumerate(near)]
    people = np.full(len(vectors), -1, np.int64)
    is_core = np.array([len(rows) >= FACES for rows in near])
    waiting = [at for at, rows in enumerate(near) if 1 < len(rows) < FACES]
    for face in [*np.flatnonzero(is_core).tolist(), *waiting]:
        known = people[near[face]]
        known = known[known >= 0]
        if len(known):
            people[face] = known[0]
        elif is_core[face]:
            people[face] = people.max() + 1
    return people


def group_as_photoprism(vectors: Vectors, distance: float) -> Ints:
    """Return the groups of PhotoPrism: DBSCAN at a Euclidean distance, then matching.

    Four faces within the distance are a core (internal/ai/face/thresholds.go: `ClusterDist` 0.64,
    `ClusterCore` 4, for vectors of FaceNet of length 1). A face in no cluster then joins the
    nearest one, if the mean of that is within the cluster's radius and `MatchDist` 0.46.
    """
    groups = DBSCAN(eps=distance, min_samples=PHOTOPRISM_CORE).fit_predict(vectors)
    groups = groups.astype(np.int64)
    loose = np.flatnonzero(groups < 0)
    if not len(loose) or groups.max() < 0:
        return groups
    means = np.stack([vectors[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    spread = np.linalg.norm(vectors - means[groups], axis=1)
    radii = np.array([spread[groups == group].max() for group in range(len(means))])
    apart = np.sqrt(np.maximum(0, 2 - 2 * vectors[loose] @ means.T))
    nearest = apart.argmin(axis=1)
    thresholds = np.minimum(radii, PHOTOPRISM_RADIUS)[nearest] + PHOTOPRISM_OFFSET
    is_near = apart[np.arange(len(loose)), nearest] <= thresholds
    groups[loose[is_near]] = nearest[is_near]
    return groups


def group_as_dlib(vectors: Vectors, similarity: float) -> Ints:
    """Return the groups of dlib's Chinese Whispers, over pairs of at least this cosine.

    dlib's example joins its own vectors at a distance of 0.5; the cosine of 0.40 is the same
    strictness for ArcFace. Its random numbers are the same each time.
    """
    first, second = _list_edges(vectors, similarity)
    edges = list(zip(first.tolist(), second.tolist(), strict=True))
    edges += [(at, at) for at in range(len(vectors))]
    return np.array(dlib.chinese_whispers(edges), np.int64)


def group_by_hdbscan(vectors: Vectors, epsilon: float) -> Ints:
    """Return hdbscan's groups with `cluster_selection_epsilon`, a Euclidean distance.

    The generic algorithm, over the matrix of all distances, is the fastest for many dimensions.
    """
    model = hdbscan.HDBSCAN(
        min_cluster_size=FACES,
        min_samples=FACES,
        cluster_selection_epsilon=epsilon,
        algorithm="generic",
    )
    return np.asarray(model.fit_predict(vectors.astype(np.float64)), np.int64)


def group_by_dbscan(vectors: Vectors, distance: float) -> Ints:
    """Return scikit-learn's DBSCAN at a cosine distance."""
    model = DBSCAN(eps=distance, min_samples=FACES, metric="cosine")
    return np.asarray(model.fit_predict(vectors), np.int64)


def group_by_infomap(vectors: Vectors, similarity: float) -> Ints:
    """Return igraph's Infomap over pairs of at least this cosine, weighted by it."""
    igraph = importlib.import_module("igraph")
    first, second = _list_edges(vectors, similarity)
    weights = np.einsum("ij,ij->i", vectors[first], vectors[second])
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    graph = igraph.Graph(n=len(vectors), edges=pairs)
    found = graph.community_infomap(edge_weights=weights.tolist())
    return np.array(found.membership, np.int64)


def _list_edges(vectors: Vectors, similarity: float) -> tuple[Ints, Ints]:
    """Return the pairs i < j with at least this cosine."""
    first, second = np.nonzero(np.triu(vectors @ vectors.T >= similarity, k=1))
    return first.astype(np.int64), second.astype(np.int64)


def _span(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple(np.round(np.arange(first, last + step / 2, step), 4).tolist())


PEERS = (
    Peer(
        name="Immich's rule",
        parameter="cosine distance",
        default=0.5,
        tried=_span(0.40, 0.75, 0.025),
        group=group_as_immich,
    ),
    Peer(
        name="PhotoPrism's DBSCAN",
        parameter="Euclidean distance",
        default=0.64,
        tried=_span(0.60, 1.20, 0.05),
        group=group_as_photoprism,
    ),
    Peer(
        name="Chinese Whispers",
        parameter="cosine",
        default=0.40,
        tried=_span(0.25, 0.60, 0.025),
        group=group_as_dlib,
    ),
    Peer(
        name="hdbscan",
        parameter="epsilon",
        default=0.0,
        tried=(0.0, 0.9, 0.95, 1.0, 1.05, 1.095, 1.15),
        group=group_by_hdbscan,
    ),
    Peer(
        name="DBSCAN",
        parameter="cosine distance",
        default=0.60,
        tried=_span(0.45, 0.70, 0.025),
        group=group_by_dbscan,
    ),
)

INFOMAP = Peer(
    name="Infomap",
    parameter="cosine",
    default=0.40,
    tried=_span(0.25, 0.60, 0.025),
    group=group_by_infomap,
)


def list_peers() -> tuple[Peer, ...]:
    """Return the peers whose packages are installed."""
    is_installed = importlib.util.find_spec("igraph") is not None
    return (*PEERS, INFOMAP) if is_installed else PEERS
