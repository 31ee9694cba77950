"""Lets faces of films join the people that were grouped from photos.

Faces of films take no part in grouping, so they do not change the people. A face of a film joins
like a single face of a photo (`joining`), and changes no person's direction. A person may have
several faces in one film, but not two at the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.joining import join_faces
from cluster.numerics.photo_conflicts import PhotoRules

NOBODY = 0
NOISE = -1


@dataclass(frozen=True, slots=True)
class Seen:
    """n faces of photos, then m faces of films.

    `rules` cover all n + m faces, and its `photos` are the moments: equal for faces that were seen
    at the same time. `person_ids` int64 (n + m,) are the new people of the faces of photos, NOBODY
    for none, and the previous people of the faces of films. `is_placed` bool (n + m,) marks faces
    that a user placed. `photo_faces` is n.
    """

    rules: PhotoRules
    person_ids: npt.NDArray[np.int64]
    is_placed: npt.NDArray[np.bool_]
    photo_faces: int


def join_film_faces(seen: Seen, thresholds: Thresholds) -> npt.NDArray[np.int64]:
    """Return the person of each face, int64 (n + m,), NOBODY for none.

    Faces of photos, and faces of films that a user placed, keep their person.
    """
    is_film = np.arange(len(seen.person_ids)) >= seen.photo_faces
    is_joining = is_film & ~seen.is_placed
    found = np.where(is_joining | (seen.person_ids < 0) & is_film, NOBODY, seen.person_ids)
    in_photos = ~is_film & (found != NOBODY)
    if not is_joining.any() or not in_photos.any():
        return found
    rows = np.flatnonzero(in_photos | is_joining)
    people, numbers = np.unique(found[in_photos], return_inverse=True)
    labels = np.full(len(rows), NOISE, dtype=np.int64)
    labels[in_photos[rows]] = numbers.reshape(-1)
    joined = join_faces(seen.rules.take(rows), labels, thresholds)
    found[rows] = np.where(joined < 0, NOBODY, people[joined])
    return seen.rules.release_beside_placed(found, seen.is_placed | ~is_film)
