"""The JSON of backups."""

from __future__ import annotations

from datetime import datetime

from cluster.core.backups import BackupKind, BackupReason, Totals
from cluster.store.backups.backup_folders import StoredBackup
from cluster.store.backups.restoring import Comparison, Restored
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


class RestoredBody(Body):
    """A restore that took place. `kept` is the backup of what was there before, null if nothing.

    `left` decisions wait until their photo or face turns up.
    """

    kept: BackupBody | None
    left: int

    @classmethod
    def from_restored(cls, restored: Restored) -> RestoredBody:
        """Return the body of a restore."""
        before = restored.before
        kept = None if before is None else BackupBody.from_backup(before)
        return cls(kept=kept, left=restored.left)
