"""Assigns the faces of this library to the people of an import, and sets faces aside.

A face that a user of this library placed stays. A face that a user of the other library placed goes
to the same person as there. A face that only grouping placed goes there if no user here has decided
about its person; it then does not count as placed by a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.database.copying import Staging
from cluster.store.decisions.import_people import Choice
from cluster.store.decisions.left_records import leave
from cluster.store.people.claims import touch_people

_ACTIONS = Staging(
    "import_action",
    (
        *(("face_id", "int8"), ("person_id", "int8"), ("verdict", "text")),
        *(("by_user", "bool"), ("placed_at", "timestamptz")),
    ),
)

PAGE = 5_000

# Decisions of users come first, those of the same pack before others, the newest first.
_MATCHED = text(
    """
    SELECT b.number, b.person, b.by_user, b.placed_at, b.verdict, f.id AS face_id,
        f.person_id AS here, f.placed_by_user AS is_placed, f.verdict AS verdict_here,
        t.person_id AS target
    FROM import_match m JOIN import_face b ON b.number = m.number JOIN face f ON f.id = m.face_id
        LEFT JOIN import_target t ON t.number = b.person AND t.pack = f.pack
    WHERE (b.by_user OR b.person IS NOT NULL) AND NOT b.is_side
    ORDER BY b.by_user DESC, f.pack <> b.pack, b.placed_at DESC NULLS LAST, b.number
    """
)
_PLACE = text(
    """
    UPDATE face SET person_id = a.person_id, verdict = a.verdict, placed_by_user = a.by_user,
        placed_at = a.placed_at
    FROM import_action a WHERE face.id = a.face_id
    """
)
_DROP_COVERS = text(
    """
    UPDATE person p SET cover_face_id = NULL FROM import_action a JOIN face f ON f.id = a.face_id
    WHERE p.cover_face_id = f.id AND f.person_id IS DISTINCT FROM p.id
    """
)
_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids) AND p.name IS NULL
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


@dataclass
class PlacedFaces:
    """The result for the faces: the placed, set-aside and grouped ones, and the records left."""

    placed: int = 0
    set_aside: int = 0
    grouped: int = 0
    actions: list[tuple[Any, ...]] = field(default_factory=list)
    left: list[tuple[int, LeftReason]] = field(default_factory=list)
    sources: set[int] = field(default_factory=set)
    decided: set[int] = field(default_factory=set)

    def decide(self, row: Any) -> None:
        """Apply a user's decision, unless a user here decided otherwise."""
        if row.face_id in self.decided:
            return  # Decided by a newer record, or by one of the same pack.
        if row.is_placed:
            is_so = (row.target, row.verdict) == (row.here, row.verdict_here)
            is_there = row.person is None or row.target is not None
            if not (is_so and is_there):
                self.left.append((row.number, LeftReason.PLACED_HERE))
        elif row.person is not None and row.target is None:
            self.left.append((row.number, LeftReason.NAMED_HERE))
        else:
            self.decided.add(row.face_id)
            self.placed += row.verdict is None
            self.set_aside += row.verdict is not None
            self._act(row, by_user=True)

    def group(self, row: Any, choice: Choice) -> None:
        """Apply the grouping there, unless a user decided about the face or its person."""
        is_open = row.face_id not in self.decided and not row.is_placed
        if is_open and row.target not in (None, row.here) and choice.is_free(row.here):
            self.decided.add(row.face_id)
            self.grouped += 1
            self._act(row, by_user=False)

    def _act(self, row: Any, *, by_user: bool) -> None:
        placed_at = row.placed_at if by_user else None
        self.actions.append((row.face_id, row.target, row.verdict, by_user, placed_at))
        if row.here is not None:
            self.sources.add(row.here)


def place_faces_of_import(db: Session, choice: Choice, *, now: datetime) -> PlacedFaces:
    """Place the matched faces; people who lost all their faces and have no name are deleted."""
    faces = PlacedFaces()
    for row in db.execute(_MATCHED, execution_options={"yield_per": PAGE}):
        if row.by_user:
            faces.decide(row)
        else:
            faces.group(row, choice)
    leave(db, DecisionKind.FACE, faces.left)
    if faces.actions:
        _ACTIONS.fill(db, faces.actions)
        db.execute(text("ANALYZE import_action"))
        db.execute(_PLACE)
        db.execute(_DROP_COVERS)
        touch_people(db, sorted({*faces.sources, *_targets(faces)}), now=now)
        db.execute(_DELETE_EMPTY, {"ids": sorted(faces.sources)})
    return faces


def _targets(faces: PlacedFaces) -> Iterator[int]:
    return (person_id for _, person_id, *_ in faces.actions if person_id is not None)
