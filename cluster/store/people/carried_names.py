"""Gives people of a pack the names of people of other packs, by the faces in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.people import fold_name
from cluster.store.people.same_places import SameFace

LEAST_VOTES = 2
"""The number of faces that must have a name in other packs before a person gets it."""

_NAMED = text(
    """
    SELECT id, name, hidden, birth_date FROM person
    WHERE pack <> :pack AND name IS NOT NULL ORDER BY updated_at DESC, id DESC
    """
)
_KNOWN_HERE = text("SELECT name_key, id FROM person WHERE pack = :pack AND name_key IS NOT NULL")

# An unnamed person that a user renamed has no name because the user removed it.
_UNNAMED = text(
    """
    SELECT id FROM person p WHERE pack = :pack AND name IS NULL AND NOT EXISTS (
        SELECT FROM person_change c WHERE c.pack = :pack AND c.person_id = p.id
            AND c.kind = 'rename' AND c.undone_at IS NULL
    )
    """
)
_NAME = text(
    """
    UPDATE person SET name = :name, name_key = :key, hidden = hidden OR :hidden,
        birth_date = coalesce(birth_date, :birth_date), version = version + 1, updated_at = :now
    WHERE id = :id
    """
)
_ADD = text(
    """
    INSERT INTO person (pack, name, name_key, hidden, birth_date, created_at, updated_at)
    VALUES (:pack, :name, :key, :hidden, :birth_date, :now, :now) RETURNING id
    """
)
_DATE = text(
    """
    UPDATE person SET birth_date = :birth_date, version = version + 1, updated_at = :now
    WHERE pack = :pack AND name_key = :key AND birth_date IS NULL AND NOT EXISTS (
        SELECT FROM person_change c WHERE c.pack = :pack AND c.person_id = person.id
            AND c.kind = 'birth_date' AND c.undone_at IS NULL
    )
    """
)


@dataclass(frozen=True, slots=True)
class Named:
    """A name in other packs, with the attributes of the person who was changed last."""

    name: str
    key: str
    hidden: bool
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class NamesElsewhere:
    """The names of other packs by their folded form, and the folded name of each person there."""

    by_key: Mapping[str, Named]
    key_of: Mapping[int, str]


def list_names(db: Session, *, pack: str) -> NamesElsewhere:
    """Return the names of the people of all packs but this one."""
    by_key: dict[str, Named] = {}
    key_of: dict[int, str] = {}
    for row in db.execute(_NAMED, {"pack": pack}):
        key = fold_name(row.name)
        key_of[row.id] = key
        by_key.setdefault(key, Named(row.name, key, row.hidden, row.birth_date))
    return NamesElsewhere(by_key, key_of)


def name_by_votes(
    db: Session, pairs: Iterable[SameFace], names: NamesElsewhere, *, pack: str, now: datetime
) -> int:
    """Name unnamed people whose faces have a name in other packs; return how many.

    A name needs LEAST_VOTES faces, and half of the faces that belong to a person in another pack. A
    name that is in use is not assigned. Of several people, the one with the most such faces gets
    the name.
    """
    in_use = set(db.execute(_KNOWN_HERE, {"pack": pack}).scalars())
    unnamed = set(db.execute(_UNNAMED, {"pack": pack}).scalars())
    votes = sorted(_list_votes(pairs, names, unnamed), key=lambda vote: (-vote[0], vote[1]))
    named: set[int] = set()
    for _, person_id, key in votes:
        if key not in in_use and person_id not in named:
            in_use.add(key)
            named.add(person_id)
            db.execute(_NAME, {**_values(names.by_key[key]), "id": person_id, "now": now})
    return len(named)


def _list_votes(
    pairs: Iterable[SameFace], names: NamesElsewhere, unnamed: set[int]
) -> Iterable[tuple[int, int, str]]:
    """Yield the number of faces, the person and the name of each name that won."""
    keys: dict[int, dict[int, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    for pair in pairs:
        if pair.person_id in unnamed and pair.other_person_id is not None:
            keys[pair.person_id][pair.face_id].add(names.key_of.get(pair.other_person_id))
    for person_id, of_person in keys.items():
        counts = Counter(key for of_face in of_person.values() for key in of_face)
        for key, count in counts.items():
            if key is not None and count >= LEAST_VOTES and 2 * count >= len(of_person):
                yield count, person_id, key


def get_or_add_people(
    db: Session, keys: Sequence[str], names: NamesElsewhere, *, pack: str, now: datetime
) -> dict[str, int]:
    """Return the ids of the people with these folded names; missing people are added."""
    rows = db.execute(_KNOWN_HERE, {"pack": pack})
    people: dict[str, int] = {row.name_key: row.id for row in rows}
    for key in keys:
        if key not in people:
            values = {**_values(names.by_key[key]), "pack": pack, "now": now}
            people[key] = db.execute(_ADD, values).scalar_one()
    return {key: people[key] for key in keys}


def carry_birth_dates(db: Session, names: NamesElsewhere, *, pack: str, now: datetime) -> None:
    """Give people without a birth date that of the person with the same name."""
    dated = [
        {"key": one.key, "birth_date": one.birth_date, "pack": pack, "now": now}
        for one in names.by_key.values()
        if one.birth_date is not None
    ]
    if dated:
        db.execute(_DATE, dated)


def _values(named: Named) -> dict[str, object]:
    return {
        "name": named.name,
        "key": named.key,
        "hidden": named.hidden,
        "birth_date": named.birth_date,
    }
