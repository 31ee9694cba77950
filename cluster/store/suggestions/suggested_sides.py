"""Turns pairs of faces into suggestions as users see them, with their current people.

A pair is left out if its question is settled: it was answered, its faces belong to one person or to
a hidden one, or one of them is gone, set aside, or in a missing photo.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.people import PersonSummary
from cluster.core.identity.same_person import Companion, Likeness, SamePerson, Side
from cluster.store.people.answer_rows import list_answered
from cluster.store.people.people_list import load_people
from cluster.store.photos.stored_pictures import list_faces

_SIDES = text(
    """
    SELECT f.id, coalesce(f.person_id, -f.id) AS side
    FROM face f JOIN image i ON i.id = f.image_id LEFT JOIN person p ON p.id = f.person_id
    WHERE f.id = ANY(:ids) AND f.verdict IS NULL AND i.missing_since IS NULL
        AND p.hidden IS NOT TRUE
    """
)

_COMPANIONS = text(
    """
    SELECT DISTINCT f.image_id, p.id, p.name FROM face f JOIN person p ON p.id = f.person_id
    WHERE f.image_id = ANY(:image_ids) AND NOT p.hidden ORDER BY p.id
    """
)


@dataclass(frozen=True, slots=True)
class OpenSuggestions:
    """The first open suggestions of a pack, and the number of all."""

    suggestions: tuple[SamePerson, ...]
    total: int


def describe_open(
    db: Session, likenesses: Sequence[Likeness], *, pack: str, limit: int
) -> OpenSuggestions:
    """Return the first `limit` pairs whose question is open, in their order."""
    pairs = list(_find_open(db, likenesses, pack=pack))
    shown = pairs[:limit]
    ids = [one for pair in shown for one in (pair.first_face_id, pair.second_face_id)]
    sides = _describe_sides(db, ids)
    suggestions = tuple(
        SamePerson(pair, sides[pair.first_face_id], sides[pair.second_face_id])
        for pair in shown
        if pair.first_face_id in sides and pair.second_face_id in sides
    )
    return OpenSuggestions(suggestions, len(pairs))


def _find_open(db: Session, likenesses: Sequence[Likeness], *, pack: str) -> Iterator[Likeness]:
    """Yield the first pair of faces for each pair of sides whose question is open."""
    all_ids = {one for pair in likenesses for one in (pair.first_face_id, pair.second_face_id)}
    side_of = {row.id: row.side for row in db.execute(_SIDES, {"ids": list(all_ids)})}
    settled = set(list_answered(db, pack=pack))
    for pair in likenesses:
        ids = {pair.first_face_id, pair.second_face_id}
        sides = frozenset(side_of[one] for one in ids & side_of.keys())
        if not ids <= side_of.keys() or len(sides) == 1 or sides in settled:
            continue
        settled.add(sides)
        yield pair


def _describe_sides(db: Session, face_ids: Sequence[int]) -> Mapping[int, Side]:
    faces = list_faces(db, face_ids)
    people = load_people(db, list({face.person_id for face in faces if face.person_id}))
    there = _list_companions(db, [face.image_id for face in faces])
    return {
        face.id: Side(
            face,
            _find(people, face.person_id),
            tuple(one for one in there.get(face.image_id, ()) if one.person_id != face.person_id),
        )
        for face in faces
    }


def _find(people: Mapping[int, PersonSummary], person_id: int | None) -> PersonSummary | None:
    return None if person_id is None else people.get(person_id)


def _list_companions(db: Session, image_ids: Sequence[int]) -> Mapping[int, list[Companion]]:
    companions: dict[int, list[Companion]] = {}
    for row in db.execute(_COMPANIONS, {"image_ids": list(image_ids)}):
        companions.setdefault(row.image_id, []).append(Companion(row.id, row.name))
    return companions
