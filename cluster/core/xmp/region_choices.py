"""Decides what the names of regions mean for faces and people, as values.

A name that was there before always stays. A group without a name gets the one that most of its
regions have; the faces of other names leave it, unless a user placed them there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_VOTES = 2
"""How many regions must have a name before a larger group gets it, as for other packs."""


@dataclass(frozen=True, slots=True)
class Group:
    """A person without a name: how many faces it has, and whether a user took its name away."""

    faces: int
    lost_its_name: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """A face, by any number, that a region names; `person_id` is its person without a name."""

    face: int
    key: str
    person_id: int | None
    is_placed: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """`names` are people who get a name, by its key; `moves` faces and the name that they go to.

    `refused` are faces that a user placed with a person who does not get that name.
    """

    names: Mapping[int, str]
    moves: Mapping[int, str]
    refused: frozenset[int]


def choose_names(
    wishes: Iterable[Wish], groups: Mapping[int, Group], in_use: Iterable[str]
) -> Choices:
    """Return who is named, and which faces go to whom; `in_use` are the names of other people."""
    wishes = list(wishes)
    names = _name_groups(wishes, groups, set(in_use))
    moves: dict[int, str] = {}
    refused: set[int] = set()
    for wish in wishes:
        is_there = wish.person_id is not None and names.get(wish.person_id) == wish.key
        if wish.is_placed and not is_there:
            refused.add(wish.face)
        else:
            moves[wish.face] = wish.key
    return Choices(names, moves, frozenset(refused))


def _name_groups(
    wishes: Iterable[Wish], groups: Mapping[int, Group], in_use: set[str]
) -> dict[int, str]:
    """Return the name of each group that gets one, the group with the most such regions first."""
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for wish in wishes:
        if wish.person_id is not None:
            votes[wish.person_id][wish.key] += 1
    ranked = sorted(
        (-count, person_id, key)
        for person_id, of_person in votes.items()
        for key, count in of_person.items()
        if _wins(count, of_person.total(), groups[person_id])
    )
    names: dict[int, str] = {}
    for _, person_id, key in ranked:
        if key not in in_use:
            in_use.add(key)
            names[person_id] = key
    return names


def _wins(count: int, all_votes: int, group: Group) -> bool:
    is_enough = count >= LEAST_VOTES or 2 * count >= group.faces
    return not group.lost_its_name and is_enough and 2 * count > all_votes
