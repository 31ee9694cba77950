"""Checks the version of a person that a client saw, and increases it with each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import StaleVersion
from cluster.core.identity.people import PersonSummary
from cluster.store.people.people_list import get_person

_CLAIM = text(
    """
    UPDATE person SET version = version + 1, updated_at = :now
    WHERE id = :id AND version = :version RETURNING id
    """
)

_CLAIM_ALL = text(
    """
    UPDATE person SET version = person.version + 1, updated_at = :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS seen (id, version)
    WHERE person.id = seen.id AND person.version = seen.version RETURNING person.id
    """
)

_TOUCH = text("UPDATE person SET version = version + 1, updated_at = :now WHERE id = ANY(:ids)")


def claim_person(
    db: Session, person_id: int, *, version: int | None, now: datetime
) -> PersonSummary:
    """Increase a person's version by one, and return the person as it was before.

    Raises NotFound if the person is gone, StaleVersion if it has another version.
    """
    person = get_person(db, person_id)
    key = {"id": person_id, "version": version, "now": now}
    if db.execute(_CLAIM, key).scalar() is None:
        raise StaleVersion(get_person(db, person_id))
    return person


def claim_people(db: Session, versions: Mapping[int, int], *, now: datetime) -> None:
    """Increase the versions of existing people by one; `versions` holds the version of each.

    Raises StaleVersion with a person who has another version.
    """
    key = {"ids": list(versions), "versions": list(versions.values()), "now": now}
    claimed = set(db.execute(_CLAIM_ALL, key).scalars())
    for person_id in versions:
        if person_id not in claimed:
            raise StaleVersion(get_person(db, person_id))


def touch_people(db: Session, person_ids: Sequence[int], *, now: datetime) -> None:
    """Increase the version of people that change without a version from the client."""
    db.execute(_TOUCH, {"ids": list(person_ids), "now": now})
