"""Keeps regions that could not be placed, for example because their photo is not indexed yet.

A kept region has the form of a kept face (kept_rows.py): its photo, its person by name, and its
box. It waits for its photo, or for a user to resolve a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import FRACTION_DIGITS, LeftReason
from cluster.core.identity.faces import BoundingBox
from cluster.core.identity.people import fold_name
from cluster.core.xmp.region_places import Picture
from cluster.core.xmp.region_reading import NamedRegion
from cluster.store.decisions.region_rows import ReadPhoto

SOURCE = "XMP"

# An unchanged region keeps its row, so that reading again changes nothing.
_DROP = text(
    """
    DELETE FROM kept_decision k
    WHERE k.kind = 'region' AND k.placed_at IS NULL AND EXISTS (
        SELECT FROM unnest(CAST(:sha256s AS bytea[]), CAST(:paths AS text[])) AS r (sha256, path)
        WHERE r.sha256 = k.photo_sha256 AND r.path = k.path
    ) AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(CAST(:left AS jsonb))
            AS l (sha256 text, path text, reason text, decision jsonb)
        WHERE decode(l.sha256, 'hex') = k.photo_sha256 AND l.path = k.path
            AND l.reason = k.reason AND l.decision = k.decision
    )
    """
)
_ADD = text(
    """
    INSERT INTO kept_decision (source, kind, photo_sha256, path, decision, reason, kept_at)
    SELECT :source, 'region', decode(l.sha256, 'hex'), l.path, l.decision, l.reason, :now
    FROM jsonb_to_recordset(CAST(:left AS jsonb))
        AS l (sha256 text, path text, reason text, decision jsonb)
    WHERE NOT EXISTS (
        SELECT FROM kept_decision k WHERE k.kind = 'region' AND k.placed_at IS NULL
            AND k.photo_sha256 = decode(l.sha256, 'hex') AND k.path = l.path
            AND k.decision = l.decision
    )
    """
)
_WAITING = text(
    """
    SELECT k.path, k.photo_sha256, k.decision FROM kept_decision k
    WHERE k.kind = 'region' AND k.placed_at IS NULL AND k.reason IN ('photo_absent', 'no_face')
        AND EXISTS (
            SELECT FROM file f JOIN image i ON i.id = f.image_id
                JOIN detection d ON d.image_id = coalesce(i.duplicate_of, i.id) AND d.pack = :pack
            WHERE f.sha256 = k.photo_sha256
        )
    ORDER BY k.path, k.id
    """
)


@dataclass(frozen=True, slots=True)
class LeftRegion:
    """A region that could not be placed, and why; `here` is the name that the face has here."""

    read: ReadPhoto
    region: NamedRegion
    reason: LeftReason
    here: str | None = None


def keep_regions(
    db: Session, reads: Sequence[ReadPhoto], left: Iterable[LeftRegion], *, now: datetime
) -> None:
    """Keep these left regions of the files, and forget the earlier ones."""
    rows = json.dumps([_to_row(one) for one in left], sort_keys=True)
    files = {"sha256s": [one.sha256 for one in reads], "paths": [one.path for one in reads]}
    db.execute(_DROP, {**files, "left": rows})
    db.execute(_ADD, {"source": SOURCE, "now": now, "left": rows})


def list_waiting_regions(db: Session, *, pack: str) -> list[ReadPhoto]:
    """Return the kept regions whose photo the pack has searched since, by file."""
    files: dict[tuple[str, bytes], tuple[Picture, list[NamedRegion]]] = {}
    for row in db.execute(_WAITING, {"pack": pack}):
        key = (row.path, bytes(row.photo_sha256))
        known = files.setdefault(key, (_to_picture(row.decision), []))
        known[1].append(_to_region(row.decision))
    return [
        ReadPhoto(path, sha256, picture, tuple(regions))
        for (path, sha256), (picture, regions) in files.items()
    ]


def check_kept_region(decision: dict[str, Any]) -> None:
    """Raise ValueError, LookupError or TypeError for a kept region that cannot be placed."""
    picture, region = _to_picture(decision), _to_region(decision)
    numbers = (*astuple(picture), *astuple(region.box))
    if not all(isinstance(one, int | float) for one in numbers):
        raise TypeError("a number is none")
    fold_name(region.name)


def _to_row(left: LeftRegion) -> dict[str, Any]:
    box, picture = left.region.box, left.read.picture
    sides = {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
    size = {"width": picture.width, "height": picture.height, "orientation": picture.orientation}
    name = left.region.name
    return {
        "sha256": left.read.sha256.hex(),
        "path": left.read.path,
        "reason": left.reason,
        "decision": {
            "photo": size,
            "person": {"name": name, "nameKey": fold_name(name)},
            "face": {"box": {side: round(at, FRACTION_DIGITS) for side, at in sides.items()}},
        },
    }


def _to_picture(decision: dict[str, Any]) -> Picture:
    photo = decision["photo"]
    return Picture(photo["width"], photo["height"], photo["orientation"])


def _to_region(decision: dict[str, Any]) -> NamedRegion:
    box = decision["face"]["box"]
    sides = (box[side] for side in ("left", "top", "right", "bottom"))
    return NamedRegion(decision["person"]["name"], BoundingBox(*sides))
