"""Finds the photos of people: with all of them, with any of them, or with only them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.identity.people import TAG_CHARACTERS, PhotoMatch

_PEOPLE = text("SELECT id, pack, name, birth_date FROM person WHERE id = ANY(:ids)")

_WITH_ANY = "SELECT DISTINCT image_id FROM face WHERE pack = :pack AND person_id = ANY(:ids)"
_WITH_ALL = """
    SELECT image_id FROM face WHERE pack = :pack AND person_id = ANY(:ids)
    GROUP BY image_id HAVING count(DISTINCT person_id) = :needed
    """

# Hidden people, and faces with a verdict, are not shown in a photo, so they do not count.
_HAS_NO_OTHER = """
    NOT EXISTS (
        SELECT FROM face o LEFT JOIN person q ON q.id = o.person_id
        WHERE o.image_id = found.image_id AND o.pack = :pack
            AND (o.person_id <> ALL(:ids)) IS NOT FALSE AND o.verdict IS NULL
            AND q.hidden IS NOT TRUE
    )
    """


# For many photos, the index of photos by time is read until the page is full. A few photos are
# sorted. Only one of the two branches runs, because the condition is evaluated before any row is
# read.
_IS_MANY = "(SELECT total > 1000 FROM counted)"


def _page_of(with_people: str, *, having: str = "true") -> TextClause:
    """Return the query for a page of photos, with the numbers of all photos and duplicates."""
    return text(
        f"""
        WITH shown AS MATERIALIZED (
            SELECT image_id AS id FROM ({with_people}) found WHERE {having} AND NOT EXISTS (
                SELECT FROM image m WHERE m.id = image_id AND m.missing_since IS NOT NULL
            )
        ), counted AS MATERIALIZED (
            SELECT count(*) AS total FROM shown
        ), many AS (
            SELECT id FROM image WHERE {_IS_MANY} AND missing_since IS NULL
                AND (id IN (SELECT id FROM shown)) IS TRUE
            ORDER BY taken_at DESC NULLS LAST, id LIMIT :limit OFFSET :offset
        ), few AS (
            SELECT i.id FROM shown s JOIN image i ON i.id = s.id
            WHERE NOT {_IS_MANY} AND i.missing_since IS NULL
            ORDER BY i.taken_at DESC NULLS LAST, i.id LIMIT :limit OFFSET :offset
        ), page AS (
            SELECT id FROM many UNION ALL SELECT id FROM few
        ), copied AS (
            SELECT s.id, count(*) AS copies FROM shown s
                JOIN image d ON d.duplicate_of = s.id AND d.missing_since IS NULL
            GROUP BY 1
        )
        SELECT t.total, t.total + t.copies AS photos, i.id, i.width, i.height, i.taken_at,
            i.duration_s,
            coalesce(c.copies, 0) AS copies, k.path, k.tag,
            ARRAY(
                SELECT DISTINCT person_id FROM face
                WHERE image_id = i.id AND pack = :pack AND person_id = ANY(:ids) ORDER BY 1
            ) AS person_ids,
            left(encode(sha256(i.thumbnail), 'hex'), {TAG_CHARACTERS}) AS thumbnail_tag
        FROM (
            SELECT (SELECT total FROM counted),
                (SELECT coalesce(sum(copies), 0) FROM copied) AS copies
        ) t LEFT JOIN page ON true LEFT JOIN image i ON i.id = page.id
            LEFT JOIN copied c ON c.id = i.id
            LEFT JOIN LATERAL (
                SELECT path, left(encode(sha256, 'hex'), {TAG_CHARACTERS}) AS tag
                FROM file WHERE image_id = i.id
                ORDER BY missing_since NULLS FIRST, companion, id LIMIT 1
            ) k ON true
        ORDER BY i.taken_at DESC NULLS LAST, i.id
        """
    )


_PAGES = {
    PhotoMatch.ALL: _page_of(_WITH_ALL),
    PhotoMatch.ANY: _page_of(_WITH_ANY),
    PhotoMatch.ONLY: _page_of(_WITH_ALL, having=_HAS_NO_OTHER),
}


@dataclass(frozen=True, slots=True)
class SoughtPerson:
    """A person whose photos are wanted."""

    id: int
    name: str | None
    birth_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhoto:
    """A photo in a list; `duplicates` counts those that are not missing.

    `person_ids` are the wanted people in it, by id.

    `width` and `height` are upright pixels. `taken_at` is local time without a zone. Only a film
    has a `duration_s`. The tags are the beginnings of the digests of thumbnail and file; `path` is
    the path of one of its files.
    """

    id: int
    path: str
    width: int
    height: int
    taken_at: datetime | None
    duration_s: float | None
    duplicates: int
    person_ids: tuple[int, ...]
    thumbnail_tag: str
    tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotosPage:
    """One page of the photos of people.

    `total` counts the photos, and `photo_count` counts their duplicates too, as the counts of
    people do.
    """

    pack: str
    people: tuple[SoughtPerson, ...]
    photos: tuple[ListedPhoto, ...]
    total: int
    photo_count: int


def page_photos(
    db: Session,
    person_ids: Sequence[int],
    *,
    match: PhotoMatch,
    limit: int,
    offset: int = 0,
    pack: str | None = None,
) -> PhotosPage:
    """Return a page of the photos of these people, newest first, undated photos last, by id.

    ONLY leaves out photos with another person who is not hidden, and photos with an ungrouped face
    that has no verdict. A photo stands for its duplicates; missing photos are left out. Raises
    NotFound for a person who does not exist in the pack, which by default is that of the first
    person.
    """
    people = _get_people(db, person_ids, pack=pack)
    found_pack = pack or people[0][1]
    ids = [person.id for person, _ in people]
    key = {"pack": found_pack, "ids": ids, "needed": len(ids), "limit": limit, "offset": offset}
    rows = db.execute(_PAGES[match], key).all()
    return PhotosPage(
        pack=found_pack,
        people=tuple(person for person, _ in people),
        photos=tuple(_to_photo(row) for row in rows if row.id is not None),
        total=int(rows[0].total),
        photo_count=int(rows[0].photos),
    )


def _get_people(
    db: Session, person_ids: Sequence[int], *, pack: str | None
) -> list[tuple[SoughtPerson, str]]:
    """Return each person once, in the given order, with its pack."""
    wanted = list(dict.fromkeys(person_ids))
    rows = {row.id: row for row in db.execute(_PEOPLE, {"ids": wanted})}
    first = rows.get(wanted[0])
    pack = pack or (first.pack if first is not None else None)
    for one in wanted:
        if one not in rows or rows[one].pack != pack:
            raise NotFound("person", one)
    return [
        (SoughtPerson(one, rows[one].name, rows[one].birth_date), rows[one].pack) for one in wanted
    ]


def _to_photo(row: Row[tuple[object, ...]]) -> ListedPhoto:
    return ListedPhoto(
        id=row.id,
        path=row.path,
        width=row.width,
        height=row.height,
        taken_at=row.taken_at,
        duration_s=row.duration_s,
        duplicates=int(row.copies),
        person_ids=tuple(row.person_ids),
        thumbnail_tag=row.thumbnail_tag,
        tag=row.tag,
    )
