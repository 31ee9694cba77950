"""Makes backups when they are due, and records the result of the last try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from cluster.core.decisions.backups import (
    BackupKind,
    BackupPolicy,
    BackupReason,
    LastTry,
    is_due,
)
from cluster.core.errors import BackupBusy, BackupFailed
from cluster.store.backups.backup_folders import (
    StoredBackup,
    find_newest,
    list_backups,
    open_folder,
    partial_folder,
)
from cluster.store.backups.decision_digest import digest_decisions
from cluster.store.backups.making import Wanted, make_backup, make_held, told_as_failed
from cluster.store.backups.private_records import read_record, write_record
from cluster.store.backups.remote_backups import send_backup
from cluster.store.backups.scratch_databases import WAIT_S, hold_server, is_backup_at_work
from cluster.store.backups.table_copies import reading

OVERDUE_AFTER = 2.0
"""The number of intervals by which a backup may be late before users are told."""


@dataclass(frozen=True, slots=True)
class BackupState:
    """The existing backups, the newest first, and whether something is wrong.

    `is_overdue` is true if decisions have been in no backup for too long. `trouble` is a sentence
    for users, None if all is well.
    """

    backups: tuple[StoredBackup, ...]
    last_try: LastTry | None
    is_at_work: bool
    is_overdue: bool

    @property
    def trouble(self) -> str | None:
        """The problem, as a sentence for users; None if all is well."""
        if self.last_try is not None and self.last_try.error is not None:
            return self.last_try.error
        if self.is_overdue:
            return "There are decisions that no backup contains yet. Make a backup now."
        return None


def want(
    policy: BackupPolicy, *, reason: BackupReason, now: datetime, wait_s: float = WAIT_S
) -> Wanted:
    """Return the backup to make by a policy."""
    return Wanted(
        folder=policy.folder,
        kind=policy.kind,
        reason=reason,
        now=now,
        keep=policy.keep,
        wait_s=wait_s,
    )


def back_up(engine: Engine, policy: BackupPolicy, wanted: Wanted) -> StoredBackup:
    """Make a backup and record the result. Raises BackupBusy, or BackupFailed with the cause."""
    with recorded(policy, wanted) as say_where:
        made = make_backup(engine, wanted)
        say_where(str(made.file))
    return made


def back_up_to_url(
    engine: Engine, policy: BackupPolicy, wanted: Wanted, url: str
) -> tuple[StoredBackup, str]:
    """Make a backup, copy it below a URL, and return it with its URL; record the result.

    It is written and proved on this machine first. Raises BackupBusy, or BackupFailed.
    """
    with (
        recorded(policy, wanted) as say_where,
        told_as_failed(policy.folder),
        hold_server(engine, wait_s=wanted.wait_s) as server,
        partial_folder(open_folder(policy.folder)) as folder,
    ):
        made = make_held(engine, server, replace(wanted, folder=folder))
        place = send_backup(made.file, url)
        say_where(place)
    return made, place


@contextmanager
def recorded(policy: BackupPolicy, wanted: Wanted) -> Iterator[Callable[[str], None]]:
    """Record the result of a try to make a backup; the block calls the function with its place."""
    places: list[str] = []
    try:
        yield places.append
    except BackupBusy:
        raise
    except BackupFailed as error:
        record_try(policy.record, LastTry(wanted.now, wanted.reason, error=str(error)))
        raise
    record_try(policy.record, LastTry(wanted.now, wanted.reason, file=places[-1]))


def back_up_if_due(engine: Engine, policy: BackupPolicy, *, now: datetime) -> StoredBackup | None:
    """Make a backup if there are new decisions and the last one is old enough; else return None."""
    if not policy.is_enabled or not _is_due(engine, policy, now=now, hours=policy.every_hours):
        return None
    return back_up(engine, policy, want(policy, reason=BackupReason.DUE, now=now))


def back_up_before_upgrade(
    engine: Engine, policy: BackupPolicy, *, now: datetime
) -> StoredBackup | None:
    """Make a backup of everything if there are decisions since the last one, whatever its age.

    Raises BackupFailed, which names the setting to upgrade without a backup.
    """
    everything = replace(policy, kind=BackupKind.EVERYTHING)
    if not policy.is_enabled or not _is_due(engine, everything, now=now, hours=0.0):
        return None
    try:
        return back_up(
            engine, everything, want(everything, reason=BackupReason.BEFORE_UPGRADE, now=now)
        )
    except BackupFailed as error:
        raise BackupFailed(
            f"{error} The tables were not upgraded, because that is done with a backup only. To "
            "upgrade them without one, set HEADCOUNT_BACKUPS_ENABLED=false for one start."
        ) from error


def _is_due(engine: Engine, policy: BackupPolicy, *, now: datetime, hours: float) -> bool:
    with reading(engine) as connection:
        digest = digest_decisions(connection)
    newest = find_newest(policy.folder, policy.enough)
    return is_due(newest, digest=digest, now=now, every_hours=hours)


def read_state(engine: Engine, policy: BackupPolicy, *, now: datetime) -> BackupState:
    """Return the existing backups, and whether one is overdue."""
    late_hours = policy.every_hours * OVERDUE_AFTER
    is_overdue = policy.is_enabled and _is_due(engine, policy, now=now, hours=late_hours)
    return BackupState(
        backups=tuple(list_backups(policy.folder)),
        last_try=read_last_try(policy.record),
        is_at_work=is_backup_at_work(engine),
        is_overdue=is_overdue,
    )


def record_try(file: Path, last: LastTry) -> None:
    """Store the result of the last try, atomically."""
    write_record(file, {**asdict(last), "at": last.at.isoformat()})


def read_last_try(file: Path) -> LastTry | None:
    """Return the result of the last try; None if there was none, or the file is damaged."""
    values = read_record(file)
    with suppress(ValueError, TypeError, KeyError):
        if values is not None:
            return LastTry(
                at=datetime.fromisoformat(values["at"]),
                reason=BackupReason(values["reason"]),
                file=values["file"],
                error=values["error"],
            )
    return None
