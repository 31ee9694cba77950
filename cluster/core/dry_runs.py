"""What a dry run says: what a session would find, and how long it would take.

Nothing is read but the listing. What a file holds is only guessed from its size, time and name, so
moved photos and copies are probable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cluster.core.files.gone import Unconfirmed
from cluster.core.files.passed_over import PassedOver, describe_passed_over
from cluster.core.time_left.dry_times import DryWork
from cluster.core.time_left.timing import TimeRange

UNCOMPRESSED = ("bmp", "dib", "pbm", "pgm", "ppm", "pnm", "tga", "tif", "tiff")
"""Suffixes of pictures that have equal sizes if they have equal sides, so a size tells nothing."""


class ListedAs(StrEnum):
    """What a listed file is, compared with the database.

    `new`: never read. `changed`: read, and of another size or time since. `unsearched`: unchanged,
    but not searched with this pack. `moved`: new, and probably a known file that is gone. `copy`:
    new, and probably a copy of a photo that is known or listed before. `unchanged`: no work.
    """

    NEW = "new"
    CHANGED = "changed"
    UNSEARCHED = "unsearched"
    MOVED = "moved"
    COPY = "copy"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An unfinished session, which the command would continue instead of beginning a new one.

    If it `is_listed`, it takes no file that it has not met before.
    """

    session_id: int
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DryListing:
    """A listing, compared with the database.

    `counts` adds up to `photos`. A session would read `to_read` files of `bytes_to_read` bytes,
    decode `to_decode` of them, and search `to_search` for faces; `known_faces` are grouped again.
    `size_bytes` leaves out the `sizes_unknown`. `gone` of `known` files were not met and have not
    moved; both are None while the listing is not complete.
    """

    photos: int
    counts: Mapping[ListedAs, int]
    size_bytes: int
    sizes_unknown: int
    bytes_to_read: int
    to_read: int
    to_decode: int
    to_search: int
    known_faces: int = 0
    known: int | None = None
    gone: int | None = None
    is_complete: bool = True
    passed_over: Mapping[str, int] = field(default_factory=dict)
    unfinished: Unfinished | None = None

    @property
    def work(self) -> DryWork:
        """The numbers that the time of a session depends on."""
        return DryWork(
            to_read=self.to_read,
            bytes_to_read=self.bytes_to_read,
            to_decode=self.to_decode,
            to_search=self.to_search,
            known_faces=self.known_faces,
        )

    @property
    def unconfirmed(self) -> Unconfirmed | None:
        """The numbers if most known files are gone: a disk is probably not mounted (census.py)."""
        if self.known is None or self.gone is None or 2 * self.gone <= self.known:
            return None
        return Unconfirmed(self.known, self.gone)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a walk: whether it met the whole library, and what it did not take.

    `passed_over` counts by kind; `unlisted` are the folders and files that could not be opened.
    """

    is_complete: bool
    passed_over: Mapping[str, int]
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """A listing that was compared, and `paths` of a few files to read, spread over the listing."""

    listing: DryListing
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a session would find, and how long it would take; None while the listing is incomplete.

    `is_measured` is true if photos of this library or earlier sessions were timed.
    """

    listing: DryListing
    time: TimeRange | None
    is_measured: bool = True


COUNT_WORDS = {
    ListedAs.NEW: "new",
    ListedAs.CHANGED: "changed",
    ListedAs.UNSEARCHED: "not yet searched with this pack",
    ListedAs.MOVED: "probably moved",
    ListedAs.COPY: "probably copies",
    ListedAs.UNCHANGED: "unchanged",
}
"""How a report names the kinds, in its order."""


def find_copied_name(path: str) -> str | None:
    """Return the name of a file that keeps it when it is copied; None if its size tells nothing."""
    name = path.rpartition("/")[2]
    return None if name.lower().rpartition(".")[2] in UNCOMPRESSED else name


def describe_kinds(listing: DryListing) -> str:
    """Return what is passed over, in words."""
    return describe_passed_over(PassedOver.from_json(listing.passed_over).counts)


_UNITS = (("hour", 3_600, 5_400), ("minute", 60, 90), ("second", 1, 0))
"""Units, their seconds, and from how many seconds on a time is told in them."""


def describe_range(time: TimeRange) -> str:
    """Return a range in words: "2 to 4 minutes", or "about 3 minutes" where it is narrow."""
    unit, length = next((unit, n) for unit, n, since in _UNITS if time.high_s >= since)
    low, high = max(1, math.floor(time.low_s / length)), math.ceil(time.high_s / length)
    if high <= low or time.high_s <= 1.3 * time.low_s:
        middle = max(1, round(time.middle_s / length))
        return f"about {middle:,} {unit}" + ("" if middle == 1 else "s")
    return f"{low:,} to {high:,} {unit}s"
