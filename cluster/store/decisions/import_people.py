"""Chooses the person of this library for each person of an import, or creates a new one.

A person with the same name is the same person. Otherwise the target is the unnamed person to whom
most of the faces belong here. An existing name is never replaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.database.copying import Staging
from cluster.store.decisions.left_records import leave

TARGETS = Staging("import_target", (("number", "int8"), ("pack", "text"), ("person_id", "int8")))

_PEOPLE = text(
    """
    SELECT q.number, q.pack, q.name_key, q.is_decided, q.here, q.is_conflict, EXISTS (
        SELECT FROM import_face b WHERE b.person = q.number AND NOT b.is_side
    ) AS has_faces
    FROM import_person q ORDER BY q.number
    """
)
_VOTES = text(
    """
    SELECT b.person AS number, f.pack, f.person_id AS here, count(*) AS faces,
        count(*) FILTER (WHERE b.by_user AND NOT f.placed_by_user) AS placed,
        count(*) FILTER (WHERE NOT b.by_user AND NOT f.placed_by_user) AS grouped
    FROM import_match m JOIN import_face b ON b.number = m.number JOIN face f ON f.id = m.face_id
    WHERE b.person IS NOT NULL AND NOT b.is_side
    GROUP BY b.person, f.pack, f.person_id
    """
)

# These are joined in Python, because after large changes the planner lacks statistics.
_HERE = text(
    """
    SELECT id, pack, name_key, name IS NOT NULL OR hidden OR birth_date IS NOT NULL
        OR cover_face_id IS NOT NULL AS is_decided
    FROM person
    """
)
_FACES_HERE = text(
    """
    SELECT person_id, count(*) AS faces, bool_or(placed_by_user) AS has_placed
    FROM face WHERE person_id IS NOT NULL GROUP BY person_id
    """
)

# An unnamed person that a user renamed has no name because the user removed it.
_RENAMED = text(
    "SELECT DISTINCT person_id FROM person_change WHERE kind = 'rename' AND undone_at IS NULL"
)
_PACKS = text("SELECT pack FROM detection GROUP BY pack ORDER BY count(*) DESC, pack")
_CREATE = text(
    """
    INSERT INTO person (pack, created_at, updated_at)
    SELECT :pack, :now, :now FROM generate_series(1, :count) RETURNING id
    """
)


@dataclass(frozen=True, slots=True)
class HerePerson:
    """A person of this library; `is_decided` tells whether a user has edited it."""

    id: int
    pack: str
    name_key: str | None
    faces: int
    is_decided: bool
    lost_its_name: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """The number of a staged person's faces that belong to `here`, None for ungrouped faces.

    Of these, users placed `placed` there and not here, and grouping placed `grouped`.
    """

    here: int | None
    faces: int
    placed: int
    grouped: int


@dataclass
class Choice:
    """The targets chosen so far: people of this library by staged person and pack."""

    here: Mapping[int, HerePerson]
    targets: dict[tuple[int, str], int] = field(default_factory=dict)
    by_name: dict[tuple[str, str], int] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def set(self, person: Any, pack: str, target: int) -> None:
        """Make a person of this library the target of a staged one."""
        self.targets[person.number, pack] = target
        self.used.add(target)
        if person.name_key is not None:
            self.by_name.setdefault((pack, person.name_key), target)

    def set_known(self, person: Any, pack: str) -> bool:
        """Set the target from an earlier placing or from the name; False if neither gives one."""
        known = self.here.get(person.here)
        if known is not None and known.pack == pack:
            self.set(person, pack, known.id)
        elif (pack, person.name_key) in self.by_name:
            self.set(person, pack, self.by_name[pack, person.name_key])
        return (person.number, pack) in self.targets

    def is_free(self, person_id: int | None) -> bool:
        """Tell whether no user has decided about a person; also true without a person."""
        return person_id is None or not self.here[person_id].is_decided


def choose_people(db: Session, *, now: datetime, adds_faceless: bool) -> Choice:
    """Choose or create the target of each staged person, and store them in `import_target`.

    With `adds_faceless`, named people without any face in the import are created too. Names are
    assigned later. A person with another name here is left.
    """
    here = _list_here(db)
    named = {(one.pack, one.name_key): one.id for one in here.values() if one.name_key is not None}
    choice = Choice(here, by_name=named)
    people: dict[int, Any] = {row.number: row for row in db.execute(_PEOPLE).all()}
    votes = _list_votes(db)
    open_ones = {key for key in votes if not choice.set_known(people[key[0]], key[1])}
    open_ones -= _choose_by_votes(choice, people, votes, open_ones)
    misnamed = {key for key in open_ones if _has_other_name(choice, people[key[0]], votes[key])}
    wanted = [key for key in sorted(open_ones) if _is_wanted(choice, key, people, votes, misnamed)]
    for one in people.values():
        choice.set_known(one, one.pack)
    if adds_faceless:
        wanted += _list_faceless(db, choice, people)
    _create(db, choice, people, wanted, now=now)
    rows = ((number, pack, target) for (number, pack), target in choice.targets.items())
    TARGETS.fill(db, rows)
    db.execute(text("CREATE INDEX IF NOT EXISTS ix_import_target ON import_target (number)"))
    db.execute(text("ANALYZE import_target"))
    leave(
        db,
        DecisionKind.PERSON,
        [(one, LeftReason.NAMED_HERE) for one in sorted({number for number, _ in misnamed})],
    )
    return choice


def _list_here(db: Session) -> dict[int, HerePerson]:
    faces = {row.person_id: (row.faces, row.has_placed) for row in db.execute(_FACES_HERE)}
    renamed = set(db.execute(_RENAMED).scalars())
    here: dict[int, HerePerson] = {}
    for row in db.execute(_HERE):
        count, has_placed = faces.get(row.id, (0, False))
        lost_its_name = row.name_key is None and row.id in renamed
        here[row.id] = HerePerson(
            row.id, row.pack, row.name_key, count, row.is_decided or has_placed, lost_its_name
        )
    return here


def _list_votes(db: Session) -> dict[tuple[int, str], list[Vote]]:
    votes: dict[tuple[int, str], list[Vote]] = defaultdict(list)
    for row in db.execute(_VOTES):
        vote = Vote(row.here, row.faces, row.placed, row.grouped)
        votes[row.number, row.pack].append(vote)
    return votes


def _choose_by_votes(
    choice: Choice,
    people: Mapping[int, Any],
    votes: Mapping[tuple[int, str], list[Vote]],
    open_ones: Iterable[tuple[int, str]],
) -> set[tuple[int, str]]:
    """Set the targets with the most common faces, the largest number first; return their people."""
    ranked = sorted(
        (-vote.faces, number, pack, vote.here)
        for number, pack in open_ones
        for vote in votes[number, pack]
        if vote.here is not None
    )
    chosen: set[tuple[int, str]] = set()
    for faces, number, pack, person_id in ranked:
        person, here = people[number], choice.here[person_id]
        if (number, pack) in chosen or here.id in choice.used:
            continue
        if choice.set_known(person, pack):
            chosen.add((number, pack))
        elif _fits(person, here, faces=-faces, all_faces=_count(votes[number, pack])):
            choice.set(person, pack, here.id)
            chosen.add((number, pack))
    return chosen


def _fits(person: Any, here: HerePerson, *, faces: int, all_faces: int) -> bool:
    """Tell whether a person of this library may be the target of one with `faces` in common."""
    if here.name_key is not None:
        return person.name_key is None and person.is_decided and 2 * faces >= all_faces
    if person.name_key is not None and here.lost_its_name:
        return False
    return 2 * faces >= here.faces and (person.is_decided or not here.is_decided)


def _has_other_name(choice: Choice, person: Any, votes: Iterable[Vote]) -> bool:
    """Tell whether most faces of a named person belong to a person with another name here."""
    if person.name_key is None:
        return False
    votes = list(votes)
    return any(
        vote.here is not None
        and choice.here[vote.here].name_key is not None
        and 2 * vote.faces > _count(votes)
        for vote in votes
    )


def _is_wanted(
    choice: Choice,
    key: tuple[int, str],
    people: Mapping[int, Any],
    votes: Mapping[tuple[int, str], list[Vote]],
    misnamed: set[tuple[int, str]],
) -> bool:
    """Tell whether a new person would get a face: one that a user placed, or a free one."""
    of_person = votes[key]
    if any(vote.placed for vote in of_person):
        return True
    if key in misnamed or people[key[0]].is_conflict:
        return False
    free = sum(vote.grouped for vote in of_person if choice.is_free(vote.here))
    if people[key[0]].is_decided:
        return free > 0
    # The grouping there is applied only where no user here has decided anything.
    return free > 0 and 2 * free > _count(of_person)


def _count(votes: Iterable[Vote]) -> int:
    return sum(vote.faces for vote in votes)


def _list_faceless(db: Session, choice: Choice, people: Mapping[int, Any]) -> list[tuple[int, str]]:
    """Return the named people without a face who are not here yet, each with a pack.

    If their own pack has found nothing here, the pack is the one that searched most photos.
    """
    packs = list(db.execute(_PACKS).scalars())
    keys = [
        (one.number, one.pack if one.pack in packs or not packs else packs[0])
        for one in people.values()
        if not one.has_faces and one.name_key is not None
    ]
    return [key for key in keys if not choice.set_known(people[key[0]], key[1])]


def _create(
    db: Session,
    choice: Choice,
    people: Mapping[int, Any],
    wanted: Iterable[tuple[int, str]],
    *,
    now: datetime,
) -> None:
    """Create a person for each staged one, or one for all with the same name."""
    by_pack: dict[str, dict[object, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, pack in wanted:
        by_pack[pack][people[number].name_key or number].append(number)
    for pack, numbers in by_pack.items():
        key = {"pack": pack, "now": now, "count": len(numbers)}
        ids = sorted(db.execute(_CREATE, key).scalars())
        for person_id, same in zip(ids, numbers.values(), strict=True):
            for number in same:
                choice.set(people[number], pack, person_id)
