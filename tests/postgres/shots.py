"""Sessions over the files of a shot: its raw file, its JPEG, and the film of a live photo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, PhotoRecord, TrainingOutcome
from cluster.core.pictures.placements import Relation
from cluster.core.sessions import Move, PhaseName
from cluster.store.items.census import list_doubtful, settle_files
from cluster.store.items.companion_items import (
    list_companions,
    release_companions,
    settle_companions,
)
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.people.people_list import get_person, list_people
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, make_face, record, settle_training, start_session
from tests.people import group

BOX = BoundingBox(100, 60, 180, 160)
HALF = BoundingBox(50, 30, 90, 80)
JPEG, RAW = "IMG_1.JPG", "IMG_1.CR2"


@dataclass(frozen=True)
class Held:
    """The content of a file; `size` is that of its picture, which detection searches."""

    record: PhotoRecord
    faces: tuple[Face, ...] = ()
    relation: Relation | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.record.width, self.record.height


def face(box: BoundingBox, number: int = 1) -> Face:
    return replace(make_face(number), box=box)


def jpeg(name: str = "shot", *, faces: Sequence[Face] = (face(BOX),), **changes: Any) -> Held:
    """The JPEG of a shot, 400 x 300."""
    return Held(replace(record(name), **changes), tuple(faces))


def raw(name: str = "shot", *, faces: Sequence[Face] = (face(HALF),), **changes: Any) -> Held:
    """The raw file of a shot; its preview has half the size and looks slightly different."""
    made = record(name, width=200, data="raw")
    preview = replace(made, phash=made.phash ^ 0b10101, blocks=b"\x80" * len(made.blocks))
    return Held(replace(preview, **changes), tuple(faces))


Files = Mapping[str, Held | None]


def look(
    db: Session,
    files: Files,
    *,
    times: Mapping[str, int] | None = None,
    pack: str = PACK,
    batch: int = 1,
    kill: Callable[[], bool] = lambda: False,
) -> int:
    """Run a session over /photos in batches of `batch` files; None stands for an unchanged file.

    `kill` ends the session before face detection.
    """
    session_id = start_session(db, pack=pack)
    when = {f"/photos/{name}": time for name, time in (times or {}).items()}
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    places = [f"/photos/{name}" for name in files]
    add_found(
        db, session_id, [FoundPhoto(one, 10, when.get(one, 100)) for one in places], pack=pack
    )
    read_all(db, session_id, files, pack=pack, batch=batch)
    if not kill():
        search_all(db, session_id, files, pack=pack)
    return session_id


def go_on(db: Session, session_id: int, files: Files, *, first: PhaseName) -> None:
    """Process the pending files of a restarted session, from this phase on."""
    if first is PhaseName.TRAINING:
        start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        read_all(db, session_id, files)
    search_all(db, session_id, files)


def read_all(
    db: Session, session_id: int, files: Files, *, pack: str = PACK, batch: int = 1
) -> None:
    """Read the pending files, batch by batch, and settle them."""
    by_path = {f"/photos/{name}": held for name, held in files.items()}
    finish_discovery(db, session_id)
    pending = list_pending(db, session_id, PhaseName.TRAINING, limit=100)
    for start in range(0, len(pending), batch):
        read = []
        for item in pending[start : start + batch]:
            held = by_path[item.path]
            assert held is not None, f"{item.path} is unchanged, but the session reads it"
            relation = held.relation
            read.append(
                TrainingOutcome(item.file_id, held.record, relation=relation, before=item.image_id)
            )
        settle_training(db, session_id, read, pack=pack)
    settle(db, session_id, by_path, pack=pack)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)


def search_all(db: Session, session_id: int, files: Files, *, pack: str = PACK) -> None:
    """Search the pending files for faces, and complete the session."""
    by_path = {f"/photos/{name}": held for name, held in files.items()}
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    skip_known(db, session_id)
    for item in list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=100):
        held = by_path[item.path]
        assert held is not None, f"{item.path} is searched again"
        seen = DetectionOutcome(item.file_id, held.faces, size=held.size)
        settle_detection(db, session_id, [seen], pack=pack, now=NOW)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    check_session(db, session_id)


def settle(db: Session, session_id: int, by_path: Files, *, pack: str = PACK) -> None:
    """Do what a session does at the end of training, twice: the second time changes nothing."""
    for _ in range(2):
        gone = [one.file_id for one in list_doubtful(db, session_id) if one.path not in by_path]
        settle_files(db, session_id, root="/photos", gone=gone, now=NOW)
        settle_companions(
            db, session_id, list_companions(db, session_id, root="/photos").pairs, pack=pack
        )
        release_companions(
            db, session_id, list_companions(db, session_id, root="/photos").loose, pack=pack
        )
        check_session(db, session_id)
    assert not list_companions(db, session_id, root="/photos").loose


def rows(db: Session, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


def items(db: Session, session_id: int) -> dict[str, tuple[str, str | None]]:
    """The state and the reason of each file in face detection."""
    query = (
        "SELECT f.path, detection_state, coalesce(detection_reason, '') FROM session_item s"
        f" JOIN file f ON f.id = s.file_id WHERE session_id = {session_id}"
    )
    return {path.removeprefix("/photos/"): (state, why) for path, state, why in rows(db, query)}


def photos(db: Session) -> list[tuple[int, int, int, bool]]:
    """The size of each photo, the number of its present files, and whether it is present."""
    return rows(
        db,
        "SELECT i.width, i.height, (SELECT count(*) FROM file WHERE image_id = i.id"
        " AND missing_since IS NULL AND NOT superseded), i.missing_since IS NULL"
        " FROM image i ORDER BY i.id",
    )


def companions(db: Session) -> list[str]:
    query = "SELECT path FROM file WHERE companion AND missing_since IS NULL ORDER BY path"
    return [path.removeprefix("/photos/") for (path,) in rows(db, query)]


def name_face(db: Session) -> tuple[int, int]:
    """Name the person of the only face, which a user has placed; return both ids."""
    (face_id,) = (row[0] for row in rows(db, "SELECT id FROM face"))
    group(db, [-1])
    (person,) = list_people(db, pack=PACK, limit=10)
    db.execute(text("UPDATE person SET name = 'Ada', name_key = 'ada'"))
    db.execute(text("UPDATE face SET placed_by_user = true"))
    return face_id, person.id


def check_named(db: Session, kept: tuple[int, int], box: BoundingBox = BOX) -> None:
    """Check that the only face still belongs to its named person, and lies in this box."""
    ((face_id, person_id, left, top, right, bottom),) = rows(
        db, "SELECT id, person_id, box_left, box_top, box_right, box_bottom FROM face"
    )
    assert (face_id, person_id) == kept
    assert get_person(db, kept[1]).name == "Ada"
    assert get_person(db, kept[1]).photos == 1
    assert (left, top, right, bottom) == pytest.approx(
        (box.left, box.top, box.right, box.bottom), abs=0.01
    )
