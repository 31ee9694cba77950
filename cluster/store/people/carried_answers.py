"""Carries the answer "no" of other packs to the same faces of a pack."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.store.people.same_places import SameFace

# If the face of an answer is gone, any face of its person stands for it.
_NOES = text(
    """
    SELECT first_face_id, second_face_id, first_person_id, second_person_id, answered_at
    FROM face_answer WHERE pack <> :pack AND answer = 'no' ORDER BY answered_at DESC, id DESC
    """
)
_ANSWERED = text(
    """
    SELECT least(first_face_id, second_face_id), greatest(first_face_id, second_face_id)
    FROM face_answer WHERE pack = :pack AND first_face_id IS NOT NULL
        AND second_face_id IS NOT NULL
    """
)
_ADD = text(
    """
    INSERT INTO face_answer (pack, first_face_id, second_face_id, first_person_id,
        second_person_id, answer, answered_at)
    VALUES (:pack, :first, :second, (SELECT person_id FROM face WHERE id = :first),
        (SELECT person_id FROM face WHERE id = :second), 'no', :answered_at)
    """
)


def carry_answers(db: Session, pairs: Iterable[SameFace], *, pack: str) -> int:
    """Add each "no" of another pack whose two faces are known here, unless these have an answer.

    Returns how many answers were added.
    """
    noes = db.execute(_NOES, {"pack": pack}).all()
    if not noes:
        return 0
    here: dict[int, int] = {}
    of_person: dict[int, int] = {}
    for pair in pairs:
        here[pair.other_id] = pair.face_id
        if pair.other_person_id is not None:
            of_person.setdefault(pair.other_person_id, pair.face_id)
    answered = {(first, second) for first, second in db.execute(_ANSWERED, {"pack": pack})}
    added = []
    for no in noes:
        first = here.get(no.first_face_id) or of_person.get(no.first_person_id)
        second = here.get(no.second_face_id) or of_person.get(no.second_person_id)
        if first is None or second is None or first == second:
            continue
        both = (min(first, second), max(first, second))
        if both not in answered:
            answered.add(both)
            key = {"pack": pack, "first": first, "second": second, "answered_at": no.answered_at}
            added.append(key)
    if added:
        db.execute(_ADD, added)
    return len(added)
