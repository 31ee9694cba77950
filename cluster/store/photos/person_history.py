"""Reads when a person was photographed, and with whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.identity.ages import UNSET_CLOCK_DAYS
from cluster.store.people.covers import COVER

MOST_COMPANIONS = 5

_PACK = text("SELECT pack FROM person WHERE id = :id")

# As in the counts of people, missing photos are left out, and duplicates counted.
_SHOWN = """
    found AS MATERIALIZED (
        SELECT DISTINCT image_id AS id FROM face WHERE pack = :pack AND person_id = :id
            AND NOT EXISTS (
                SELECT FROM image m WHERE m.id = image_id AND m.missing_since IS NOT NULL
            )
    ), copied AS (
        SELECT f.id, count(*) AS copies
        FROM found f JOIN image d ON d.duplicate_of = f.id AND d.missing_since IS NULL GROUP BY 1
    ), shown AS MATERIALIZED (
        SELECT id, 1 + coalesce(copies, 0) AS photos FROM found LEFT JOIN copied USING (id)
    )
    """

_YEARS = text(
    f"""
    WITH {_SHOWN}, timed AS (
        SELECT s.photos, CASE
            WHEN i.taken_at::date <> ALL(CAST(:unset AS date[])) THEN i.taken_at
        END AS taken_at
        FROM shown s JOIN image i ON i.id = s.id WHERE i.missing_since IS NULL
    )
    SELECT CAST(extract(year FROM taken_at) AS int) AS year, sum(photos) AS photos,
        min(taken_at) AS first, max(taken_at) AS last
    FROM timed GROUP BY 1 ORDER BY 1 NULLS LAST
    """
)

_COMPANIONS = text(
    f"""
    WITH {_SHOWN}, seen AS (
        SELECT DISTINCT o.person_id, s.id, s.photos FROM shown s JOIN face o ON o.image_id = s.id
        WHERE o.pack = :pack AND o.person_id <> :id
    ), most AS (
        SELECT person_id AS id, sum(photos) AS photos
        FROM seen JOIN person q ON q.id = person_id AND NOT q.hidden
        GROUP BY 1 ORDER BY photos DESC, person_id LIMIT :most
    )
    SELECT p.id, p.name, most.photos, cover.cover_face_id, cover_tag
    FROM most JOIN person p USING (id) {COVER}
    ORDER BY most.photos DESC, p.id
    """
)


@dataclass(frozen=True, slots=True)
class YearCount:
    """The number of photos of a person in one year."""

    year: int
    photos: int


@dataclass(frozen=True, slots=True)
class Companion:
    """A person with its cover, and the number of photos that it shares with another person."""

    id: int
    name: str | None
    photos: int
    cover_face_id: int | None
    cover_tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHistory:
    """The photos of a person in time; `undated` counts those whose time is unknown.

    `years` are in order, without empty years. The companions are the people who share most photos
    with the person, without hidden people.
    """

    years: tuple[YearCount, ...]
    undated: int
    first_taken_at: datetime | None
    last_taken_at: datetime | None
    companions: tuple[Companion, ...]


def get_history(db: Session, person_id: int) -> PersonHistory:
    """Return when a person was photographed and with whom. Raises NotFound."""
    pack = db.execute(_PACK, {"id": person_id}).scalar()
    if pack is None:
        raise NotFound("person", person_id)
    key = {"pack": pack, "id": person_id, "unset": list(UNSET_CLOCK_DAYS), "most": MOST_COMPANIONS}
    rows = db.execute(_YEARS, key).all()
    years = [row for row in rows if row.year is not None]
    counts = db.execute(_COMPANIONS, key).all()
    return PersonHistory(
        years=tuple(YearCount(row.year, int(row.photos)) for row in years),
        undated=sum(int(row.photos) for row in rows if row.year is None),
        first_taken_at=years[0].first if years else None,
        last_taken_at=years[-1].last if years else None,
        companions=tuple(
            Companion(c.id, c.name, int(c.photos), c.cover_face_id, c.cover_tag) for c in counts
        ),
    )
