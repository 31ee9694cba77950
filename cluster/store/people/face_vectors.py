"""Reads the faces of a pack: all vectors as one matrix, their boxes, and their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.store.database.copying import driver_connection
from cluster.store.people.face_rows import HEADER, TRAILER, unpack_rows

CHUNK_BYTES = 4 << 20

_IS_WANTED = """
    pack = :pack AND quality >= :min_quality AND verdict IS NULL AND embedding IS NOT NULL
    """
_COUNT = text(f"SELECT count(*) FROM face WHERE {_IS_WANTED}")
_DIMENSIONS = text(f"SELECT vector_dims(embedding) FROM face WHERE {_IS_WANTED} LIMIT 1")

_BOXES = text(
    """
    SELECT k.path, i.width::float / r.width AS scale,
        f.box_left, f.box_top, f.box_right, f.box_bottom, f.person_id
    FROM file k JOIN image i ON i.id = k.image_id
        JOIN image r ON r.id = coalesce(i.duplicate_of, i.id)
        JOIN face f ON f.image_id = r.id
    WHERE f.pack = :pack AND NOT k.superseded AND k.missing_since IS NULL ORDER BY k.id, f.id
    """
)

_COUNT_OF_SESSION = text(
    """
    SELECT count(*) FROM face f
    WHERE f.pack = (SELECT pack FROM training_session WHERE id = :session_id)
        AND f.image_id IN (
            SELECT unnest(ARRAY[i.id, i.duplicate_of])
            FROM session_item s JOIN file k ON k.id = s.file_id JOIN image i ON i.id = k.image_id
            WHERE s.session_id = :session_id
        )
    """
)

_COUNT_OF_FILMS = text(f"SELECT count(*) FROM face WHERE {_IS_WANTED} AND time_s IS NOT NULL")
_TIMES = text("SELECT id, time_s FROM face WHERE id = ANY(:ids) AND time_s IS NOT NULL")

_COPY_VECTORS = """
    COPY (
        SELECT f.id, image_id, coalesce(person_id, -1),
            placed_by_user OR coalesce(p.hidden, false), quality, embedding
        FROM face f LEFT JOIN person p ON p.id = person_id
        WHERE f.pack = %s AND quality >= %s AND verdict IS NULL
            AND embedding IS NOT NULL AND (time_s IS NOT NULL) = %s::boolean
        ORDER BY f.id LIMIT %s
    ) TO STDOUT (FORMAT BINARY)
    """


@dataclass(frozen=True, slots=True)
class FaceVectors:
    """The faces of one pack; row i of every array is the same face.

    The faces in photos come first, by id, then those in films, by id; `photo_faces` is the number
    of the former. `face_ids`, `image_ids`, `person_ids`: int64 (n,); the person of an ungrouped
    face is -1. `vectors`: float32 (n, d), C-contiguous, L2-normalised. `is_placed`: bool (n,); true
    when a user placed the face or hid its person, so that clustering must not move it. `qualities`
    float32 (n,). Faces with a verdict, and those without a vector, are left
    out.
    """

    face_ids: npt.NDArray[np.int64]
    image_ids: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    person_ids: npt.NDArray[np.int64]
    is_placed: npt.NDArray[np.bool_]
    qualities: npt.NDArray[np.float32]
    photo_faces: int

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.face_ids)

    @classmethod
    def empty(cls, count: int, *, dimensions: int) -> FaceVectors:
        """Return arrays of zeros for `count` faces."""
        return cls(
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.zeros((count, dimensions), np.float32),
            np.zeros(count, np.int64),
            np.zeros(count, np.bool_),
            np.zeros(count, np.float32),
            count,
        )

    def first(self, count: int) -> FaceVectors:
        """Return the first `count` faces, without a copy."""
        return FaceVectors(
            self.face_ids[:count],
            self.image_ids[:count],
            self.vectors[:count],
            self.person_ids[:count],
            self.is_placed[:count],
            self.qualities[:count],
            min(count, self.photo_faces),
        )


def load_vectors(db: Session, *, pack: str, min_quality: float) -> FaceVectors:
    """Return all faces of `pack` that have a vector and at least this quality.

    The rows are streamed in chunks, so little more memory is needed than for the matrix. Without a
    face, the arrays are empty and the matrix has no columns. Raises ValueError when the faces of
    the pack differ in dimensions.
    """
    key = {"pack": pack, "min_quality": min_quality}
    count = count_faces(db, pack=pack, min_quality=min_quality)
    dimensions = db.execute(_DIMENSIONS, key).scalar() or 0
    of_films = int(db.execute(_COUNT_OF_FILMS, key).scalar_one())
    faces = FaceVectors.empty(count, dimensions=dimensions)
    loaded = photo_faces = 0
    cursor = driver_connection(db).cursor()
    for is_film, limit in ((False, count - of_films), (True, of_films)):
        # LIMIT leaves out faces that were added after the count.
        limits = (pack, min_quality, is_film, limit)
        with cursor.copy(_COPY_VECTORS.encode(), limits) as copy:
            for chunk in _read_chunks(copy):
                rows = unpack_rows(chunk, dimensions=dimensions)
                _fill(faces, slice(loaded, loaded + len(rows)), rows)
                loaded += len(rows)
        photo_faces = photo_faces if is_film else loaded
    return replace(faces.first(loaded), photo_faces=photo_faces)


def _fill(faces: FaceVectors, here: slice, rows: npt.NDArray[np.void]) -> None:
    faces.face_ids[here] = rows["face_id"]
    faces.image_ids[here] = rows["image_id"]
    faces.vectors[here] = rows["vector"]
    faces.person_ids[here] = rows["person_id"]
    faces.is_placed[here] = rows["is_placed"]
    faces.qualities[here] = rows["quality"]


def load_moments(db: Session, faces: FaceVectors) -> npt.NDArray[np.int64]:
    """Return a number for the moment of each face, int64 (n,).

    It is the id of the photo, or a negative number for a time in a film. Two faces have equal
    numbers exactly if they were seen at the same time.
    """
    of_films = faces.face_ids[faces.photo_faces :].tolist()
    times = {row.id: row.time_s for row in db.execute(_TIMES, {"ids": of_films})}
    seen: dict[tuple[int, float | None], int] = {}
    moments = faces.image_ids.copy()
    for row, face_id in enumerate(of_films, start=faces.photo_faces):
        moment = (int(faces.image_ids[row]), times.get(face_id))
        moments[row] = -seen.setdefault(moment, len(seen) + 1)
    return moments


def _read_chunks(copy: psycopg.Copy) -> Iterator[bytes]:
    """Yield complete rows in chunks of CHUNK_BYTES or more, without the header and the trailer."""
    chunk = bytearray()
    for row in copy:
        if bytes(row[: len(HEADER)]) == HEADER:
            row = row[len(HEADER) :]
        if bytes(row) == TRAILER:
            continue
        chunk += row
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def count_faces(db: Session, *, pack: str, min_quality: float = 0.0) -> int:
    """Return how many faces of `pack` have a vector and at least this quality."""
    key = {"pack": pack, "min_quality": min_quality}
    return int(db.execute(_COUNT, key).scalar_one())


def count_session_faces(db: Session, session_id: int) -> int:
    """Return how many faces of the session's pack are in the session's photos.

    The faces that duplicates share are counted once.
    """
    return int(db.execute(_COUNT_OF_SESSION, {"session_id": session_id}).scalar_one())


def list_boxes(db: Session, *, pack: str) -> Iterator[tuple[str, BoundingBox, int | None]]:
    """Yield path, box and person of every face of the pack, photo by photo.

    The person of an ungrouped face is None. A duplicate has the faces of its representative, in its
    own pixels.
    """
    rows = db.execute(_BOXES, {"pack": pack}, execution_options={"yield_per": 10_000})
    for path, scale, *sides, person_id in rows:
        yield path, BoundingBox(*sides).scaled(scale), person_id
