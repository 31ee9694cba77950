"""The result of a dry run: the files that a session would find, and how long it would take.

Only the listing is read. The content of a file is guessed from its size, time and name, so moved
photos and copies are only probable.
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
"""Suffixes of uncompressed pictures: files with equal sides have equal sizes, so a size proves
nothing."""


class ListedAs(StrEnum):
    """The state of a listed file, compared with the database.

    `new`: never read. `changed`: its size or time has changed since it was read. `unsearched`:
    unchanged, but not searched with this pack. `moved`: new, and probably a known file that is
    gone. `copy`: new, and probably a copy of a photo that is known or listed earlier. `unchanged`:
    no work.
    """

    NEW = "new"
    CHANGED = "changed"
    UNSEARCHED = "unsearched"
    MOVED = "moved"
    COPY = "copy"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An unfinished session, which the command would continue instead of starting a new one.

    If it `is_listed`, its discovery is complete, and it takes no further files.
    """

    session_id: int
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DryListing:
    """A listing, compared with the database.

    `counts` adds up to `photos`. A session would read `to_read` files of `bytes_to_read` bytes,
    decode `to_decode` of them, and search `to_search` for faces; `known_faces` are grouped again.
    `size_bytes` leaves out the `sizes_unknown` files of unknown size. `gone` of the `known` files
    were not found and have not moved; both are None while the listing is incomplete.
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
        """The numbers that determine the time of a session."""
        return DryWork(
            to_read=self.to_read,
            bytes_to_read=self.bytes_to_read,
            to_decode=self.to_decode,
            to_search=self.to_search,
            known_faces=self.known_faces,
        )

    @property
    def unconfirmed(self) -> Unconfirmed | None:
        """The numbers if most known files are gone; a disk may not be mounted (census.py)."""
        if self.known is None or self.gone is None or 2 * self.gone <= self.known:
            return None
        return Unconfirmed(self.known, self.gone)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a walk: whether it covered the whole library, and the files that it passed over.

    `passed_over` counts them by kind; `unlisted` are the folders and files that could not be
    opened.
    """

    is_complete: bool
    passed_over: Mapping[str, int]
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """A compared listing, and the `paths` of a few files to time, spread over the listing."""

    listing: DryListing
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DryRun:
    """A listing and the time of a session over it, None while the listing is incomplete.

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
"""The names of the kinds in a report, in its order."""


def find_copied_name(path: str) -> str | None:
    """Return the name by which copies of a file are recognised; None if its size proves nothing."""
    name = path.rpartition("/")[2]
    return None if name.lower().rpartition(".")[2] in UNCOMPRESSED else name


def describe_kinds(listing: DryListing) -> str:
    """Return the counts of the files by kind, in words."""
    return describe_passed_over(PassedOver.from_json(listing.passed_over).counts)


_UNITS = (("hour", 3_600, 5_400), ("minute", 60, 90), ("second", 1, 0))
"""Units, their length in seconds, and the seconds from which a time is given in them."""


def describe_range(time: TimeRange) -> str:
    """Return a range in words: "2 to 4 minutes", or "about 3 minutes" where it is narrow."""
    unit, length = next((unit, n) for unit, n, since in _UNITS if time.high_s >= since)
    low, high = max(1, math.floor(time.low_s / length)), math.ceil(time.high_s / length)
    if high <= low or time.high_s <= 1.3 * time.low_s:
        middle = max(1, round(time.middle_s / length))
        return f"about {middle:,} {unit}" + ("" if middle == 1 else "s")
    return f"{low:,} to {high:,} {unit}s"
