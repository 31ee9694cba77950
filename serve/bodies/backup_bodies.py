"""The JSON of backups."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from cluster.core.decisions.backups import BackupKind, BackupReason, Totals
from cluster.core.decisions.restores import RestoreRecord, RestoreState
from cluster.store.backups.backup_folders import StoredBackup
from cluster.store.backups.restoring import Comparison
from cluster.store.backups.routine import BackupState
from serve.bodies.session_bodies import Body


class TotalsBody(Body):
    """The numbers of a library: `named` are the people with a name."""

    photos: int
    faces: int
    people: int
    named: int

    @classmethod
    def from_totals(cls, totals: Totals) -> TotalsBody:
        """Return the body of a library's numbers."""
        return cls(
            photos=totals.photos, faces=totals.faces, people=totals.people, named=totals.named
        )


class BackupBody(Body):
    """A backup that was proved; `name` is the name of its file."""

    name: str
    kind: BackupKind
    reason: BackupReason
    made_at: datetime
    bytes: int
    totals: TotalsBody

    @classmethod
    def from_backup(cls, backup: StoredBackup) -> BackupBody:
        """Return the body of a backup."""
        manifest = backup.manifest
        return cls(
            name=backup.file.name,
            kind=manifest.kind,
            reason=manifest.reason,
            made_at=manifest.made_at,
            bytes=backup.bytes,
            totals=TotalsBody.from_totals(manifest.totals),
        )


class BackupsBody(Body):
    """The backups in `folder`, the newest first.

    `trouble` says what is wrong: the last one failed, or what people did is in none for too long.
    It is null when all is well. While `isAtWork` is true, one is made or restored.
    """

    folder: str | None
    backups: list[BackupBody]
    is_at_work: bool
    trouble: str | None

    @classmethod
    def from_state(cls, state: BackupState, *, folder: str) -> BackupsBody:
        """Return the body of the state of all backups."""
        return cls(
            folder=folder,
            backups=[BackupBody.from_backup(one) for one in state.backups],
            is_at_work=state.is_at_work,
            trouble=state.trouble,
        )


class BackupComparisonBody(Body):
    """What a restore would change. `isSame`: people did nothing since the backup was made."""

    now: TotalsBody
    then: TotalsBody
    is_same: bool

    @classmethod
    def from_comparison(cls, comparison: Comparison) -> BackupComparisonBody:
        """Return the body of a comparison."""
        return cls(
            now=TotalsBody.from_totals(comparison.now),
            then=TotalsBody.from_totals(comparison.manifest.totals),
            is_same=comparison.is_same,
        )


class RestoreBody(Body):
    """A restore of the backup `name`, or with `isImport` an import of the file `name`.

    `step` says in words what is done now, and `share` how much of it, 0 to 1; it is null when that
    is not known. In the end `state` is `done` or `failed`, and `error` says why; then the library
    is as it was. `kept` is the name of the backup of what was there before: restoring it undoes
    this. `changed` counts what an import, or decisions of a backup, changed. `left` decisions wait
    until their photo or face turns up.
    """

    name: str
    is_import: bool
    state: RestoreState
    step: str
    share: float | None
    started_at: datetime
    ended_at: datetime | None
    kept: str | None
    changed: dict[str, int]
    left: int
    error: str | None

    @classmethod
    def from_record(cls, record: RestoreRecord) -> RestoreBody:
        """Return the body of a restore."""
        values = {one.name: getattr(record, one.name) for one in fields(record)}
        return cls.model_validate(values)
