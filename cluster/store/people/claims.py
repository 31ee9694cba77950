"""Checks the version of a person that a client saw, and raises it with each change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.errors import StaleVersion
from cluster.core.people import PersonSummary
from cluster.store.people.people_list import get_person

_CLAIM = text(
    """
    UPDATE person SET version = version + 1, updated_at = :now
    WHERE id = :id AND version = :version RETURNING id
    """
)

_TOUCH = text("UPDATE person SET version = version + 1, updated_at = :now WHERE id = ANY(:ids)")


def claim_person(
    db: Session, person_id: int, *, version: int | None, now: datetime
) -> PersonSummary:
    """Raise a person's version by one, and return the person as it was before.

    Raises NotFound when the person is gone, StaleVersion when it is at another version.
    """
    person = get_person(db, person_id)
    key = {"id": person_id, "version": version, "now": now}
    if db.execute(_CLAIM, key).scalar() is None:
        raise StaleVersion(get_person(db, person_id))
    return person


def touch_people(db: Session, person_ids: Sequence[int], *, now: datetime) -> None:
    """Raise the version of people that change without a version from the client."""
    db.execute(_TOUCH, {"ids": list(person_ids), "now": now})
