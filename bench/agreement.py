"""How well groups agree with labels: BCubed (Amigo et al., Information Retrieval 2009) and pairs.

The groups of faces are int64 (n,): -1 is a face in no group, and counts as a person of its own. The
labels of faces are int64 (n,): -1 is a face without a label, which counts only in the number of
conflicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RESAMPLES = 200
LEAST_FACES = 3
"""Smaller groups do not count as people, for any method, as in Headcount."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The BCubed precision and recall of some faces."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """The harmonic mean of the two."""
        return harmonic(self.precision, self.recall)


@dataclass(frozen=True, slots=True)
class FaceScores:
    """The BCubed scores of the m labelled faces: float64 (m,) each, and their labels int64 (m,)."""

    precision: Floats
    recall: Floats
    labels: Ints

    def among(self, is_chosen: Mask) -> FaceScores:
        """Return the scores of some of the m faces, bool (m,)."""
        return FaceScores(self.precision[is_chosen], self.recall[is_chosen], self.labels[is_chosen])

    def average(self) -> Agreement:
        """Return the agreement over all labelled faces; 1.0 if there are none."""
        if not len(self.labels):
            return Agreement(1.0, 1.0)
        return Agreement(float(self.precision.mean()), float(self.recall.mean()))

    def resample(self, *, seed: int, times: int = RESAMPLES) -> list[Agreement]:
        """Return the agreement of `times` draws of as many identities, with replacement."""
        names, places, counts = np.unique(self.labels, return_inverse=True, return_counts=True)
        precision = np.bincount(places, self.precision)
        recall = np.bincount(places, self.recall)
        rng = np.random.default_rng(seed)
        drawn = (rng.integers(0, len(names), len(names)) for _ in range(times if len(names) else 0))
        return [
            Agreement(
                float(precision[some].sum() / counts[some].sum()),
                float(recall[some].sum() / counts[some].sum()),
            )
            for some in drawn
        ]


def score_faces(labels: Ints, groups: Ints) -> FaceScores:
    """Return the score of each labelled face, against all labelled faces."""
    is_scored = labels >= 0
    truth, found = labels[is_scored], name_alone(groups)[is_scored]
    pairs, pair_of = np.unique(np.stack([truth, found]), axis=1, return_inverse=True)
    both = np.bincount(pair_of.reshape(-1), minlength=pairs.shape[1])[pair_of.reshape(-1)]
    precision, recall = both / _count_equals(found), both / _count_equals(truth)
    return FaceScores(precision, recall, truth)


def name_alone(groups: Ints) -> Ints:
    """Return the groups with a new number for each ungrouped face, int64 (n,)."""
    alone = int(groups.max(initial=-1)) + 1 + np.arange(len(groups))
    return np.where(groups >= 0, groups, alone)


def _count_equals(values: Ints) -> Ints:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[places.reshape(-1)]


def drop_pairs(groups: Ints, *, least: int = LEAST_FACES) -> Ints:
    """Return the groups, with -1 for the faces of groups of fewer than `least` faces."""
    sizes = np.bincount(groups[groups >= 0], minlength=1)
    return np.where((groups >= 0) & (sizes[groups] >= least), groups, -1)


def count_conflicts(groups: Ints, photos: Ints) -> int:
    """Return the number of photos in which a person appears twice."""
    is_grouped = groups >= 0
    keys, counts = np.unique(
        np.stack([photos[is_grouped], groups[is_grouped]]), axis=1, return_counts=True
    )
    return len(np.unique(keys[0, counts > 1]))


def score_bcubed(truth: Sequence[object], found: Sequence[object]) -> tuple[float, float]:
    """Return the BCubed precision and recall of the groups `found`."""
    if not truth:
        return 1.0, 1.0
    both = Counter(zip(truth, found, strict=True))
    true_sizes, found_sizes = Counter(truth), Counter(found)
    precision = sum(n * n / found_sizes[group] for (_, group), n in both.items())
    recall = sum(n * n / true_sizes[name] for (name, _), n in both.items())
    return precision / len(truth), recall / len(truth)


def score_pairs(truth: Sequence[object], found: Sequence[object]) -> float:
    """Return the F measure over all pairs of faces in the same group."""
    shared = sum(n * (n - 1) for n in Counter(zip(truth, found, strict=True)).values())
    true_pairs = sum(n * (n - 1) for n in Counter(truth).values())
    found_pairs = sum(n * (n - 1) for n in Counter(found).values())
    return 2 * shared / (true_pairs + found_pairs) if true_pairs + found_pairs else 1.0


def harmonic(precision: float, recall: float) -> float:
    """Return the harmonic mean of precision and recall, the F measure."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
