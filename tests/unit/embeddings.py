"""Embeddings like those of face models, on the sphere: tight and loose people, and strangers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def make_embeddings(
    count: int, *, dim: int = 32, seed: int = 0, faces_each: float = 20, spread: float = 0.8
) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal((count // 5, dim))]
    left = count - count // 5
    while left > 0:
        faces = min(left, 2 + int(rng.exponential(faces_each)))
        width = spread * rng.uniform(0.4, 1.2)
        parts.append(rng.standard_normal(dim) + width * rng.standard_normal((faces, dim)))
        left -= faces
    return normalize(rng.permutation(np.concatenate(parts)))


def normalize(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def shuffle(vectors: npt.NDArray[np.float32], *, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(len(vectors))
