"""Keeps the decisions that could not be placed, and stages them for a later try.

A kept decision contains the records that it needs: the photo, the person, and the face. So it does
not depend on the imported file. It is deleted once it has been placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind
from cluster.core.decisions.decision_records import (
    ExportedAnswer,
    ExportedErasure,
    ExportedSide,
    read_answer,
    read_erasure,
    read_face,
    read_person,
    read_photo,
)
from cluster.store.database.copying import Staging
from cluster.store.decisions.kept_regions import check_kept_region
from cluster.store.decisions.staged_records import Staged, StagedFace, StagedPerson

KEPT = Staging("import_kept", (("kept_id", "int8"), ("kind", "text"), ("number", "int8")))
KEPT_PEOPLE = Staging(
    "import_kept_person", (("source", "text"), ("original", "int8"), ("number", "int8"))
)

MOST_AT_ONCE = 20_000
"""The most kept decisions in memory at the same time."""

# A kept person also records the person here that it became, and whether its attributes were
# applied.
_PERSON = """
    SELECT q.record::jsonb || jsonb_build_object('nameKey', q.name_key, 'here', t.person_id,
        'isApplied', q.is_applied OR t.person_id IS NOT NULL) AS person
    FROM import_person q LEFT JOIN LATERAL (
        SELECT person_id FROM import_target WHERE number = q.number ORDER BY pack LIMIT 1
    ) t ON true
    WHERE q.number = {number}
    """
_FILE = """
    SELECT sha256, path FROM import_file WHERE photo = {photo}
    ORDER BY path COLLATE "C", sha256 LIMIT 1
    """
_INSERT = """
    INSERT INTO kept_decision (source, kind, photo_sha256, path, decision, reason, kept_at)
    SELECT :source, l.kind, f.sha256, f.path, d.decision, l.reason, :now
    FROM import_left l {joins}
        LEFT JOIN LATERAL ({file}) f ON true
        CROSS JOIN LATERAL (SELECT {decision} AS decision) d
    WHERE l.kind = '{kind}' AND l.reason <> 'erased_here' AND NOT EXISTS (
        SELECT FROM kept_decision k WHERE k.kind = l.kind AND k.placed_at IS NULL
            AND (k.photo_sha256 = f.sha256 OR f.sha256 IS NULL AND k.photo_sha256 IS NULL)
            AND {kept} = {left}
    )
    """
_SIDE = """
    (SELECT jsonb_build_object(
        'face', (SELECT b.record::jsonb FROM import_face b WHERE b.number = a.{side}_face),
        'photo', (SELECT p.record::jsonb FROM import_face b JOIN import_photo p
            ON p.number = b.photo WHERE b.number = a.{side}_face),
        'person', (SELECT person FROM ({person}) q)))
    """


def _side(side: str) -> str:
    return _SIDE.format(side=side, person=_PERSON.format(number=f"a.{side}_person"))


def without_progress(decision: str) -> str:
    """Return SQL for a decision without the notes of later placings.

    These notes are ids of people, which are valid in one library only.
    """
    people = ("person", "first,person", "second,person")
    paths = (f"{one},{known}" for one in people for known in ("here", "isApplied"))
    return decision + "".join(f" #- '{{{path}}}'" for path in paths)


def _insert(
    kind: DecisionKind, *, joins: str, decision: str, photo: str = "CAST(NULL AS int8)"
) -> Any:
    file = _FILE.format(photo=photo)
    same = {"kept": without_progress("k.decision"), "left": without_progress("d.decision")}
    return text(_INSERT.format(kind=kind, joins=joins, decision=decision, file=file, **same))


_KEEP = (
    _insert(
        DecisionKind.PERSON,
        joins=f"LEFT JOIN LATERAL ({_PERSON.format(number='l.number')}) q ON true",
        decision="jsonb_build_object('person', q.person)",
    ),
    _insert(
        DecisionKind.FACE,
        joins=f"""
            JOIN import_face b ON b.number = l.number JOIN import_photo p ON p.number = b.photo
            LEFT JOIN LATERAL ({_PERSON.format(number="b.person")}) q ON true
            """,
        decision="""
            jsonb_build_object('photo', p.record::jsonb, 'person', q.person,
                'face', b.record::jsonb)
            """,
        photo="b.photo",
    ),
    _insert(
        DecisionKind.ERASED,
        joins="""
            JOIN import_erased b ON b.number = l.number JOIN import_photo p ON p.number = b.photo
            """,
        decision="jsonb_build_object('photo', p.record::jsonb, 'erased', b.record::jsonb)",
        photo="b.photo",
    ),
    _insert(
        DecisionKind.ANSWER,
        joins="JOIN import_answer a ON a.number = l.number",
        decision=f"""
            jsonb_build_object('answer', a.record::jsonb,
                'first', {_side("first")}, 'second', {_side("second")})
            """,
        photo="(SELECT b.photo FROM import_face b WHERE b.number = a.first_face)",
    ),
)

_IS_WAITING = text("SELECT EXISTS (SELECT FROM kept_decision WHERE placed_at IS NULL)")

# A decision cannot be placed while no file and no picture is that of its photo.
_WAITING = text(
    """
    SELECT k.id, k.source, k.kind, k.decision FROM kept_decision k
    WHERE k.placed_at IS NULL AND k.kind NOT IN ('person', 'region') AND (
        k.kind = 'answer' OR k.reason <> 'photo_absent'
        OR EXISTS (SELECT FROM file f WHERE f.sha256 = k.photo_sha256 AND f.image_id IS NOT NULL)
        OR EXISTS (SELECT FROM file f WHERE f.path = k.path AND f.image_id IS NOT NULL)
        OR decode(k.decision #>> '{photo,content}', 'hex')
            IN (SELECT content FROM image WHERE content IS NOT NULL))
        AND (k.kind = 'answer', k.id) > (:is_answer, :after)
    ORDER BY k.kind = 'answer', k.id LIMIT :limit
    """
)
_DELETE = text(
    """
    DELETE FROM kept_decision k USING import_kept x WHERE k.id = x.kept_id AND NOT EXISTS (
        SELECT FROM import_left l
        WHERE l.kind = x.kind AND l.number = x.number AND l.reason <> 'erased_here'
    )
    """
)
_DELETE_NAMED = text(
    """
    DELETE FROM kept_decision k USING person p
    WHERE k.kind = 'person' AND k.reason = 'named_here' AND p.pack = k.decision #>> '{person,pack}'
        AND p.name_key = k.decision #>> '{person,nameKey}'
    """
)
_UPDATE = text(
    """
    UPDATE kept_decision k SET reason = l.reason
    FROM import_kept x JOIN import_left l ON l.kind = x.kind AND l.number = x.number
    WHERE k.id = x.kept_id
    """
)

# Decisions whose photo is still absent are updated too.
_TELL_PERSON = text(
    """
    UPDATE kept_decision k
    SET decision = jsonb_set(k.decision, '{person}', k.decision -> 'person'
        || jsonb_build_object('here', t.person_id, 'isApplied', true))
    FROM import_kept_person x JOIN LATERAL (
        SELECT person_id FROM import_target WHERE number = x.number ORDER BY pack LIMIT 1
    ) t ON true
    WHERE k.source = x.source AND k.kind = 'face'
        AND CAST(k.decision #>> '{person,id}' AS bigint) = x.original
        AND (CAST(k.decision #>> '{person,here}' AS bigint),
            CAST(k.decision #>> '{person,isApplied}' AS boolean))
            IS DISTINCT FROM (t.person_id, true)
    """
)


def keep_left(db: Session, *, source: str, now: datetime) -> None:
    """Keep the records left by an import; an identical kept decision is not added again."""
    for statement in _KEEP:
        db.execute(statement, {"source": source, "now": now})


def is_waiting(db: Session) -> bool:
    """Tell whether any kept decision waits."""
    return bool(db.execute(_IS_WAITING).scalar_one())


def settle_kept(db: Session, staged: KeptRecords) -> None:
    """Delete the staged decisions that were placed, and record why the others were not."""
    KEPT.fill(db, staged.rows)
    db.execute(text(f"ANALYZE {KEPT.name}"))
    db.execute(_DELETE)
    db.execute(_UPDATE)
    people = ((*key, one.person.id) for key, one in staged.people.items())
    KEPT_PEOPLE.fill(db, people)
    db.execute(_TELL_PERSON)
    db.execute(_DELETE_NAMED)


@dataclass
class KeptRecords:
    """Kept decisions as records to stage, with each photo, person and face of a file once."""

    photos: dict[object, Any] = field(default_factory=dict)
    people: dict[tuple[str, int], StagedPerson] = field(default_factory=dict)
    faces: dict[object, StagedFace] = field(default_factory=dict)
    erased: list[ExportedErasure] = field(default_factory=list)
    answers: list[ExportedAnswer] = field(default_factory=list)
    rows: list[tuple[int, str, int]] = field(default_factory=list)

    def list_staged(self) -> Iterator[Staged]:
        """Yield the records, those of a kind together."""
        for records in (self.photos, self.people, self.faces):
            yield from records.values()
        yield from self.erased
        yield from self.answers

    def add(self, row: Any) -> None:
        """Add a kept decision."""
        source, kind, decision = row.source, DecisionKind(row.kind), row.decision
        match kind:
            case DecisionKind.FACE:
                number = self._add_face(source, decision)
            case DecisionKind.ERASED:
                number = self._add_erasure(source, decision)
            case DecisionKind.ANSWER:
                number = self._add_answer(source, decision)
            case DecisionKind.PERSON | DecisionKind.REGION:
                return  # It waits for a user, or region_placing.py places it.
        self.rows.append((row.id, kind, number))

    def _add_photo(self, source: str, record: dict[str, Any]) -> int:
        photo = read_photo(record)
        key = (source, photo.id)
        if key not in self.photos:
            self.photos[key] = replace(photo, id=len(self.photos) + 1)
        return int(self.photos[key].id)

    def _add_person(
        self, source: str, record: dict[str, Any] | None, *, is_conflict: bool = False
    ) -> int | None:
        if record is None:
            return None
        person = read_person(record)
        key = (source, person.id)
        known = self.people.get(key)
        if known is None:
            person = replace(person, id=len(self.people) + 1, cover_face=None)
            here, is_applied = record.get("here"), bool(record.get("isApplied"))
            known = StagedPerson(person, here, is_applied, is_conflict)
        elif not is_conflict:
            known = replace(known, is_conflict=False)
        self.people[key] = known
        return known.person.id

    def _add_face(self, source: str, decision: dict[str, Any], *, is_side: bool = False) -> int:
        face = read_face(decision["face"])
        key = (source, face.id)
        known = self.faces.get(key)
        if known is not None and (is_side or not known.is_side):
            return known.face.id
        number = len(self.faces) + 1 if known is None else known.face.id
        person = None if is_side else self._add_person(source, decision["person"])
        photo = self._add_photo(source, decision["photo"])
        staged = replace(face, id=number, photo=photo, person=person)
        self.faces[key] = StagedFace(staged, is_side)
        if person is not None and decision["person"].get("coverFace") == face.id:
            self._set_cover(source, decision["person"]["id"], number)
        return number

    def _set_cover(self, source: str, person_id: int, number: int) -> None:
        known = self.people[source, person_id]
        self.people[source, person_id] = replace(
            known, person=replace(known.person, cover_face=number)
        )

    def _add_erasure(self, source: str, decision: dict[str, Any]) -> int:
        photo = self._add_photo(source, decision["photo"])
        self.erased.append(replace(read_erasure(decision["erased"]), photo=photo))
        return len(self.erased)

    def _add_answer(self, source: str, decision: dict[str, Any]) -> int:
        answer = read_answer(decision["answer"])
        first = self._add_side(source, decision["first"], answer.first)
        second = self._add_side(source, decision["second"], answer.second)
        self.answers.append(replace(answer, first=first, second=second))
        return len(self.answers)

    def _add_side(self, source: str, decision: dict[str, Any], side: ExportedSide) -> ExportedSide:
        has_face = decision["face"] is not None
        face = self._add_face(source, decision, is_side=True) if has_face else None
        person = self._add_person(source, decision["person"], is_conflict=True)
        return ExportedSide(face, person, side.faces)


def check_kept(row: Any) -> None:
    """Raise ValueError, LookupError or TypeError for a row that no library could place."""
    if DecisionKind(row.kind) is DecisionKind.REGION:
        check_kept_region(row.decision)
    else:
        KeptRecords().add(row)


def list_waiting(db: Session) -> Iterator[KeptRecords]:
    """Yield the waiting decisions whose photo may be here, MOST_AT_ONCE at a time, answers last.

    The caller must settle each part before it asks for the next one, so that later parts know the
    people of earlier ones.
    """
    is_answer, after = False, 0
    while True:
        key = {"is_answer": is_answer, "after": after, "limit": MOST_AT_ONCE}
        records, rows = KeptRecords(), db.execute(_WAITING, key).all()
        for row in rows:
            records.add(row)
        if not rows:
            return
        is_answer, after = rows[-1].kind == DecisionKind.ANSWER, rows[-1].id
        del rows, row
        yield records
