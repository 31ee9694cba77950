"""Estimates the thresholds of an uncalibrated pack from the strangers in a library.

Two faces of one photo are nearly always two people, so the cosines between them are a free sample
of strangers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cluster.core.identity.thresholds import PackThresholds, Thresholds

MIN_STRANGERS = 300
"""The number of pairs of faces from which the spread of strangers is known to a tenth."""

NEXT_FACES = 5

CORE_SPREADS, SAME_SPREADS, JOIN_SPREADS, ALIKE_SPREADS = 6.2, 4.85, 3.8, 7.6
"""`Thresholds` as standard deviations above the mean cosine of strangers, as measured with the
calibrated ArcFace pack."""

MARGIN_SPREADS = 1.35
MAD_TO_DEVIATION = 1.4826
"""The standard deviation of normal values with a median absolute deviation of 1."""


def center_vectors(
    vectors: npt.NDArray[np.float32], center: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Subtract `center` from vectors, float32 (n, d), and normalise them again.

    Vectors with another dimension than `center` are returned unchanged.
    """
    if vectors.shape[1] != len(center):
        return vectors
    moved = vectors - np.asarray(center, dtype=np.float32)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.maximum(lengths, np.finfo(np.float32).tiny)


def choose_thresholds(
    pack: PackThresholds, strangers: npt.NDArray[np.floating]
) -> tuple[Thresholds, str]:
    """Return the thresholds for a library with these strangers, and one line about them."""
    if pack.is_calibrated:
        return pack.thresholds, describe(pack.thresholds, f"measured for the pack {pack.pack}")
    found = estimate_thresholds(strangers)
    if found is None:
        return pack.thresholds, describe(
            pack.thresholds,
            f"usual for ArcFace: the pack {pack.pack} is not calibrated, and of {MIN_STRANGERS} "
            f"pairs of faces in one photo that would tell, the library has {len(strangers)}",
        )
    source = f"from {len(strangers):,} pairs of faces in one photo of this library"
    return found, describe(found, source)


def describe(thresholds: Thresholds, source: str) -> str:
    """Return a line with the `same` cosine, its cosine distance, and its source."""
    return f"cosine {thresholds.same:.2f} and more (distance {1 - thresholds.same:.2f}), {source}"


def estimate_thresholds(strangers: npt.NDArray[np.floating]) -> Thresholds | None:
    """Return the thresholds that follow from cosines of strangers, (n,); None if too few.

    Uses the median and the median absolute deviation, because a few pairs are one person twice, in
    a collage.
    """
    if len(strangers) < MIN_STRANGERS:
        return None
    middle = float(np.median(strangers))
    spread = MAD_TO_DEVIATION * float(np.median(np.abs(strangers - middle)))

    def above(spreads: float) -> float:
        return min(0.99, middle + spreads * spread)

    return Thresholds(
        core=above(CORE_SPREADS),
        same=above(SAME_SPREADS),
        join=above(JOIN_SPREADS),
        alike=above(ALIKE_SPREADS),
        margin=MARGIN_SPREADS * spread,
    )


def sample_strangers(
    vectors: npt.NDArray[np.float32], photos: npt.NDArray[np.int64], *, at_most: int = 100_000
) -> npt.NDArray[np.float32]:
    """Return the cosines of pairs of faces of one photo, float32 (m,), m <= `at_most`.

    `vectors` float32 (n, d) of length 1, `photos` int64 (n,). Each face is paired with the next
    NEXT_FACES of its photo, so that a crowd does not dominate the sample.
    """
    order = np.argsort(photos, kind="stable")
    lefts, rights = [], []
    for step in range(1, NEXT_FACES + 1):
        is_pair = photos[order[:-step]] == photos[order[step:]]
        lefts.append(order[:-step][is_pair])
        rights.append(order[step:][is_pair])
    left, right = np.concatenate(lefts)[:at_most], np.concatenate(rights)[:at_most]
    return np.einsum("ij,ij->i", vectors[left], vectors[right])
