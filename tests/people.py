"""A library whose faces are grouped: one photo for each face, and people of given sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.store.database.engine import begin
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.regrouping import assign_people
from tests.library import NOW, PACK, found, run_session


@dataclass(frozen=True)
class Grouped:
    """People by id, each with the ids of its faces; and the ungrouped faces."""

    session_id: int
    people: dict[int, list[int]]
    ungrouped: list[int]

    @property
    def ids(self) -> list[int]:
        """The ids of the people, in the order of the given sizes."""
        return list(self.people)


def fill_people(engine: Engine, *sizes: int, ungrouped: int = 0, pack: str = PACK) -> Grouped:
    """Index sum(sizes) + ungrouped photos and group their faces into people of these sizes."""
    with begin(engine) as db:
        photos = {f"{n:04}": found(f"{n:04}") for n in range(sum(sizes) + ungrouped)}
        session_id = run_session(db, photos, pack=pack)
        labels = [-1 - number for number, size in enumerate(sizes) for _ in range(size)]
        faces = group(db, [*labels, *[0] * ungrouped], pack=pack)
    people: dict[int, list[int]] = {}
    for face, person in faces.items():
        if person is not None:
            people.setdefault(person, []).append(face)
    return Grouped(session_id, people, [face for face, person in faces.items() if person is None])


def group(db: Session, person_ids: list[int], *, pack: str = PACK) -> dict[int, int | None]:
    """Give the faces, in order, to these people, as clustering does; return each face's person."""
    faces = load_vectors(db, pack=pack, min_quality=0.0)
    ids = np.array(person_ids, dtype=np.int64)
    assign_people(
        db,
        pack=pack,
        face_ids=faces.face_ids,
        seen_person_ids=faces.person_ids,
        person_ids=ids,
        now=NOW,
    )
    return people_of_faces(db, pack=pack)


def people_of_faces(db: Session, *, pack: str = PACK) -> dict[int, int | None]:
    """Return the person of each face, by the id of the face."""
    query = text("SELECT id, person_id FROM face WHERE pack = :pack ORDER BY id")
    return {row.id: row.person_id for row in db.execute(query, {"pack": pack})}


def half_alike(pack: str) -> PackThresholds:
    """The thresholds of a pack whose faces are one person from a cosine of 0.5."""
    thresholds = Thresholds(core=0.9, same=0.5, join=0.5, alike=0.8)
    return PackThresholds(thresholds, pack=pack, is_calibrated=True)


@dataclass(frozen=True)
class Album:
    """Photos by their numbers, the faces in each, and the people by their labels."""

    image_ids: list[int]
    face_ids: list[list[int]]
    people: dict[int, int]

    def of(self, *labels: int) -> list[int]:
        """The ids of the people with these labels."""
        return [self.people[label] for label in labels]

    def photo(self, image_id: int) -> int:
        """The number of a photo."""
        return self.image_ids.index(image_id)


def fill_album(engine: Engine, *photos: list[int], pack: str = PACK) -> Album:
    """Index these photos; each is the labels of its faces, 0 for an ungrouped one."""
    most = max(map(len, photos))
    with begin(engine) as db:
        found_photos = {f"{n:04}": found(f"{n:04}") for n in range(len(photos))}
        run_session(db, found_photos, pack=pack, faces_each=most)
        rows = db.execute(text("SELECT image_id, id FROM face WHERE pack = :pack ORDER BY id"),
                          {"pack": pack}).all()  # fmt: skip
        image_ids = list(dict.fromkeys(row.image_id for row in rows))
        faces = [[row.id for row in rows if row.image_id == one] for one in image_ids]
        kept = [of[: len(labels)] for of, labels in zip(faces, photos, strict=True)]
        gone = sorted({row.id for row in rows} - {face for of in kept for face in of})
        db.execute(text("DELETE FROM face WHERE id = ANY(:ids)"), {"ids": gone})
        labels = {
            face: label
            for of, given in zip(kept, photos, strict=True)
            for face, label in zip(of, given, strict=True)
        }
        placed = group(db, [-labels[face] for face in sorted(labels)], pack=pack)
    people = {labels[face]: person for face, person in placed.items() if person is not None}
    return Album(image_ids, kept, people)


def set_times(db: Session, album: Album, *times: str | None) -> None:
    """Set the times at which the photos of an album were taken."""
    for image_id, taken_at in zip(album.image_ids, times, strict=True):
        values = {"id": image_id, "taken_at": taken_at}
        db.execute(
            text("UPDATE image SET taken_at = CAST(:taken_at AS timestamp) WHERE id = :id"), values
        )
