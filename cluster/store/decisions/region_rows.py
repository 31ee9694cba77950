"""Reads the photos that regions are in, and the faces of these photos.

The faces of a duplicate are those of the photo that represents it. Boxes are in fractions of that
upright photo, so that sizes do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import relative_turn, turning
from cluster.core.xmp.region_places import Picture, to_fractions
from cluster.core.xmp.region_reading import NamedRegion

# The same path comes before another, and an existing file before one that is gone.
_PHOTOS = text(
    """
    SELECT DISTINCT ON (k.number) k.number, r.id, r.width, r.height,
        CASE WHEN i.content = r.content THEN i.orientation ELSE 1 END AS before,
        CASE WHEN i.content = r.content THEN r.orientation ELSE 1 END AS after,
        EXISTS (SELECT FROM detection d WHERE d.image_id = r.id AND d.pack = :pack) AS is_searched
    FROM unnest(CAST(:sha256s AS bytea[]), CAST(:paths AS text[])) WITH ORDINALITY
            AS k (sha256, path, number)
        JOIN file f ON f.sha256 = k.sha256 JOIN image i ON i.id = f.image_id
        JOIN image r ON r.id = coalesce(i.duplicate_of, i.id)
    ORDER BY k.number, f.path <> k.path, f.superseded, f.missing_since IS NOT NULL, f.id
    """
)
_FACES = text(
    """
    SELECT f.id, f.image_id, f.box_left, f.box_top, f.box_right, f.box_bottom, i.width, i.height,
        f.person_id, p.name_key, p.name, f.placed_by_user, f.verdict IS NOT NULL AS is_set_aside
    FROM face f JOIN image i ON i.id = f.image_id LEFT JOIN person p ON p.id = f.person_id
    WHERE f.image_id = ANY(:ids) AND f.pack = :pack AND f.time_s IS NULL ORDER BY f.id
    """
)
_ERASED = text(
    """
    SELECT e.image_id, e.box_left, e.box_top, e.box_right, e.box_bottom, i.width, i.height
    FROM erased_face e JOIN image i ON i.id = e.image_id WHERE e.image_id = ANY(:ids) ORDER BY e.id
    """
)
_PACK = text(
    """
    SELECT t.pack FROM training_session t JOIN library l ON l.id = t.library_id
    WHERE CAST(:root AS text) IS NULL OR l.root = :root ORDER BY t.id DESC LIMIT 1
    """
)


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """The named regions that were read for the file with these bytes, in its upright picture."""

    path: str
    sha256: bytes
    picture: Picture
    regions: tuple[NamedRegion, ...]


@dataclass(slots=True)
class KnownFace:
    """A face of this library; the box is in fractions. `id` is None for a face to add."""

    id: int | None
    image_id: int
    box: BoundingBox
    person_id: int | None = None
    name_key: str | None = None
    name: str | None = None
    is_placed: bool = False
    is_set_aside: bool = False


@dataclass(slots=True)
class KnownPhoto:
    """A photo with its faces, and the places of erased ones; `turn` leads from the file to it."""

    id: int
    picture: Picture
    turn: int
    is_searched: bool
    faces: list[KnownFace] = field(default_factory=list)
    erased: list[BoundingBox] = field(default_factory=list)

    def place(self, box: BoundingBox) -> BoundingBox:
        """Convert a box from fractions of the file's picture to fractions of the photo."""
        return turning(self.turn, 1.0, 1.0).place_box(box)


def find_photos(db: Session, reads: Sequence[ReadPhoto], *, pack: str) -> list[KnownPhoto | None]:
    """Return the photo of each file, with its faces of the pack, or None.

    Files of one photo share its faces.
    """
    key = {
        "sha256s": [one.sha256 for one in reads],
        "paths": [one.path for one in reads],
        "pack": pack,
    }
    rows = {row.number - 1: row for row in db.execute(_PHOTOS, key)}
    shared: dict[int, KnownPhoto] = {}
    photos = [_to_photo(rows.get(n), shared) for n in range(len(reads))]
    ids = list(shared)
    for row in db.execute(_FACES, {"ids": ids, "pack": pack}):
        known = (row.person_id, row.name_key, row.name, row.placed_by_user, row.is_set_aside)
        shared[row.image_id].faces.append(KnownFace(row.id, row.image_id, _to_box(row), *known))
    for row in db.execute(_ERASED, {"ids": ids}):
        shared[row.image_id].erased.append(_to_box(row))
    return photos


def find_pack(db: Session, *, root: str | None = None) -> str | None:
    """Return the pack of the newest session over this root, or over any; None without one."""
    return db.execute(_PACK, {"root": root}).scalar()


def _to_photo(row: Any, shared: dict[int, KnownPhoto]) -> KnownPhoto | None:
    if row is None:
        return None
    photo = shared.get(row.id)
    turn = relative_turn(row.before, row.after)
    if photo is None:
        picture = Picture(row.width, row.height)
        photo = KnownPhoto(row.id, picture, turn, row.is_searched)
        shared[row.id] = photo
    if photo.turn == turn:
        return photo
    # The same faces, seen from a file with another orientation.
    return KnownPhoto(photo.id, photo.picture, turn, photo.is_searched, photo.faces, photo.erased)


def _to_box(row: Any) -> BoundingBox:
    box = BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom)
    return to_fractions(box, Picture(row.width, row.height))
