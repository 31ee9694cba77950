"""Sets faces aside at the request of a user (not a face, a stranger, hidden), or takes them back.

A face that is set aside belongs to no person, and clustering leaves it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.errors import ImpossibleChange, NotFound
from cluster.core.identity.changes import ChangeKind, Judged
from cluster.core.identity.faces import FaceVerdict
from cluster.store.locks import lock_people
from cluster.store.people.claims import touch_people
from cluster.store.people.people_list import load_people
from cluster.store.people.undo_log import close_change, open_change

_FACES = text("SELECT id, pack, person_id, verdict FROM face WHERE id = ANY(:ids) ORDER BY id")

_JUDGE = text(
    """
    UPDATE face SET verdict = :verdict, person_id = NULL, placed_by_user = :is_set_aside,
        placed_at = CAST(:placed_at AS timestamptz)
    WHERE id = ANY(:ids)
    """
)

_DROP_COVERS = text("UPDATE person SET cover_face_id = NULL WHERE cover_face_id = ANY(:ids)")

_DELETE_EMPTY = text(
    """
    DELETE FROM person p WHERE p.id = ANY(:ids)
        AND NOT EXISTS (SELECT FROM face f WHERE f.person_id = p.id)
    """
)


def judge_faces(
    db: Session, face_ids: Sequence[int], verdict: FaceVerdict | None, *, now: datetime
) -> Judged:
    """Set faces of one pack aside, or make them ungrouped again when `verdict` is None.

    Faces that have the verdict already do not change. A person without a remaining face is deleted
    with its name, until the change is undone. Raises NotFound for a face that does not exist, or
    ImpossibleChange when the faces are of different packs.
    """
    lock_people(db)
    faces = _get_faces(db, face_ids)
    changed = [face for face in faces if face.verdict != verdict]
    if not changed:
        return Judged((), 0, None)
    ids = [face.id for face in changed]
    person_ids = sorted({face.person_id for face in changed if face.person_id is not None})
    change_id = open_change(
        db,
        ChangeKind.VERDICT,
        pack=changed[0].pack,
        person_ids=person_ids,
        face_ids=ids,
        verdict=verdict,
        now=now,
    )
    touch_people(db, person_ids, now=now)
    db.execute(_DROP_COVERS, {"ids": ids})
    is_set_aside = verdict is not None
    placed_at = now if is_set_aside else None
    judged = {"verdict": verdict, "is_set_aside": is_set_aside, "placed_at": placed_at}
    db.execute(_JUDGE, {"ids": ids, **judged})
    db.execute(_DELETE_EMPTY, {"ids": person_ids})
    close_change(db, change_id, person_id=None)
    left = load_people(db, person_ids)
    return Judged(tuple(left[one] for one in person_ids if one in left), len(ids), change_id)


def _get_faces(db: Session, face_ids: Sequence[int]) -> Sequence[Row[tuple[object, ...]]]:
    faces = db.execute(_FACES, {"ids": list(face_ids)}).all()
    missing = set(face_ids) - {face.id for face in faces}
    if missing:
        raise NotFound("face", min(missing))
    if len({face.pack for face in faces}) > 1:
        raise ImpossibleChange("Faces of different packs cannot be changed together.")
    return faces
