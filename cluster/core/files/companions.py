"""Decides which files belong to another file's photo: the raw file of a JPEG, a live photo's film.

A camera gives the raw file and the JPEG of a shot the same name and the same time. A phone gives a
photo and its short film the same name.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cluster.core.files.formats import FORMATS, VIDEO
from cluster.core.files.suffixes import RAW_SUFFIXES

LONGEST_LIVE_S = 6.0
"""A live photo's film takes 3 seconds (Apple), a motion photo's up to 5 (Samsung)."""

_SHOWING = ("JPEG", "HEIC")
"""The formats of the picture that a camera writes beside its raw file, the preferred one first."""

_RANKS = {
    suffix: rank
    for rank, name in enumerate(_SHOWING)
    for row in FORMATS
    if row.name == name
    for suffix in row.suffixes
}

FILM_SUFFIXES = VIDEO.suffixes

COMPANION_SUFFIXES = RAW_SUFFIXES | FILM_SUFFIXES
"""The suffixes of files that may belong to the photo of another file."""


class ShotKind(StrEnum):
    """The role of a file in a shot."""

    PICTURE = "picture"
    RAW = "raw"
    FILM = "film"


@dataclass(frozen=True, slots=True)
class ShotFile:
    """One file of a folder; `taken_at` is the local time of its photo, None if unknown.

    `duration_s` is the length of a film, None if unknown. A file that `is_companion` was earlier
    found to belong to another file's photo.
    """

    id: int
    path: str
    taken_at: datetime | None = None
    duration_s: float | None = None
    is_companion: bool = False

    @property
    def kind(self) -> ShotKind:
        """The role of the file, by its suffix."""
        suffix = split_name(self.path)[1]
        if suffix in RAW_SUFFIXES:
            return ShotKind.RAW
        return ShotKind.FILM if suffix in FILM_SUFFIXES else ShotKind.PICTURE


@dataclass(frozen=True, slots=True)
class CompanionCounts:
    """How many files of a session belong to photos that other files show."""

    raw: int = 0
    film: int = 0

    @classmethod
    def find(cls, census: Mapping[str, Any]) -> CompanionCounts:
        """Return the counts in a session's census; 0 in a census of an earlier version."""
        counts = census.get("companions", {})
        return cls(counts.get(ShotKind.RAW, 0), counts.get(ShotKind.FILM, 0))

    def to_json(self) -> dict[str, int]:
        """Return the counts by kind, for the census."""
        return {str(ShotKind.RAW): self.raw, str(ShotKind.FILM): self.film}

    def __str__(self) -> str:
        """Return the counts in words; an empty text if there are none."""
        told = [
            f"{count:,} {one if count == 1 else one + 's'}"
            for count, one in ((self.raw, "raw photo"), (self.film, "film"))
            if count
        ]
        if not told:
            return ""
        if self.raw + self.film == 1:
            return f"{told[0]} belongs to the photo of another file"
        return f"{' and '.join(told)} belong to the photos of other files"


def split_name(path: str) -> tuple[str, str]:
    """Return the path without its suffix, with its case folded, and the suffix in lower case."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    return f"{folder}/{stem.casefold()}", suffix.lower()


def find_companions(files: Iterable[ShotFile]) -> Mapping[int, int]:
    """Map the id of each companion to the id of the file that shows its photo.

    Files of one folder with one name are compared; the case of the name is ignored. A raw file
    belongs to the JPEG, or else HEIC, that was taken in the same second. A film of at most
    LONGEST_LIVE_S belongs to the only picture of its name, or else to the only raw file. The answer
    does not depend on the order of the files.
    """
    by_name: dict[str, list[ShotFile]] = defaultdict(list)
    for file in sorted(files, key=lambda one: one.path):
        by_name[split_name(file.path)[0]].append(file)
    found: dict[int, int] = {}
    for shot in by_name.values():
        if len(shot) > 1:
            found |= _find_in_shot(shot)
    return found


def _find_in_shot(shot: Sequence[ShotFile]) -> Mapping[int, int]:
    pictures = [file for file in shot if file.kind is ShotKind.PICTURE]
    raws = [file for file in shot if file.kind is ShotKind.RAW]
    films = [file for file in shot if file.kind is ShotKind.FILM and _is_live(file)]
    found = {}
    for raw in raws:
        shown = [one for one in pictures if _is_of_one_shot(raw, one)]
        if shown:
            found[raw.id] = min(shown, key=_rank).id
    stills = pictures or raws
    if len(stills) == 1 and len(films) == 1:
        found[films[0].id] = stills[0].id
    return found


def _is_of_one_shot(raw: ShotFile, picture: ShotFile) -> bool:
    if split_name(picture.path)[1] not in _RANKS or raw.taken_at is None:
        return False
    is_timed = picture.taken_at is not None
    return is_timed and _to_second(raw.taken_at) == _to_second(picture.taken_at)


def _to_second(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(microsecond=0)


def _rank(picture: ShotFile) -> tuple[int, str]:
    return _RANKS[split_name(picture.path)[1]], picture.path


def _is_live(film: ShotFile) -> bool:
    if film.duration_s is None:
        return film.is_companion
    return film.duration_s <= LONGEST_LIVE_S
