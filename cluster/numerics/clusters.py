"""Vectors in, group labels out.

Contract: `vectors` is float32 (n, d), C-contiguous, each row of length 1; labels are int64 (n,), 0
to k - 1 for the k groups and -1 for a face that belongs to none. Fewer vectors than
`min_cluster_size` give no group; no vector gives no label.

Method: HDBSCAN (Campello, Moulavi, Sander, PAKDD 2013) by the library hdbscan, on Euclidean
distances, which order L2-normalised vectors as cosine distances do.
"""

from __future__ import annotations

import hdbscan
import numpy as np
import numpy.typing as npt


def cluster_vectors(
    vectors: npt.NDArray[np.float32], *, min_cluster_size: int = 3, min_samples: int = 3
) -> npt.NDArray[np.int64]:
    """Return the label of each vector, int64 (n,)."""
    if len(vectors) < min_cluster_size:
        return np.full(len(vectors), -1, dtype=np.int64)
    model = hdbscan.HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, core_dist_n_jobs=-1
    )
    return np.asarray(model.fit_predict(vectors), dtype=np.int64)
