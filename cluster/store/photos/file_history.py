"""Looks up known bytes, and the earlier photos of files, before files are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.placements import OldPicture
from cluster.store.database.storable import to_unsigned

_HAS_ANY = text("SELECT EXISTS (SELECT FROM detection WHERE pack = :pack)")

_IS_KNOWN = text(
    """
    SELECT EXISTS (
        SELECT FROM file f JOIN image i ON i.id = f.image_id
            JOIN detection d ON d.image_id IN (i.id, i.duplicate_of)
        WHERE f.sha256 = :digest AND d.pack = :pack
    )
    """
)

_BEFORE = text(
    """
    SELECT id, content, orientation, width, height, phash, dhash, blocks, thumbnail, duration_s
    FROM image
    WHERE id = ANY(:ids)
    """
)


@dataclass(frozen=True, slots=True)
class Before:
    """The photo that a file held when it was last read, with the values of its PhotoRecord."""

    image_id: int
    content: bytes
    orientation: int
    picture: OldPicture
    duration_s: float | None = None


def has_history(db: Session, *, pack: str) -> bool:
    """Tell whether this pack has searched any photo; if not, no bytes are known."""
    return bool(db.execute(_HAS_ANY, {"pack": pack}).scalar())


def is_known(db: Session, digest: bytes, *, pack: str) -> bool:
    """Tell whether this pack has searched a photo whose bytes have this SHA-256."""
    return bool(db.execute(_IS_KNOWN, {"digest": digest, "pack": pack}).scalar())


def list_before(db: Session, image_ids: Sequence[int]) -> Mapping[int, Before]:
    """Return these photos by id; erased ones are left out."""
    if not image_ids:
        return {}
    return {
        row.id: Before(
            image_id=row.id,
            content=bytes(row.content or b""),
            orientation=row.orientation,
            picture=OldPicture(
                thumbnail=bytes(row.thumbnail),
                width=row.width,
                height=row.height,
                phash=to_unsigned(row.phash),
                dhash=int.from_bytes(row.dhash, "big"),
                blocks=bytes(row.blocks),
            ),
            duration_s=row.duration_s,
        )
        for row in db.execute(_BEFORE, {"ids": list(image_ids)})
    }
