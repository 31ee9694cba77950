"""A library in the database with one film, whose file exists."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from cluster.core.files.listings import to_int64
from cluster.store.database.engine import begin
from tests.people import fill_people

_FILM = text("UPDATE image SET duration_s = :duration_s WHERE id = :id")
_FILE = text(
    """
    UPDATE file SET path = :path, sha256 = :sha256, size = :size, modified_ns = :modified_ns
    WHERE image_id = :id
    """
)
_TIMES = text("UPDATE face SET time_s = :time_s WHERE image_id = :id RETURNING id")


@dataclass(frozen=True)
class FilmInTables:
    """The film's photo, its only face, the person of this face, and another photo of the person."""

    image_id: int
    face_id: int
    person_id: int
    photo_id: int


def add_film(engine: Engine, path: Path, *, duration_s: float, time_s: float) -> FilmInTables:
    """Turn one of two photos of a person into a film, in which the person is seen at `time_s`."""
    people = fill_people(engine, 2)
    (person_id,) = people.ids
    status = path.stat()
    with begin(engine) as db:
        images = db.execute(text("SELECT id FROM image ORDER BY id")).scalars().all()
        image_id, photo_id = images
        key = {"id": image_id, "duration_s": duration_s, "time_s": time_s}
        db.execute(_FILM, key)
        (face_id,) = db.execute(_TIMES, key).scalars().all()
        told = {
            "path": str(path),
            "sha256": hashlib.sha256(path.read_bytes()).digest(),
            "size": status.st_size,
            "modified_ns": to_int64(status.st_mtime_ns),
        }
        db.execute(_FILE, {**told, "id": image_id})
    return FilmInTables(image_id, face_id, person_id, photo_id)
