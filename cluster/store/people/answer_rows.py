"""Stores answers to suggestions, and finds the sides to which they apply now.

The side of a face is its person, else the person at the time of the answer if that still exists,
else the face itself. Its code is the id of the person, or minus the id of the face. An answer whose
two sides are one person has no effect, because the people were merged, or clustering grouped them
together. If that is undone, the answer applies again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.same_person import AnsweredSides, GivenAnswer

_ADD = text(
    """
    INSERT INTO face_answer (pack, first_face_id, second_face_id, first_person_id,
        second_person_id, first_faces, second_faces, answer, answered_at, change_id)
    SELECT f.pack, f.id, g.id, f.person_id, g.person_id, :first_faces, :second_faces, :answer,
        :now, :change_id
    FROM face f, face g WHERE f.id = :first_face_id AND g.id = :second_face_id
    """
)

_MOVE = (
    text("UPDATE face_answer SET first_person_id = :to WHERE first_person_id = ANY(:ids)"),
    text("UPDATE face_answer SET second_person_id = :to WHERE second_person_id = ANY(:ids)"),
)

_DELETE_DEAD = text(
    """
    DELETE FROM face_answer WHERE first_face_id IS NULL AND first_person_id IS NULL
        OR second_face_id IS NULL AND second_person_id IS NULL
    """
)

_SIDES = """
    SELECT a.answer, a.first_faces, a.second_faces,
        coalesce(f.person_id, a.first_person_id, -a.first_face_id) AS first,
        coalesce(g.person_id, a.second_person_id, -a.second_face_id) AS second
    FROM face_answer a LEFT JOIN face f ON f.id = a.first_face_id
        LEFT JOIN face g ON g.id = a.second_face_id
    WHERE a.pack = :pack
    """

# A user who was not sure is asked again when one side has twice as many faces.
_IN_FORCE = text(
    f"""
    SELECT DISTINCT first, second FROM ({_SIDES}) s
    WHERE first <> second AND (answer <> 'not_sure'
        OR greatest(1, (SELECT count(*) FROM face WHERE person_id = first)) < 2 * first_faces
        AND greatest(1, (SELECT count(*) FROM face WHERE person_id = second)) < 2 * second_faces)
    """
)


def add_answer(
    db: Session, given: GivenAnswer, *, faces: tuple[int, int], change_id: int, now: datetime
) -> None:
    """Store an answer with the current people of its faces; `faces` are the sizes of the sides."""
    key = {
        "first_face_id": given.first_face_id,
        "second_face_id": given.second_face_id,
        "first_faces": faces[0],
        "second_faces": faces[1],
        "answer": given.answer,
        "now": now,
        "change_id": change_id,
    }
    db.execute(_ADD, key)


def move_answers(db: Session, person_ids: Sequence[int], *, to: int) -> None:
    """Transfer the answers about people who are merged into another person to that person."""
    for statement in _MOVE:
        db.execute(statement, {"ids": list(person_ids), "to": to})


def delete_dead_answers(db: Session) -> None:
    """Delete the answers with a side of which neither the face nor the person exists."""
    db.execute(_DELETE_DEAD)


def list_answered(db: Session, *, pack: str) -> AnsweredSides:
    """Return the pairs of sides that must not be suggested again, whatever the answer was."""
    rows = db.execute(_IN_FORCE, {"pack": pack})
    return frozenset(frozenset((row.first, row.second)) for row in rows)
