"""Lists the files of a library with the named faces in each, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.files.paths import hash_path
from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import relative_turn, turning
from cluster.core.xmp.region_places import Picture, clip, to_fractions
from cluster.core.xmp.region_reading import NamedRegion
from cluster.store.sessions.library_rows import path_prefix

# A duplicate has the faces of its representative, perhaps in another orientation.
_FILES = text(
    """
    SELECT k.id AS file_id, k.path, k.sha256, k.size, k.modified_ns, i.width, i.height,
        i.orientation, r.width AS face_width, r.height AS face_height,
        CASE WHEN i.content = r.content THEN r.orientation ELSE 1 END AS before,
        CASE WHEN i.content = r.content THEN i.orientation ELSE 1 END AS after,
        f.name, f.box_left, f.box_top, f.box_right, f.box_bottom
    FROM file k JOIN image i ON i.id = k.image_id
        JOIN image r ON r.id = coalesce(i.duplicate_of, i.id)
        LEFT JOIN (
            SELECT f.*, p.name FROM face f JOIN person p ON p.id = f.person_id
            WHERE p.name IS NOT NULL AND f.pack = :pack AND f.time_s IS NULL
                AND (NOT p.hidden OR :with_hidden)
        ) f ON f.image_id = r.id
    WHERE k.missing_since IS NULL AND NOT k.superseded AND NOT k.companion
        AND k.sha256 IS NOT NULL AND i.duration_s IS NULL AND starts_with(k.path, :prefix)
    ORDER BY k.path, k.id, f.id
    """
)
_REWRITTEN = text(
    """
    UPDATE file SET size = :size, modified_ns = :modified_ns, sha256 = :sha256, etag = NULL
    WHERE path_sha256 = :path_sha256 AND NOT superseded AND sha256 = :before
    """
)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file with its picture and the named faces in it, possibly none.

    `size` and `modified_ns` belong to the bytes with this `sha256`; None if unknown.
    """

    path: str
    sha256: bytes
    size: int | None
    modified_ns: int | None
    picture: Picture
    regions: tuple[NamedRegion, ...]


def list_named_files(
    db: Session, root: str, *, pack: str, with_hidden: bool = False
) -> Iterator[NamedFile]:
    """Yield the existing photo files below a root, by path, with the named faces of a pack.

    Hidden people are left out unless `with_hidden`. Films are left out.
    """
    key = {"prefix": path_prefix(root), "pack": pack, "with_hidden": with_hidden}
    rows = db.execute(_FILES, key, execution_options={"yield_per": 5_000})
    for _, group in groupby(rows, key=lambda row: row.file_id):
        of_file = list(group)
        first = of_file[0]
        picture = Picture(first.width, first.height, first.orientation)
        regions = tuple(_to_region(row) for row in of_file if row.name is not None)
        known = (first.path, bytes(first.sha256), first.size, first.modified_ns)
        yield NamedFile(*known, picture, regions)


def note_rewritten(
    db: Session, path: str, *, before: bytes, sha256: bytes, size: int, modified_ns: int
) -> None:
    """Record that Headcount rewrote a file's metadata, so that its new bytes count as read."""
    now = {"sha256": sha256, "size": size, "modified_ns": modified_ns}
    db.execute(_REWRITTEN, {**now, "path_sha256": hash_path(path), "before": before})


def _to_region(row: Any) -> NamedRegion:
    box = BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom)
    fractions = clip(to_fractions(box, Picture(row.face_width, row.face_height)))
    turn = turning(relative_turn(row.before, row.after), 1.0, 1.0)
    return NamedRegion(row.name, turn.place_box(fractions))
