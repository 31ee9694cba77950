"""Lets single faces join groups: faces in no group, or with too low a quality to found one.

A face joins the group with the nearest mean direction, if that is near enough and no other group is
nearly as near. It does not change the direction, so it never bridges two groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.merging_nodes import ENTRIES_AT_ONCE
from cluster.numerics.photo_conflicts import PhotoRules


def join_faces(
    rules: PhotoRules, labels: npt.NDArray[np.int64], thresholds: Thresholds
) -> npt.NDArray[np.int64]:
    """Return the labels, int64 (n,), after faces with label -1 joined the groups 0 to k - 1."""
    found = labels.copy()
    groups = [np.flatnonzero(labels == label) for label in range(int(labels.max(initial=-1)) + 1)]
    if not groups:
        return found
    loose = np.flatnonzero(labels < 0)
    directions = _find_directions(rules.vectors, groups)
    nearest, cosines, gaps = _find_nearest(rules.vectors, loose, directions)
    is_near = (cosines >= np.float32(thresholds.join)) & (gaps >= np.float32(thresholds.margin))
    members = {label: [rows] for label, rows in enumerate(groups)}
    order = np.lexsort((loose[is_near], -cosines[is_near]))
    pairs = zip(loose[is_near][order], nearest[is_near][order].tolist(), strict=True)
    for row, label in pairs:
        if _may_join(rules, row, members[label]):
            found[row] = label
            members[label].append(np.array([row]))
    return found


def _find_directions(
    vectors: npt.NDArray[np.float32], groups: list[npt.NDArray[np.int64]]
) -> npt.NDArray[np.float32]:
    sums = np.stack([vectors[rows].sum(axis=0, dtype=np.float64) for rows in groups])
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return (sums / lengths).astype(np.float32)


def _find_nearest(
    vectors: npt.NDArray[np.float32],
    loose: npt.NDArray[np.int64],
    directions: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the nearest group of each face, its cosine, and its lead over the next group."""
    nearest = np.empty(len(loose), dtype=np.int64)
    cosines = np.empty(len(loose), dtype=np.float32)
    gaps = np.empty(len(loose), dtype=np.float32)
    size = max(1, ENTRIES_AT_ONCE // len(directions))
    for start in range(0, len(loose), size):
        part = slice(start, start + size)
        products = vectors[loose[part]] @ directions.T
        rows = np.arange(len(products))
        nearest[part] = products.argmax(axis=1)
        cosines[part] = products[rows, nearest[part]]
        products[rows, nearest[part]] = -2
        gaps[part] = cosines[part] - products.max(axis=1)
    return nearest, cosines, gaps


def _may_join(rules: PhotoRules, row: int, members: list[npt.NDArray[np.int64]]) -> bool:
    """Tell whether a face may join a group: no face of the group is in its photo or told apart."""
    one = np.array([row])
    group = np.concatenate(members)
    if rules.apart.are_apart(rules.apart.list_sides(one), rules.apart.list_sides(group)):
        return False
    beside = group[rules.photos[group] == rules.photos[row]]
    return not len(beside) or rules.are_alike(one, beside)
