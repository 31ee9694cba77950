"""Decides which people get the names of regions, and which faces move.

An existing name always stays. A group without a name gets the most frequent name of its regions;
faces with other names leave the group, unless a user placed them there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_VOTES = 2
"""The number of regions with a name from which a larger group gets it (as in carried_names.py)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A person without a name: the number of its faces, and whether a user removed its name."""

    faces: int
    lost_its_name: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """A face, by any number, with the name of its region; `person_id` is its unnamed person."""

    face: int
    key: str
    person_id: int | None
    is_placed: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """`names` maps people to the keys of their new names, and `moves` faces to the keys of theirs.

    `refused` are faces that a user placed with a person who does not get the name.
    """

    names: Mapping[int, str]
    moves: Mapping[int, str]
    refused: frozenset[int]


def choose_names(
    wishes: Iterable[Wish], groups: Mapping[int, Group], in_use: Iterable[str]
) -> Choices:
    """Return the people to name and the faces to move; `in_use` are the names of other people."""
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
