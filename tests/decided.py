"""Libraries in which users make random decisions, and their exports."""

from __future__ import annotations

import io
import itertools
import json
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import HeadcountError
from cluster.core.identity.changes import Answer, Elsewhere, PersonEdit
from cluster.core.identity.faces import FaceVerdict
from cluster.core.identity.same_person import GivenAnswer
from cluster.store.database.engine import begin
from cluster.store.decisions.decision_reading import read_decisions
from cluster.store.decisions.decision_writing import begin_export, write_decisions
from cluster.store.decisions.importing import ImportReport, import_decisions
from cluster.store.erasing import erase_all, erase_person
from cluster.store.people.answers import record_answer
from cluster.store.people.change_history import find_last_change
from cluster.store.people.cover_choice import choose_cover
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.people_list import list_people
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.undo_log import undo_change
from tests.library import NOW, PACK, found, run_session
from tests.people import Album, fill_album

NAMES = ("Anna", "Bea", "Émile O'Connor", "日本", 'a;b,"c"', "Zoë")

# Each face of a photo has a place of its own.
_SPREAD = text(
    """
    UPDATE face f SET box_left = 10.25 + 60 * n.place, box_right = 60.5 + 60 * n.place
    FROM (
        SELECT id, row_number() OVER (PARTITION BY image_id, pack ORDER BY id) - 1 AS place
        FROM face
    ) n WHERE n.id = f.id AND f.image_id <> ALL(:known)
    """
)


def fill_decided(engine: Engine, *photos: list[int], pack: str = PACK) -> Album:
    """Fill an album whose faces do not overlap."""
    album = fill_album(engine, *photos, pack=pack)
    with begin(engine) as db:
        db.execute(_SPREAD, {"known": []})
    return album


def refill(engine: Engine, *photos: list[int], pack: str = PACK) -> Album:
    """Erase everything, and index the same photos with these labels, as in a new library."""
    with begin(engine) as db:
        erase_all(db)
    return fill_decided(engine, *photos, pack=pack)


def export(engine: Engine, pack: str | None = None) -> bytes:
    """Return the export of a library."""
    stream = io.BytesIO()
    with begin_export(engine) as db:
        write_decisions(db, stream, now=NOW, pack=pack)
    return stream.getvalue()


def parse(exported: bytes) -> dict[str, Any]:
    """Return an export as a document."""
    document: dict[str, Any] = json.loads(exported)
    return document


def take_in(engine: Engine, exported: bytes, *, source: str = "export.json") -> ImportReport:
    """Import an export."""
    with begin(engine) as db:
        records = read_decisions(io.BytesIO(exported), name=source)
        return import_decisions(db, records, source=source, now=NOW + timedelta(days=1))


def decide(db: Session, random: Random, *, times: int) -> None:
    """Make this many random decisions; one that is impossible is skipped."""
    for n in range(times):
        act = random.choice(_ACTS)
        try:
            with db.begin_nested():
                act(db, random, n)
        except (HeadcountError, IndexError):  # For example, a choice among no faces.
            continue


def _someone(db: Session, random: Random) -> Any:
    people = list_people(db, pack=PACK, limit=100, with_hidden=True)
    if not people:
        raise HeadcountError("nobody")
    return random.choice(people)


def _faces_of(db: Session, person_id: int | None) -> list[int]:
    query = text(
        "SELECT id FROM face WHERE person_id IS NOT DISTINCT FROM :id AND verdict IS NULL"
        " AND pack = :pack ORDER BY id"
    )
    return list(db.execute(query, {"id": person_id, "pack": PACK}).scalars())


def _name(db: Session, random: Random, n: int) -> None:
    person = _someone(db, random)
    edit = PersonEdit.renaming(random.choice([*NAMES, None]))
    edit_person(db, person.id, edit, version=person.version, now=_time(n))


def _date(db: Session, random: Random, n: int) -> None:
    person = _someone(db, random)
    day = NOW.date() - timedelta(days=random.randint(1, 20_000))
    edit = PersonEdit.hiding(None).with_birth_date(day)
    edit_person(db, person.id, edit, version=person.version, now=_time(n))


def _hide(db: Session, random: Random, n: int) -> None:
    person = _someone(db, random)
    edit = PersonEdit.hiding(not person.hidden)
    edit_person(db, person.id, edit, version=person.version, now=_time(n))


def _merge(db: Session, random: Random, n: int) -> None:
    one, other = _someone(db, random), _someone(db, random)
    versions = {one.id: one.version, other.id: other.version}
    merge_people(db, one.id, [other.id], versions=versions, now=_time(n))


def _move(db: Session, random: Random, n: int) -> None:
    person = _someone(db, random)
    faces = _faces_of(db, person.id)
    chosen = random.sample(faces, min(len(faces), random.randint(1, 2)))
    to = random.choice([Elsewhere.NEW, Elsewhere.UNGROUPED, _someone(db, random).id])
    move_faces(db, person.id, chosen, to=to, version=person.version, now=_time(n))


def _move_ungrouped(db: Session, random: Random, n: int) -> None:
    faces = _faces_of(db, None)
    if faces:
        to = random.choice([Elsewhere.NEW, _someone(db, random).id])
        move_ungrouped_faces(db, [random.choice(faces)], to=to, pack=PACK, now=_time(n))


def _judge(db: Session, random: Random, n: int) -> None:
    faces = [*_faces_of(db, None), *_faces_of(db, _someone(db, random).id)]
    judge_faces(db, [random.choice(faces)], random.choice(list(FaceVerdict)), now=_time(n))


def _cover(db: Session, random: Random, n: int) -> None:
    person = _someone(db, random)
    face = random.choice(_faces_of(db, person.id))
    choose_cover(db, person.id, face, version=person.version, now=_time(n))


def _answer(db: Session, random: Random, n: int) -> None:
    faces = [*_faces_of(db, _someone(db, random).id), *_faces_of(db, None)]
    faces += _faces_of(db, _someone(db, random).id)
    first, second = random.choice(faces), random.choice(faces)
    answer = random.choice(list(Answer))
    given = GivenAnswer(first_face_id=first, second_face_id=second, answer=answer)
    record_answer(db, given, now=_time(n))


def _erase(db: Session, random: Random, n: int) -> None:
    if random.random() < 0.4:
        erase_person(db, _someone(db, random).id)


def _undo(db: Session, random: Random, n: int) -> None:
    change = find_last_change(db, pack=PACK)
    if change is not None:
        undo_change(db, change.id, now=_time(n))


def _time(n: int) -> Any:
    return NOW + timedelta(minutes=n, microseconds=7 * n)


_ACTS = (_name, _name, _date, _hide, _merge, _move, _move, _move_ungrouped, _judge, _cover, _answer,
         _answer, _erase, _undo)  # fmt: skip


def index_more(engine: Engine, *photos: list[int]) -> None:
    """Index these photos in one more session; the known ones keep their faces, others are new."""
    most = max(map(len, photos))
    with begin(engine) as db:
        known = set(db.execute(text("SELECT id FROM image")).scalars())
        names = {f"{n:04}": found(f"{n:04}") for n in range(len(photos))}
        run_session(db, names, faces_each=most)
        query = text("SELECT image_id, id FROM face ORDER BY image_id, id")
        fresh = [row for row in db.execute(query) if row.image_id not in known]
        by_photo = [list(group) for _, group in itertools.groupby(fresh, key=lambda row: row[0])]
        counts = list(map(len, photos))[len(known) :]
        gone = [row.id for of, n in zip(by_photo, counts, strict=True) for row in of[n:]]
        db.execute(text("DELETE FROM face WHERE id = ANY(:ids)"), {"ids": gone})
        db.execute(_SPREAD, {"known": list(known)})
