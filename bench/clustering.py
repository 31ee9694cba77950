"""Measures the grouping of faces, compared with `hdbscan.HDBSCAN` on the same vectors.

    python -m bench.clustering [--vectors FILE.npy] [--faces N ...] [--people few|many]
                               [--baseline-faces N] [--json]

`FILE.npy` is float32 (n, d), like the vectors of a library. Without it, embeddings are generated:
many people with a few photos each (or, with `few`, a few people with thousands), tight and loose
groups, and one face in five belongs to a stranger. hdbscan runs with `min_cluster_size` 3 and
`min_samples` 3; the agreement is that of its groups with the same selection from Headcount's tree.
hdbscan's time grows with the square of the number of faces. If there are more than
`--baseline-faces`, hdbscan is measured on that many, and its time for all faces is extrapolated and
marked as such. The memory is the peak of the process before hdbscan runs in it. The allocator has
the settings of Headcount's workers. `--photos` and `--pack` are accepted for `make bench`, which
passes them to every script, and ignored.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bench.density_groups import Clustering, label_tree, load_tree_code
from cluster.environment import KEPT_MEMORY
from cluster.numerics.distinct import DistinctVectors, find_distinct
from cluster.numerics.grouping import Faces, Grouping, group_faces
from cluster.numerics.products.fastest_prefilter import choose_prefilter
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors
from cluster.vision.packs.pack_thresholds import ARCFACE

MIN_SAMPLES = 3
THREADS = os.cpu_count() or 1
FACES_EACH = {"many": 20.0, "few": 2500.0}
STRANGERS = 0.2


def main() -> None:
    """Print the time and memory for each number of faces, and the agreement with hdbscan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", metavar="FILE.npy")
    parser.add_argument("--faces", type=int, nargs="+", metavar="N", help="default: 10000, or all")
    parser.add_argument("--people", choices=sorted(FACES_EACH), default="many")
    parser.add_argument("--baseline-faces", type=int, default=10_000, metavar="N")
    parser.add_argument("--photos", metavar="DIR", help="not used")
    parser.add_argument("--pack", metavar="PACK", help="not used")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    keep_memory_as_workers_do()
    given = None if options.vectors is None else np.load(options.vectors).astype(np.float32)
    sizes = options.faces or [10_000 if given is None else len(given)]
    results = []
    load_tree_code()
    for faces in sorted(sizes):
        vectors = make_faces(faces, people=options.people) if given is None else given[:faces]
        results.append(measure(vectors))
        print_result(results[-1])
    compared = compare(vectors[: options.baseline_faces], faces=len(vectors))
    compared["ratio"] = compared["hdbscan_s"] / float(results[-1]["seconds"])
    print_result(compared)
    if options.json:
        print(json.dumps({"people": options.people, "runs": results, **compared}))


def keep_memory_as_workers_do() -> None:
    """Restart this process with the allocator settings of Headcount's workers.

    They apply to hdbscan, too.
    """
    wanted = {name: str(value) for name, value in KEPT_MEMORY.items()}
    if not wanted.items() <= os.environ.items():
        line = [sys.executable, "-m", "bench.clustering", *sys.argv[1:]]
        os.execve(sys.executable, line, os.environ | wanted)


def make_faces(count: int, *, people: str, dim: int = 512) -> npt.NDArray[np.float32]:
    """Return generated embeddings, float32 (count, dim), of length 1 and shuffled."""
    rng = np.random.default_rng(count)
    vectors = np.empty((count, dim), dtype=np.float32)
    at = int(count * STRANGERS)
    vectors[:at] = rng.standard_normal((at, dim), dtype=np.float32)
    while at < count:
        faces = min(count - at, 2 + int(rng.exponential(FACES_EACH[people])))
        looks = rng.standard_normal((faces, dim), dtype=np.float32) * rng.uniform(0.5, 1.0)
        vectors[at : at + faces] = looks + rng.standard_normal(dim, dtype=np.float32)
        at += faces
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rng.shuffle(vectors)
    return vectors


def measure(vectors: npt.NDArray[np.float32]) -> dict[str, float | int | str]:
    """Cluster with Headcount; return the time, the memory, and the number of people."""
    started = time.perf_counter()
    labels = group_faces(Faces.of_vectors(vectors), Grouping(ARCFACE), span=lambda d: span(d)[1])
    seconds = time.perf_counter() - started
    return {
        "faces": len(vectors),
        "prefilter": choose_prefilter(vectors).name,
        "dim": vectors.shape[1],
        "seconds": seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "vectors_mb": vectors.nbytes / 1e6,
        "people": int(labels.max(initial=-1)) + 1,
        "ungrouped": int((labels < 0).sum()),
    }


def span(distinct: DistinctVectors) -> tuple[npt.NDArray[np.float64], SpanningTree]:
    """Return the core distances and the tree, computed in this process."""
    choice = choose_prefilter(distinct.vectors)
    workers = LocalWorkers(distinct.vectors, make_prefilter=choice.make, threads=THREADS)
    return span_vectors(distinct, workers, min_samples=MIN_SAMPLES)


def find_density_groups(vectors: npt.NDArray[np.float32]) -> tuple[Clustering, SpanningTree]:
    """Return hdbscan's groups from Headcount's tree."""
    distinct = find_distinct(vectors)
    core, tree = span(distinct)
    return label_tree(distinct, core, tree), tree


def compare(vectors: npt.NDArray[np.float32], *, faces: int) -> dict[str, float | int]:
    """Run hdbscan on `vectors`; return its time for `faces`, and how the tree agrees with it."""
    import hdbscan
    from sklearn.metrics import adjusted_rand_score

    model = hdbscan.HDBSCAN(
        min_cluster_size=3, min_samples=MIN_SAMPLES, core_dist_n_jobs=-1, gen_min_span_tree=True
    )
    started = time.perf_counter()
    model.fit(vectors)
    seconds = time.perf_counter() - started
    ours, tree = find_density_groups(vectors)
    weight = float(model.minimum_spanning_tree_.to_numpy()[:, 2].sum())
    return {
        "baseline_faces": len(vectors),
        "baseline_s": seconds,
        "hdbscan_s": seconds * (faces / len(vectors)) ** 2,
        "hdbscan_s_is_worked_out": int(len(vectors) < faces),
        "adjusted_rand_index": float(adjusted_rand_score(model.labels_, ours.labels)),
        "tree_weight_relative_difference": float(tree.weights.sum()) / weight - 1,
    }


def print_result(result: Mapping[str, float | int | str]) -> None:
    """Print each figure on a line."""
    for name, value in result.items():
        print(f"{name:32} {value:14.6g}" if isinstance(value, float) else f"{name:32} {value:14}")


if __name__ == "__main__":
    main()
