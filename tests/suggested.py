"""A library whose faces have chosen vectors: people and ungrouped faces on a circle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.changes import Answer
from cluster.core.identity.same_person import Answered, GivenAnswer
from cluster.store.database.engine import begin
from cluster.store.people.answers import record_answer
from cluster.store.suggestions.suggested_sides import OpenSuggestions, describe_open
from serve.suggestion_lists import SuggestionLists
from tests.library import NOW, PACK
from tests.people import fill_people, group, half_alike, people_of_faces

YES, NO, NOT_SURE = Answer.YES, Answer.NO, Answer.NOT_SURE


@dataclass(frozen=True)
class Circle:
    """The ids of the faces and of the people, in the order of their numbers."""

    face_ids: tuple[int, ...]
    people: tuple[int, ...]


def fill_circle(
    engine: Engine, angles: Sequence[float], people: Sequence[int], *, pack: str = PACK
) -> Circle:
    """Index a photo for each angle in degrees; `people` number the faces' people, 0 for none."""
    fill_people(engine, ungrouped=len(angles), pack=pack)
    with begin(engine) as db:
        ids = list(people_of_faces(db, pack=pack))
        set_angles(db, dict(zip(ids, angles, strict=True)))
        after = group(db, [-number for number in people], pack=pack)
    count = max(people)
    by_number = {number: after[face] for face, number in zip(ids, people, strict=True)}
    return Circle(tuple(ids), tuple(by_number[n] or 0 for n in range(1, count + 1)))


def fill_alike(engine: Engine, *, people: int, places: int, pairs: int) -> None:
    """Index this many suggestions of each kind, and no other faces that are alike.

    Each person has two faces. The pictures can be shown.
    """
    sizes = [(2, 2)] * people + [(2, 1)] * places + [(1, 1)] * pairs
    planes = [n for n, (one, two) in enumerate(sizes) for _ in range(one + two)]
    angles = [angle for one, two in sizes for angle in [0] * one + [20] * two]
    numbers = iter(range(1, 1000))
    members = [size for one, two in sizes for size in (one, two)]
    labels = [label for size in members for label in _label(size, numbers)]
    fill_people(engine, ungrouped=len(angles))
    with begin(engine) as db:
        ids = list(people_of_faces(db))
        for face_id, angle, plane in zip(ids, angles, planes, strict=True):
            set_angles(db, {face_id: angle}, plane=plane)
            key = {"id": face_id, "picture": _draw(hue=37 * plane + angle)}
            db.execute(text("UPDATE face SET crop = :picture WHERE id = :id"), key)
            show = "UPDATE image SET thumbnail = :picture WHERE id = :id"
            db.execute(text(show), key)
        group(db, labels)


def _label(size: int, numbers: Iterator[int]) -> list[int]:
    return [0] if size == 1 else [-next(numbers)] * size


def _draw(*, hue: int) -> bytes:
    """Return a JPEG of one colour."""
    picture = BytesIO()
    Image.new("HSV", (120, 90), (hue % 256, 120, 200)).convert("RGB").save(picture, "JPEG")
    return picture.getvalue()


def set_angles(db: Session, angles: dict[int, float], *, plane: int = 0) -> None:
    """Give the faces, by id, vectors at these angles in degrees, all in one plane."""
    for face_id, angle in angles.items():
        turn = np.radians(angle)
        vector = np.zeros(512)
        vector[2 * plane : 2 * plane + 2] = np.cos(turn), np.sin(turn)
        key = {"id": face_id, "vector": str(vector.tolist())}
        db.execute(text("UPDATE face SET embedding = :vector WHERE id = :id"), key)


def answer(
    db: Session,
    first: int,
    second: int,
    said: Answer,
    *,
    versions: dict[int, int] | None = None,
    keep_name: str | None = None,
) -> Answered:
    """Answer about two faces, by their ids."""
    given = GivenAnswer(
        first_face_id=first,
        second_face_id=second,
        answer=said,
        versions=versions,
        keep_name=keep_name,
    )
    return record_answer(db, given, now=NOW)


def read_open(engine: Engine, *, pack: str = PACK, limit: int = 100) -> OpenSuggestions:
    """Return the open suggestions that a newly started replica gives."""
    known = SuggestionLists(thresholds_of=half_alike).find(engine, pack)
    assert known is not None
    with begin(engine) as db:
        return describe_open(db, known.likenesses, pack=pack, limit=limit)


def asked(engine: Engine, *, pack: str = PACK) -> set[frozenset[int]]:
    """Return the ids of each pair of faces that is asked about."""
    return {
        frozenset((one.first.face.id, one.second.face.id))
        for one in read_open(engine, pack=pack).suggestions
    }
