"""Reads the faces from which suggestions are made, and detects when they have changed.

Memory is bounded: only the FACES_EACH faces of best quality of each person, and the UNGROUPED
ungrouped faces of best quality, are compared. Hidden people, faces with a verdict, missing photos,
and faces that a user took from their person are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.ages import UNSET_CLOCK_DAYS
from cluster.store.database.copying import driver_connection
from cluster.store.people.face_rows import HEADER, TRAILER, vector_of_face_type

UNKNOWN_DAY = -(1 << 40)
FACES_EACH = 24
UNGROUPED = 20_000
BATCH = 4_096

_FACES = text(
    """
    WITH shown AS (
        SELECT f.id, f.person_id, f.quality,
            CASE WHEN f.time_s IS NULL THEN f.image_id
                ELSE -(f.image_id * 100000000 + round(f.time_s * 1000)::bigint) END AS image_id,
            p.name IS NOT NULL AS is_named,
            CASE WHEN i.taken_at::date = ANY(:unset) THEN NULL ELSE i.taken_at::date END AS day
        FROM face f JOIN image i ON i.id = f.image_id LEFT JOIN person p ON p.id = f.person_id
        WHERE f.pack = :pack AND f.verdict IS NULL AND i.missing_since IS NULL
            AND f.embedding IS NOT NULL
            AND CASE WHEN p.id IS NULL THEN f.quality >= :min_quality AND NOT f.placed_by_user
                ELSE NOT p.hidden END
    ), ranked AS (
        SELECT *, count(*) OVER (PARTITION BY person_id) AS size,
            row_number() OVER (PARTITION BY person_id ORDER BY quality DESC, id) AS place
        FROM shown
    )
    SELECT id, image_id, coalesce(person_id, -1), quality, size, is_named,
        coalesce(day - DATE '1970-01-01', :unknown)
    FROM ranked
    WHERE place <= CASE WHEN person_id IS NULL THEN :ungrouped ELSE :faces_each END
    ORDER BY id
    """
)

_DIMENSIONS = text("SELECT vector_dims(embedding) FROM face WHERE id = ANY(:ids)")
_COPY = b"COPY (SELECT id, embedding FROM face WHERE id = ANY(%s)) TO STDOUT (FORMAT BINARY)"

_STATE = text(
    """
    SELECT (SELECT max(id) FROM person_change WHERE pack = :pack),
        (SELECT max(id) FROM face_answer WHERE pack = :pack),
        (SELECT (max(completed_at), sum(attempt))::text FROM session_phase
            WHERE phase = 'clustering' AND status = 'completed')
    """
)


@dataclass(frozen=True, slots=True)
class SideVectors:
    """The compared faces of one pack, by id; row i of every array is the same face.

    `face_ids`, `image_ids`, `person_ids`: int64 (n,), -1 for an ungrouped face. Each moment of a
    film counts as a photo, with a negative id. `qualities` float32 (n,). `sizes` int64 (n,): the
    faces of the person. `is_named` bool (n,). `days` int64 (n,): when the photo was taken, in days
    since 1970; UNKNOWN_DAY without a time, or with the time of a clock that was never set.
    `vectors` float32 (n, d).
    """

    face_ids: npt.NDArray[np.int64]
    image_ids: npt.NDArray[np.int64]
    person_ids: npt.NDArray[np.int64]
    qualities: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.int64]
    is_named: npt.NDArray[np.bool_]
    days: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


def find_state(db: Session, *, pack: str) -> tuple[object, ...]:
    """Return a value that differs after each change by a user, and after each clustering."""
    return tuple(db.execute(_STATE, {"pack": pack}).one())


def load_side_vectors(db: Session, *, pack: str, min_quality: float) -> SideVectors:
    """Return the faces of people who are not hidden, and the ungrouped faces of this quality."""
    key = {
        "pack": pack,
        "min_quality": min_quality,
        "ungrouped": UNGROUPED,
        "faces_each": FACES_EACH,
        "unset": list(UNSET_CLOCK_DAYS),
        "unknown": UNKNOWN_DAY,
    }
    rows = np.array([tuple(row) for row in db.execute(_FACES, key)], np.float64).reshape(-1, 7)
    vectors, is_there = _load_vectors(db, rows[:, 0].astype(np.int64))
    rows = rows[is_there]
    return SideVectors(
        face_ids=rows[:, 0].astype(np.int64),
        image_ids=rows[:, 1].astype(np.int64),
        person_ids=rows[:, 2].astype(np.int64),
        qualities=rows[:, 3].astype(np.float32),
        sizes=rows[:, 4].astype(np.int64),
        is_named=rows[:, 5] > 0,
        days=rows[:, 6].astype(np.int64),
        vectors=vectors[is_there],
    )


def _load_vectors(
    db: Session, face_ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the vectors of sorted faces, float32 (n, d), and a mask of those that still exist."""
    count = len(face_ids)
    sample = face_ids[:1].tolist()
    dimensions = int(db.execute(_DIMENSIONS, {"ids": sample}).scalar() or 0)
    vectors, is_there = np.zeros((count, dimensions), np.float32), np.zeros(count, np.bool_)
    for start in range(0, count, BATCH):
        rows = _copy(db, face_ids[start : start + BATCH].tolist(), dimensions=dimensions)
        places = np.searchsorted(face_ids, rows["face_id"].astype(np.int64))
        vectors[places], is_there[places] = rows["vector"], True
    return vectors, is_there


def _copy(db: Session, face_ids: Sequence[int], *, dimensions: int) -> npt.NDArray[np.void]:
    with driver_connection(db).cursor().copy(_COPY, (face_ids,)) as copy:
        data = b"".join(copy)
    return np.frombuffer(
        data.removeprefix(HEADER).removesuffix(TRAILER), vector_of_face_type(dimensions)
    )
