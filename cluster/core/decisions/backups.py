"""The manifest and the name of a backup, and the rules that decide when one is due and kept.

A backup is one file. It gets its final name only after it was restored into a scratch database and
compared, so every file with such a name is proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from cluster.core.decisions.record_fields import Fields

FORMAT = 1
"""The version of a backup's format; a reader refuses a newer one."""


class BadManifest(ValueError):
    """The manifest of a file is not that of a backup; the message is for users."""


class BackupKind(StrEnum):
    """The content of a backup: users' decisions, or all tables with vectors and thumbnails."""

    DECISIONS = "decisions"
    EVERYTHING = "everything"


class BackupReason(StrEnum):
    """Why a backup was made. `--undo` restores a backup that was made before a restore."""

    ASKED = "asked"
    DUE = "due"
    BEFORE_UPGRADE = "before-upgrade"
    BEFORE_RESTORE = "before-restore"

    @property
    def is_ordinary(self) -> bool:
        """True unless the backup was made because data was about to be replaced."""
        return self in (BackupReason.ASKED, BackupReason.DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicy:
    """Where a library's backups are, and when new ones are made.

    `record` is the file with the result of the last try. A backup that a user requests is made even
    if backups are not enabled.
    """

    folder: Path
    record: Path
    kind: BackupKind
    every_hours: float
    keep: int
    is_enabled: bool = True

    @property
    def enough(self) -> frozenset[BackupKind]:
        """The kinds of backup that contain everything that the wanted kind contains."""
        return frozenset({self.kind, BackupKind.EVERYTHING})


@dataclass(frozen=True, slots=True)
class LastTry:
    """The result of the last try to make a backup: the `file`, or the `error` that prevented it."""

    at: datetime
    reason: BackupReason
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A table in a backup: its columns in order, and the number and digest of its rows.

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
    """The description of a backup's content.

    `deeds` is the digest of all decisions (decision_digest.py), for comparison. `sequences` are the
    last ids of the tables. For decisions, `tables` and `sequences` are empty, and `digest` is the
    digest of the export.
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
    def from_json(cls, values: object) -> Manifest:
        """Return the manifest with these values.

        Raises BadManifest, in a phrase for users, if they are not a manifest, or one of a newer
        format.
        """
        try:
            fields = Fields(values, name="")
            if fields.get_int("format") > FORMAT:
                raise BadManifest(
                    "it was made by a newer Headcount; use that version or a later one"
                )
            return cls._read(fields)
        except BadManifest:
            raise
        except ValueError as error:
            raise BadManifest(f"its manifest is damaged ({error})") from None

    @classmethod
    def _read(cls, fields: Fields) -> Manifest:
        kind, reason = (
            fields.find_choice("kind", BackupKind),
            fields.find_choice("reason", BackupReason),
        )
        made_at = fields.find_time("made_at", has_zone=True)
        if kind is None or reason is None or made_at is None:
            raise ValueError("kind, reason or made_at is missing")
        totals, sequences = fields.get_record("totals"), fields.get_record("sequences")
        return cls(
            kind=kind,
            reason=reason,
            made_at=made_at,
            revision=fields.get_text("revision", most=40),
            deeds=fields.get_text("deeds", least=0),
            totals=Totals(**{one.name: totals.get_int(one.name, least=0) for one in _TOTALS}),
            tables={
                name: _read_copy(Fields(copy, name=f"tables.{name}"))
                for name, copy in fields.get_record("tables").record.items()
            },
            sequences={name: sequences.get_int(name) for name in sequences.record},
            digest=fields.get_text("digest", least=0),
        )


_TOTALS = dataclass_fields(Totals)


def _read_copy(fields: Fields) -> TableCopy:
    columns = fields.record.get("columns")
    if not isinstance(columns, list | tuple) or not all(isinstance(one, str) for one in columns):
        raise fields.fail("columns", "is not a list of texts")
    rows, size = fields.get_int("rows", least=0), fields.get_int("bytes", least=0)
    return TableCopy(tuple(columns), rows, size, fields.get_digest("sha256").hex())


_NAME = re.compile(r"headcount-(\d{8}T\d{6}Z)-([a-z]+)(?:-([a-z-]+?))?(?:-(\d+))?\.zip")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, order=True)
class BackupName:
    """The name of a backup's file; names sort by time."""

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


def is_due(newest: Manifest | None, *, digest: str, now: datetime, every_hours: float) -> bool:
    """Tell whether users did something since the `newest` backup, and whether that is old enough.

    `digest` is empty if users never decided anything; then no backup is due.
    """
    if not digest:
        return False
    if newest is None:
        return True
    return newest.deeds != digest and now - newest.made_at >= timedelta(hours=every_hours)
