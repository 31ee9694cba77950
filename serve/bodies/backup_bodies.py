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
    """The counts of a library; `named` counts the people with a name."""

    photos: int
    faces: int
    people: int
    named: int

    @classmethod
    def from_totals(cls, totals: Totals) -> TotalsBody:
        """Return the body of a library's counts."""
        return cls(
            photos=totals.photos, faces=totals.faces, people=totals.people, named=totals.named
        )


class BackupBody(Body):
    """A backup that was proved: restored and compared. `name` is the name of its file."""

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

    `trouble` says what is wrong: the last backup failed, or recent decisions have not been backed
    up for too long. It is null if nothing is wrong. `isAtWork` is true while a backup is being made
    or restored.
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
    """What a restore would change. `isSame`: there are no new decisions since the backup."""

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

    `step` describes the current step, and `share` is its finished share, 0 to 1, or null if that is
    unknown. At the end, `state` is `done` or `failed`. If it failed, `error` gives the reason, and
    the library is as it was. `kept` is the name of the backup that was made before: restoring it
    undoes this restore. `changed` counts the changes by an import, or by the decisions of a backup.
    `left` counts the decisions that wait until their photo or face turns up.
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
