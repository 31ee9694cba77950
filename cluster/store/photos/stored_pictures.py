"""Lists faces with their photos in pages, and reads the stored thumbnails and crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.identity.faces import BoundingBox, FaceVerdict
from cluster.core.identity.people import TAG_CHARACTERS, FaceInfo

_IS_THERE = """
    NOT EXISTS (
        SELECT FROM image m WHERE m.id = face.image_id AND m.missing_since IS NOT NULL
    )
    """


def _page_of(which: str) -> TextClause:
    """Return the query for a page of faces; OFFSET 0 makes the planner find the page first."""
    return text(
        f"""
        SELECT f.*, k.path, i.width, i.height, i.taken_at, i.duration_s,
            left(encode(sha256(i.thumbnail), 'hex'), {TAG_CHARACTERS}) AS thumbnail_tag,
            left(encode(k.sha256, 'hex'), {TAG_CHARACTERS}) AS photo_tag,
            (
                SELECT greatest(0, count(*) - 1) FROM file o JOIN image d ON d.id = o.image_id
                WHERE f.image_id IN (d.id, d.duplicate_of) AND o.missing_since IS NULL
                    AND NOT o.companion
            ) AS duplicates
        FROM (
            SELECT id, image_id, person_id, box_left, box_top, box_right, box_bottom, score,
                quality, placed_by_user, verdict, time_s,
                left(encode(sha256(crop), 'hex'), {TAG_CHARACTERS}) AS crop_tag
            FROM face WHERE {which} AND {_IS_THERE} AND id > :after
            ORDER BY id LIMIT :limit OFFSET 0
        ) f JOIN image i ON i.id = f.image_id
        CROSS JOIN LATERAL (
            SELECT path, sha256 FROM file WHERE image_id = i.id
            ORDER BY missing_since NULLS FIRST, companion, id LIMIT 1
        ) k
        ORDER BY f.id
        """
    )


_FACES_OF_PERSON = _page_of("person_id = :person_id")
_UNGROUPED = "pack = :pack AND person_id IS NULL AND verdict IS NOT DISTINCT FROM :verdict"
_UNGROUPED_FACES = _page_of(_UNGROUPED)

_FACES = _page_of("id = ANY(:ids)")

_COUNT_OF_PERSON = text(f"SELECT count(*) FROM face WHERE person_id = :person_id AND {_IS_THERE}")
_COUNT_UNGROUPED = text(f"SELECT count(*) FROM face WHERE {_UNGROUPED} AND {_IS_THERE}")
_COUNT_SET_ASIDE = text(
    f"""
    SELECT count(*) FROM face
    WHERE pack = :pack AND person_id IS NULL AND verdict IS NOT NULL AND {_IS_THERE}
    """
)

_SOURCE = text(
    """
    SELECT path, sha256, size, modified_ns, is_film
    FROM file CROSS JOIN (SELECT duration_s IS NOT NULL AS is_film FROM image WHERE id = :id) i
    WHERE image_id = :id AND sha256 IS NOT NULL
    ORDER BY missing_since NULLS FIRST, companion, id LIMIT 1
    """
)
_THUMBNAIL = text("SELECT thumbnail FROM image WHERE id = :id")
_CROP = text("SELECT crop FROM face WHERE id = :id")


def list_faces_of_person(
    db: Session, person_id: int, *, limit: int, after: int = 0
) -> list[FaceInfo]:
    """Return the faces of a person whose ids are above `after`, by id."""
    key = {"person_id": person_id, "limit": limit, "after": after}
    return [_to_face(row) for row in db.execute(_FACES_OF_PERSON, key)]


def list_ungrouped_faces(
    db: Session, *, pack: str, limit: int, after: int = 0, verdict: FaceVerdict | None = None
) -> list[FaceInfo]:
    """Return the ungrouped faces of a pack whose ids are above `after`, by id.

    With a `verdict`, only faces with that verdict; else only faces without one.
    """
    key = {"pack": pack, "limit": limit, "after": after, "verdict": verdict}
    return [_to_face(row) for row in db.execute(_UNGROUPED_FACES, key)]


def list_faces(db: Session, face_ids: Sequence[int]) -> list[FaceInfo]:
    """Return these faces by id; deleted faces and faces in missing photos are left out."""
    key = {"ids": list(face_ids), "limit": len(face_ids), "after": 0}
    return [_to_face(row) for row in db.execute(_FACES, key)]


def count_faces_of_person(db: Session, person_id: int) -> int:
    """Return how many faces a person has in photos that are not missing."""
    return int(db.execute(_COUNT_OF_PERSON, {"person_id": person_id}).scalar_one())


def count_ungrouped_faces(db: Session, *, pack: str, verdict: FaceVerdict | None = None) -> int:
    """Return how many faces `list_ungrouped_faces` lists in all its pages."""
    return int(db.execute(_COUNT_UNGROUPED, {"pack": pack, "verdict": verdict}).scalar_one())


def count_set_aside_faces(db: Session, *, pack: str) -> int:
    """Return how many faces with a verdict a pack has in photos that are not missing."""
    return int(db.execute(_COUNT_SET_ASIDE, {"pack": pack}).scalar_one())


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A file of a photo or film as it was read: path, SHA-256, size in bytes and time.

    `size` and `modified_ns` are None when unknown.
    """

    path: str
    sha256: bytes
    size: int | None
    modified_ns: int | None
    is_film: bool


def get_source(db: Session, image_id: int) -> PictureSource:
    """Return a file of a photo or film, preferably one that exists. Raises NotFound."""
    row = db.execute(_SOURCE, {"id": image_id}).one_or_none()
    if row is None:
        raise NotFound("photo", image_id)
    return PictureSource(row.path, bytes(row.sha256), row.size, row.modified_ns, row.is_film)


def get_thumbnail(db: Session, image_id: int) -> bytes:
    """Return a photo's thumbnail, a JPEG; raise NotFound when there is none."""
    return _get_picture(db, _THUMBNAIL, image_id, kind="thumbnail of photo")


def get_crop(db: Session, face_id: int) -> bytes:
    """Return the picture of a face, a JPEG; raise NotFound when there is no such face."""
    return _get_picture(db, _CROP, face_id, kind="face")


def _get_picture(db: Session, query: TextClause, key: int, *, kind: str) -> bytes:
    picture = db.execute(query, {"id": key}).scalar()
    if picture is None:
        raise NotFound(kind, key)
    return bytes(picture)


def _to_face(row: Row[tuple[object, ...]]) -> FaceInfo:
    return FaceInfo(
        id=row.id,
        image_id=row.image_id,
        path=row.path,
        person_id=row.person_id,
        box=BoundingBox(row.box_left, row.box_top, row.box_right, row.box_bottom),
        width=row.width,
        height=row.height,
        score=row.score,
        quality=row.quality,
        is_placed_by_user=row.placed_by_user,
        verdict=None if row.verdict is None else FaceVerdict(row.verdict),
        taken_at=row.taken_at,
        thumbnail_tag=row.thumbnail_tag,
        photo_tag=row.photo_tag,
        crop_tag=row.crop_tag,
        duplicates=row.duplicates,
        time_s=row.time_s,
        duration_s=row.duration_s,
    )
