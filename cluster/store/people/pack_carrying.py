"""Carries users' decisions about faces of other packs to the same faces of a pack.

Faces are the same if they are in the same place of the same photo. Verdicts, placed faces, names,
birth dates and the answer "no" are carried. A decision made in the pack itself is never
overwritten. These changes are not in the undo log, because no user made them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import FaceVerdict
from cluster.store.locks import lock_people
from cluster.store.people.carried_answers import carry_answers
from cluster.store.people.carried_names import (
    NamesElsewhere,
    carry_birth_dates,
    get_or_add_people,
    list_names,
    name_by_votes,
)
from cluster.store.people.claims import touch_people
from cluster.store.people.same_places import SameFace, has_other_packs, list_same_faces

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

_PLACE = text(
    """
    UPDATE face SET person_id = :person_id, verdict = :verdict, placed_by_user = true,
        placed_at = placed.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:times AS timestamptz[])) AS placed (id, at)
    WHERE face.id = placed.id
    """
)
_DROP_COVERS = text(
    """
    UPDATE person p SET cover_face_id = NULL FROM face f
    WHERE f.id = p.cover_face_id AND f.id = ANY(:ids) AND f.person_id IS DISTINCT FROM p.id
    """
)
_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids) AND p.name IS NULL
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


@dataclass(frozen=True, slots=True)
class Carried:
    """The numbers of faces with a new verdict, faces placed, people named, and answers added."""

    verdicts: int = 0
    placed: int = 0
    named: int = 0
    answers: int = 0


def carry_decisions(db: Session, *, pack: str, now: datetime) -> Carried:
    """Carry the decisions about faces of all other packs to `pack`; return how many were carried.

    If several packs have decisions, the newest one wins. A second call carries only new decisions.
    Returns at once if no other pack has faces.
    """
    if not has_other_packs(db, pack=pack):
        return Carried()
    lock_people(db)
    pairs = list_same_faces(db, pack=pack)
    names = list_names(db, pack=pack)
    named = name_by_votes(db, pairs, names, pack=pack, now=now)
    carry_birth_dates(db, names, pack=pack, now=now)
    decided = _list_decided(pairs, names)
    verdicts, placed = _place_with_nobody(db, decided)
    placed += _place_with_names(db, decided, names, pack=pack, now=now)
    _tidy(db, decided, now=now)
    answers = carry_answers(db, pairs, pack=pack)
    return Carried(verdicts, placed, named, answers)


def _list_decided(pairs: Iterable[SameFace], names: NamesElsewhere) -> list[SameFace]:
    """Return the pair with the newest decision for each face that has none here.

    A face that was placed with an unnamed person has no decision that can be carried.
    """
    newest: dict[int, SameFace] = {}
    for pair in pairs:
        if pair.is_decided or not pair.is_other_placed:
            continue
        if pair.other_person_id is not None and pair.other_person_id not in names.key_of:
            continue
        other = newest.get(pair.face_id)
        if other is None or _age(pair) > _age(other):
            newest[pair.face_id] = pair
    return list(newest.values())


def _age(pair: SameFace) -> tuple[datetime, int]:
    return pair.other_placed_at or _LONG_AGO, pair.other_id


def _place_with_nobody(db: Session, decided: Iterable[SameFace]) -> tuple[int, int]:
    """Set faces aside, or keep them ungrouped permanently; return how many of each."""
    by_verdict: dict[FaceVerdict | None, list[SameFace]] = defaultdict(list)
    for pair in decided:
        if pair.other_person_id is None:
            by_verdict[pair.other_verdict].append(pair)
    for verdict, placed in by_verdict.items():
        db.execute(_PLACE, {**_faces(placed), "person_id": None, "verdict": verdict})
    ungrouped = len(by_verdict[None])
    return sum(map(len, by_verdict.values())) - ungrouped, ungrouped


def _place_with_names(
    db: Session,
    decided: Iterable[SameFace],
    names: NamesElsewhere,
    *,
    pack: str,
    now: datetime,
) -> int:
    """Place faces with the people of the same names, adding missing ones; return how many faces."""
    by_key: dict[str, list[SameFace]] = defaultdict(list)
    for pair in decided:
        if pair.other_person_id is not None:
            by_key[names.key_of[pair.other_person_id]].append(pair)
    targets = get_or_add_people(db, list(by_key), names, pack=pack, now=now)
    for key, placed in by_key.items():
        db.execute(_PLACE, {**_faces(placed), "person_id": targets[key], "verdict": None})
    touch_people(db, list(targets.values()), now=now)
    return sum(map(len, by_key.values()))


def _faces(pairs: Iterable[SameFace]) -> dict[str, list[object]]:
    """Return the ids of the faces, and when the others were placed."""
    return {
        "ids": [pair.face_id for pair in pairs],
        "times": [pair.other_placed_at for pair in pairs],
    }


def _tidy(db: Session, decided: Sequence[SameFace], *, now: datetime) -> None:
    """Increase the versions of people who lost faces, and delete people without a face."""
    sources = sorted({pair.person_id for pair in decided if pair.person_id is not None})
    touch_people(db, sources, now=now)
    db.execute(_DROP_COVERS, {"ids": [pair.face_id for pair in decided]})
    db.execute(_DELETE_EMPTY, {"ids": sources})
