"""Adds the answers of an import to those of this library."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.decisions.left_records import leave

# A side is the face or, if none was found, the person of that time. A missing photo is waited for.
_SIDES = text(
    """
    SELECT a.number, a.answer, a.answered_at, a.first_faces, a.second_faces,
        f.id AS first_face, g.id AS second_face, coalesce(f.pack, g.pack, a.pack) AS pack,
        p.person_id AS first_person, q.person_id AS second_person,
        f.pack <> g.pack AS is_apart, EXISTS (
            SELECT FROM import_face b WHERE b.number IN (a.first_face, a.second_face)
                AND NOT EXISTS (SELECT FROM import_place s WHERE s.photo = b.photo)
        ) AS lacks_photo
    FROM import_answer a LEFT JOIN import_match m ON m.number = a.first_face
        LEFT JOIN face f ON f.id = m.face_id
        LEFT JOIN import_match n ON n.number = a.second_face
        LEFT JOIN face g ON g.id = n.face_id
        LEFT JOIN import_target p ON p.number = a.first_person
            AND p.pack = coalesce(f.pack, g.pack, a.pack)
        LEFT JOIN import_target q ON q.number = a.second_person
            AND q.pack = coalesce(f.pack, g.pack, a.pack)
    ORDER BY a.number
    """
)
_KNOWN = text(
    """
    SELECT first_face_id, second_face_id, first_person_id, second_person_id, answer, answered_at
    FROM face_answer
    """
)
_ADD = text(
    """
    INSERT INTO face_answer (pack, first_face_id, second_face_id, first_person_id,
        second_person_id, first_faces, second_faces, answer, answered_at)
    SELECT :pack, CAST(:first_face AS bigint), CAST(:second_face AS bigint),
        (SELECT id FROM person WHERE id = :first_person),
        (SELECT id FROM person WHERE id = :second_person), :first_faces, :second_faces, :answer,
        :answered_at
    """
)


def add_answers(db: Session) -> int:
    """Add the answers whose two sides are here, unless they are known; return how many.

    Answers without one of their sides here are left.
    """
    known = {
        _name(row.first_face_id, row.first_person_id, row.second_face_id, row.second_person_id, row)
        for row in db.execute(_KNOWN)
    }
    added, left = [], []
    for row in db.execute(_SIDES).all():
        first, second = row.first_face or row.first_person, row.second_face or row.second_person
        if first is None or second is None or row.is_apart or row.lacks_photo:
            reason = LeftReason.PHOTO_ABSENT if row.lacks_photo else LeftReason.NO_FACE
            left.append((row.number, reason))
            continue
        name = _name(row.first_face, row.first_person, row.second_face, row.second_person, row)
        if name not in known:
            known.add(name)
            added.append(dict(row._mapping))
    if added:
        db.execute(_ADD, added)
    leave(db, DecisionKind.ANSWER, left)
    return len(added)


def _name(
    face: int | None, person: int | None, other_face: int | None, other_person: int | None, row: Any
) -> tuple[object, ...]:
    """Return the identity of an answer: its two sides, the answer itself, and its time."""
    one = (face, None if face is not None else person)
    other = (other_face, None if other_face is not None else other_person)
    return frozenset((one, other)), row.answer, row.answered_at
