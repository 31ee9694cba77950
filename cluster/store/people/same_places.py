"""Finds faces of other packs in the same places as the faces of one pack, with their decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import SAME_MOMENT_S, SAME_PLACE, FaceVerdict

# PostgreSQL reads min and max from the ends of an index.
_HAS_OTHERS = text("SELECT min(pack) <> :pack OR max(pack) <> :pack FROM face")

# If an earlier version placed a face, the time is that of the last change that mentions the face,
# or else of the last change of its person.
_PAIRS = text(
    """
    SELECT f.id AS face_id, f.person_id,
        f.placed_by_user OR f.verdict IS NOT NULL OR EXISTS (
            SELECT FROM person_change_face m JOIN person_change c ON c.id = m.change_id
            WHERE m.face_id = f.id AND c.undone_at IS NULL
        ) AS is_decided,
        o.id AS other_id, o.pack AS other_pack, o.person_id AS other_person_id,
        o.placed_by_user AS is_other_placed, o.verdict AS other_verdict,
        CASE WHEN o.placed_by_user THEN coalesce(
            o.placed_at, (
                SELECT max(c.created_at) FROM person_change_face m
                    JOIN person_change c ON c.id = m.change_id
                WHERE m.face_id = o.id AND c.undone_at IS NULL
            ),
            (SELECT updated_at FROM person p WHERE p.id = o.person_id)
        ) END AS other_placed_at
    FROM face o JOIN face f ON f.image_id = o.image_id AND f.pack = :pack
        CROSS JOIN LATERAL (
            SELECT
                greatest(0, least(o.box_right, f.box_right) - greatest(o.box_left, f.box_left))
                    ::float8 *
                greatest(0, least(o.box_bottom, f.box_bottom) - greatest(o.box_top, f.box_top))
                    AS shared,
                (o.box_right - o.box_left)::float8 * (o.box_bottom - o.box_top)
                    + (f.box_right - f.box_left)::float8 * (f.box_bottom - f.box_top) AS areas
        ) s
    WHERE o.pack <> :pack AND coalesce(abs(o.time_s - f.time_s), 0) < :moment_s
        AND s.shared >= :same * (s.areas - s.shared) AND s.areas > s.shared
    ORDER BY s.shared / (s.areas - s.shared) DESC, o.id, f.id
    """
)


@dataclass(frozen=True, slots=True)
class SameFace:
    """A face of the pack, and the face of another pack in the same place of the same photo.

    `is_decided` tells that a user has placed the face or set it aside, or that a change in the undo
    log mentions it. `other_placed_at` is None if unknown.
    """

    face_id: int
    person_id: int | None
    is_decided: bool
    other_id: int
    other_person_id: int | None
    is_other_placed: bool
    other_verdict: FaceVerdict | None
    other_placed_at: datetime | None


def has_other_packs(db: Session, *, pack: str) -> bool:
    """Tell whether faces of other packs are stored, without reading them."""
    return bool(db.execute(_HAS_OTHERS, {"pack": pack}).scalar())


def list_same_faces(db: Session, *, pack: str) -> list[SameFace]:
    """Return the pairs that `match_boxes` finds between the faces of the pack and each other pack.

    A face of the pack is in at most one pair for each other pack, and another face in one pair.
    """
    pairs: list[SameFace] = []
    taken: set[int] = set()
    taken_here: set[tuple[str, int]] = set()
    for row in db.execute(_PAIRS, {"pack": pack, "same": SAME_PLACE, "moment_s": SAME_MOMENT_S}):
        here = (row.other_pack, row.face_id)
        if row.other_id in taken or here in taken_here:
            continue
        taken.add(row.other_id)
        taken_here.add(here)
        verdict = None if row.other_verdict is None else FaceVerdict(row.other_verdict)
        pairs.append(
            SameFace(
                row.face_id,
                row.person_id,
                row.is_decided,
                row.other_id,
                row.other_person_id,
                row.is_other_placed,
                verdict,
                row.other_placed_at,
            )
        )
    return pairs
