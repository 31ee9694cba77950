"""What a backup is, when one is due, and which backups are kept.

A backup is one file. It has its final name only after it was restored into a scratch database and
found equal, so a file with such a name is proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

FORMAT = 1
"""The version of a backup's format; a reader refuses a newer one."""


class BackupKind(StrEnum):
    """What a backup holds: what people decided, or all tables with vectors and thumbnails."""

    DECISIONS = "decisions"
    EVERYTHING = "everything"


class BackupReason(StrEnum):
    """Why a backup was made. Those before a restore are what `--undo` restores."""

    ASKED = "asked"
    DUE = "due"
    BEFORE_UPGRADE = "before-upgrade"
    BEFORE_RESTORE = "before-restore"

    @property
    def is_ordinary(self) -> bool:
        """The backup was not made because something was about to be replaced."""
        return self in (BackupReason.ASKED, BackupReason.DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicy:
    """Where a library's backups are, and when new ones are made.

    `record` is the file that tells how the last try went. Backups that a user asks for are made
    also when they are not enabled.
    """

    folder: Path
    record: Path
    kind: BackupKind
    every_hours: float
    keep: int
    is_enabled: bool = True

    @property
    def enough(self) -> frozenset[BackupKind]:
        """The kinds that hold what a backup of the wanted kind would."""
        return frozenset({self.kind, BackupKind.EVERYTHING})


@dataclass(frozen=True, slots=True)
class LastTry:
    """How the last try to make a backup went: `file`, or the `error` that prevented it."""

    at: datetime
    reason: BackupReason
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A table in a backup: its columns in their order, and what its rows came to.

    `sha256` is the digest, in hexadecimal, of the rows as COPY writes them, ordered by the primary
    key.
    """

    columns: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers by which a user knows a library."""

    photos: int = 0
    faces: int = 0
    people: int = 0
    named: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `deeds` is a digest of what people did (deeds.py), to be compared only.

    `sequences` are the last numbers of the tables' ids. `tables` and `sequences` are empty for
    decisions, where `digest` is that of the export.
    """

    kind: BackupKind
    reason: BackupReason
    made_at: datetime
    revision: str
    deeds: str
    totals: Totals
    tables: Mapping[str, TableCopy] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain values."""
        return {**asdict(self), "made_at": self.made_at.astimezone(UTC).isoformat()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Manifest:
        """Return the manifest of these values.

        Raises ValueError, KeyError or TypeError when they are not those of a manifest, and
        ValueError, in a sentence for users, for a newer format.
        """
        if int(values["format"]) > FORMAT:
            raise ValueError("it was made by a newer Headcount; use that version or a later one")
        tables = {
            str(name): TableCopy(**{**one, "columns": tuple(one["columns"])})
            for name, one in values["tables"].items()
        }
        return cls(
            kind=BackupKind(values["kind"]),
            reason=BackupReason(values["reason"]),
            made_at=datetime.fromisoformat(values["made_at"]),
            revision=str(values["revision"]),
            deeds=str(values["deeds"]),
            totals=Totals(**values["totals"]),
            tables=tables,
            sequences={str(name): int(last) for name, last in values["sequences"].items()},
            digest=str(values["digest"]),
        )


_NAME = re.compile(r"headcount-(\d{8}T\d{6}Z)-([a-z]+)(?:-([a-z-]+?))?(?:-(\d+))?\.zip")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, order=True)
class BackupName:
    """The name of a backup's file; the order is that of time."""

    made_at: datetime
    number: int
    kind: BackupKind
    reason: BackupReason = BackupReason.ASKED

    def __str__(self) -> str:
        """Return the name of the file."""
        parts = [
            "headcount",
            self.made_at.astimezone(UTC).strftime(_TIME),
            self.kind.value,
            *([] if self.reason.is_ordinary else [self.reason.value]),
            *([str(self.number)] if self.number else []),
        ]
        return "-".join(parts) + ".zip"

    @classmethod
    def find(cls, name: str) -> BackupName | None:
        """Return the parts of a file's name; None when it is not the name of a backup."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        time, kind, reason, number = found.groups()
        try:
            made_at = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
            parsed = BackupReason(reason) if reason else BackupReason.ASKED
            return cls(made_at, int(number or 0), BackupKind(kind), parsed)
        except ValueError:
            return None


def choose_surplus(names: Iterable[BackupName], *, keep: int) -> list[BackupName]:
    """Return the backups to delete, so that the newest `keep` of each kind are left.

    Backups before an upgrade and before a restore are counted apart from the others, so that the
    daily ones do not displace them. At least one of each is always left.
    """
    groups: dict[tuple[BackupKind, str], list[BackupName]] = {}
    for name in sorted(names, reverse=True):
        group = "" if name.reason.is_ordinary else name.reason.value
        groups.setdefault((name.kind, group), []).append(name)
    return [name for group in groups.values() for name in group[max(1, keep) :]]


def is_due(newest: Manifest | None, *, deeds: str, now: datetime, every_hours: float) -> bool:
    """Tell whether people did something since the `newest` backup, and that is old enough.

    `deeds` is empty when people never did anything: then nothing has to be kept.
    """
    if not deeds:
        return False
    if newest is None:
        return True
    return newest.deeds != deeds and now - newest.made_at >= timedelta(hours=every_hours)
