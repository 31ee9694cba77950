"""Sessions over a folder whose files are touched, moved, edited and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, PhotoRecord, TrainingOutcome
from cluster.core.pictures.placements import Relation
from cluster.core.sessions import Move, PhaseName
from cluster.store.items.census import list_doubtful, settle_files
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.people.people_list import get_person, list_people
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, found, make_face, record, settle_training, start_session
from tests.people import group

BOX = BoundingBox(100, 60, 180, 160)


@dataclass(frozen=True)
class Held:
    """The content of a file, and its relation to the file's earlier content."""

    record: PhotoRecord
    relation: Relation | None = None
    faces: tuple[Face, ...] = ()


def picture(name: str, *, faces: Sequence[Face] = (), **changes: Any) -> Held:
    """A file that holds this picture, in which detection finds these faces."""
    return Held(replace(record(name), **changes), faces=tuple(faces))


def face_at(box: BoundingBox, number: int = 1) -> Face:
    return replace(make_face(number), box=box)


def look(db: Session, files: dict[str, Held | None], *, times: dict[str, int] | None = None) -> int:
    """Run a session over /photos, which holds these files; None stands for an unchanged file.

    `times` are their modification times, by default 100. Returns the session's id.
    """
    session_id = start_session(db)
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    times = times or {}
    met = [FoundPhoto(path(name), 10, times.get(name, 100)) for name in files]
    add_found(db, session_id, met, pack=PACK)
    finish_discovery(db, session_id)
    by_path = {path(name): held for name, held in files.items()}
    read = []
    for item in list_pending(db, session_id, PhaseName.TRAINING, limit=10_000):
        held = by_path[item.path]
        assert held is not None, f"{item.path} is unchanged, but the session reads it"
        relation = held.relation
        read.append(
            TrainingOutcome(item.file_id, held.record, relation=relation, before=item.image_id)
        )
    settle_training(db, session_id, read, pack=PACK)
    gone = [one.file_id for one in list_doubtful(db, session_id) if one.path not in by_path]
    settle_files(db, session_id, root="/photos", gone=gone, now=NOW)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    skip_known(db, session_id)
    seen = [
        DetectionOutcome(item.file_id, held.faces)
        for item in list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=10_000)
        if (held := by_path[item.path]) is not None
    ]
    settle_detection(db, session_id, seen, pack=PACK, now=NOW)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    check_session(db, session_id)
    return session_id


def path(name: str) -> str:
    return found(name).path


def rows(db: Session, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


def count_detected(db: Session, session_id: int) -> int:
    query = (
        "SELECT count(*) FROM session_item WHERE session_id = {} AND detection_state = 'processed'"
    )
    return int(rows(db, query.format(session_id))[0][0])


def box_of(db: Session, face_id: int) -> BoundingBox:
    query = f"SELECT box_left, box_top, box_right, box_bottom FROM face WHERE id = {face_id}"
    (sides,) = rows(db, query)
    return BoundingBox(*sides)


def name_faces(db: Session) -> tuple[int, int]:
    """Name the person of the only face, which a user has placed; return both ids."""
    (face_id,) = (row[0] for row in rows(db, "SELECT id FROM face"))
    group(db, [-1])
    (person,) = list_people(db, pack=PACK, limit=10)
    db.execute(text("UPDATE person SET name = 'Ada', name_key = 'ada'"))
    db.execute(text("UPDATE face SET placed_by_user = true"))
    return face_id, person.id


def check_kept(db: Session, face_id: int, person_id: int) -> None:
    """Check that the only face still belongs to its named person, placed by a user."""
    assert rows(db, "SELECT id, person_id, placed_by_user FROM face") == [
        (face_id, person_id, True)
    ]
    assert get_person(db, person_id).name == "Ada"
    assert get_person(db, person_id).photos == 1


def turned(name: str, turn: int, *, faces: Sequence[Face] = ()) -> Held:
    """A file whose EXIF block turns the picture, so that the picture has other hashes."""
    size = {"width": 300, "height": 400} if turn >= 5 else {}
    other = record(f"{name} turned")
    hashes = {"phash": other.phash, "sha256": other.sha256}
    return picture(name, faces=faces, orientation=turn, **size, **hashes)
