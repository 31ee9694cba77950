"""Matches new groups to the known people, so that people keep their identity.

Groups and existing people are matched one to one by the number of shared faces, the largest overlap
first. Ties go to the smaller person id, then to the smaller label. Faces that a user placed stay
where they are and vote for their person. If at least two of them are the majority of the group's
known faces, the whole group joins that person. So merged and hidden people keep their state when
their groups grow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNGROUPED = 0
"""The value for an ungrouped face. New persons are -1, -2, ..."""

MIN_VOTES = 2
"""One face that a user corrected says nothing about its group."""


def match_identities(
    labels: npt.NDArray[np.int64],
    person_ids: npt.NDArray[np.int64],
    *,
    is_placed: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the person of each face, int64 (n,): an existing id, -k for the k-th new one, or 0.

    `labels` int64 (n,) are the new groups, -1 for none; `person_ids` int64 (n,) are the previous
    persons, -1 for none; `is_placed` bool (n,) marks faces that a user placed with a person or
    among the ungrouped faces.
    """
    persons = _match_labels(labels, person_ids, is_placed)
    found = np.full(len(labels), UNGROUPED, dtype=np.int64)
    is_grouped = labels >= 0
    found[is_grouped] = persons[labels[is_grouped]]
    found[is_placed] = np.where(person_ids > 0, person_ids, UNGROUPED)[is_placed]
    return found


def _match_labels(
    labels: npt.NDArray[np.int64],
    person_ids: npt.NDArray[np.int64],
    is_placed: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    count = int(labels.max(initial=-1)) + 1
    persons = np.zeros(count, dtype=np.int64)
    is_known = (labels >= 0) & (person_ids > 0)
    known = np.bincount(labels[is_known], minlength=count)
    is_vote = is_known & is_placed
    for label, person, votes in _pairs_by_overlap(labels[is_vote], person_ids[is_vote]):
        if votes >= MIN_VOTES and 2 * votes > known[label]:
            persons[label] = person
    taken: set[int] = set()
    for label, person, _ in _pairs_by_overlap(labels[is_known], person_ids[is_known]):
        if persons[label] == 0 and person not in taken:
            persons[label] = person
            taken.add(person)
    is_new = persons == 0
    persons[is_new] = -np.arange(1, int(is_new.sum()) + 1)
    return persons


def _pairs_by_overlap(
    labels: npt.NDArray[np.int64], person_ids: npt.NDArray[np.int64]
) -> list[tuple[int, int, int]]:
    """Return label, person and number of shared faces, the largest number first."""
    pairs = np.stack([labels, person_ids], axis=1)
    distinct, shared = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((distinct[:, 0], distinct[:, 1], -shared))
    rows = zip(distinct[order].tolist(), shared[order].tolist(), strict=True)
    return [(label, person, count) for (label, person), count in rows]
