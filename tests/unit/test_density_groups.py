"""The exact tree gives hdbscan's groups, whatever the order of the input."""

from __future__ import annotations

import itertools

import hdbscan
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import adjusted_rand_score

from bench.density_groups import Clustering, cluster_vectors, label_tree
from cluster.numerics.distinct import find_distinct
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors
from tests.unit.embeddings import make_embeddings, shuffle

LIBRARIES = [
    {"count": 300, "dim": 8, "faces_each": 10, "spread": 0.5},
    {"count": 500, "dim": 32, "faces_each": 20, "spread": 0.9},
    {"count": 500, "dim": 32, "faces_each": 200, "spread": 0.9},
    {"count": 300, "dim": 512, "faces_each": 8, "spread": 0.9},
    {"count": 500, "dim": 3, "faces_each": 30, "spread": 0.1},
]


def cluster(
    vectors: npt.NDArray[np.float32], *, min_samples: int = 3, **selected: object
) -> Clustering:
    distinct = find_distinct(vectors)
    workers = LocalWorkers(distinct.vectors)
    core, tree = span_vectors(distinct, workers, min_samples=min_samples, k=8, block_size=100)
    return label_tree(distinct, core, tree, **selected)  # type: ignore[arg-type]


def hdbscan_labels(vectors: npt.NDArray[np.float32], **options: object) -> npt.NDArray[np.int64]:
    model = hdbscan.HDBSCAN(
        **{"min_cluster_size": 3, "min_samples": 3, "approx_min_span_tree": False, **options}
    )
    return np.asarray(model.fit_predict(vectors.astype(np.float64)))


def are_same_groups(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    names, others = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    return len(pairs) == len(names) == len(others) and ((one < 0) == (other < 0)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_where_all_edges_differ_the_groups_are_exactly_hdbscans(library: dict[str, float]) -> None:
    """With min_samples 1 every point's core distance is that of an edge; all other edges differ."""
    vectors = make_embeddings(**library)  # type: ignore[arg-type]
    expected = hdbscan_labels(vectors, min_samples=1, min_cluster_size=5)
    found = cluster(vectors, min_samples=1, min_cluster_size=5)
    assert are_same_groups(found.labels, expected)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_with_equal_edges_it_agrees_with_hdbscan_as_hdbscan_does_with_itself(
    library: dict[str, float], seed: int
) -> None:
    vectors = make_embeddings(**library, seed=seed)  # type: ignore[arg-type]
    runs = []
    for turn in range(5):
        order = shuffle(vectors, seed=turn)
        labels = np.empty(len(vectors), dtype=np.int64)
        labels[order] = hdbscan_labels(vectors[order])
        runs.append(labels)
    itself = [adjusted_rand_score(one, other) for one, other in itertools.combinations(runs, 2)]
    found = cluster(vectors).labels
    ours = [adjusted_rand_score(found, run) for run in runs]
    assert np.mean(ours) >= min(itself) - 1e-9


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_groups_and_numbers_come_out_whatever_the_order(
    library: dict[str, float],
) -> None:
    vectors = make_embeddings(**library)  # type: ignore[arg-type]
    vectors = np.concatenate([vectors, vectors[:40], vectors[:20]])
    labels = cluster_vectors(vectors)
    for seed in range(3):
        order = shuffle(vectors, seed=seed)
        assert (cluster_vectors(vectors[order]) == labels[order]).all()


@pytest.mark.parametrize("size", [2, 10])
def test_the_smallest_group_means_what_it_means_in_hdbscan(size: int) -> None:
    vectors = make_embeddings(400, dim=16, spread=0.5)
    expected = hdbscan_labels(vectors, min_samples=1, min_cluster_size=size)
    assert are_same_groups(cluster(vectors, min_samples=1, min_cluster_size=size).labels, expected)


def test_groups_are_numbered_from_the_largest() -> None:
    labels = cluster_vectors(make_embeddings(400))
    sizes = np.bincount(labels[labels >= 0])
    assert len(sizes) > 1
    assert (np.diff(sizes) <= 0).all()


def test_strengths_lie_between_0_and_1_and_are_0_for_noise() -> None:
    found = cluster(make_embeddings(300))
    assert (found.strengths >= 0).all() and (found.strengths <= 1).all()
    assert (found.strengths[found.labels < 0] == 0).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_faces_than_a_group_make_no_group(count: int) -> None:
    vectors = make_embeddings(10)[:count]
    assert cluster_vectors(vectors).tolist() == [-1] * count


@pytest.mark.parametrize("copies", [2, 3, 4, 10])
def test_copies_share_a_label(copies: int) -> None:
    vectors = make_embeddings(200, seed=copies)
    vectors = np.concatenate([vectors, *[vectors[:50]] * (copies - 1)])
    found = cluster(vectors)
    for n in range(1, copies):
        assert (found.labels[:50] == found.labels[200 + 50 * (n - 1) : 200 + 50 * n]).all()
    assert np.isfinite(found.strengths).all()
