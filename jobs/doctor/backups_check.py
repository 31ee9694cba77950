"""Checks that all decisions are in a backup, and that the last attempt to make one succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cluster.core.decisions.backups import BackupPolicy
from cluster.settings import backup_policy
from cluster.store.backups.backup_folders import StoredBackup, list_backups, list_names
from cluster.store.backups.routine import BackupState, read_last_try, read_state
from cluster.store.database.engine import build_engine
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.sessions_check import opened, read_library
from jobs.doctor.units import count_nouns, describe_bytes

CURE = "Run `python -m jobs.backup`, and correct what it reports."


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report the backups, the last attempt, and decisions that are in no backup."""
    settings = read_settings(inquiry).settings
    policy = backup_policy(settings)
    if not policy.is_enabled:
        cure = "Set backups_enabled to true, unless something else copies the database."
        yield warning("enabled", "no backups are made automatically.", cure)
    yield from judge_folder(policy)
    state = None
    condition = read_library(inquiry).condition
    if condition is not None and condition.is_current:
        with opened(settings) as url:
            engine = build_engine(url)
            try:
                state = read_state(engine, policy, now=datetime.now(UTC))
            finally:
                engine.dispose()
    yield from judge_state(policy, state)


def judge_folder(policy: BackupPolicy) -> Iterator[Finding]:
    """Report the backups in the folder, and files there that cannot be read."""
    backups = list_backups(policy.folder)
    damaged = len(list_names(policy.folder)) - len(backups)
    if backups:
        yield ok("newest", describe_backup(backups[0]))
        total = sum(backup.bytes for backup in backups)
        yield ok("all", f"{count_nouns(len(backups), 'backup')}, {describe_bytes(total)}")
    else:
        yield note("newest", f"there is no backup in {policy.folder} yet.")
    if damaged:
        says = f"{count_nouns(damaged, 'backup')} in {policy.folder} cannot be read."
        yield problem("damaged", says, "Is the disk failing? Make a new backup elsewhere: --to.")


def describe_backup(backup: StoredBackup) -> str:
    """Return the time, the kind and the size of a backup."""
    when = backup.manifest.made_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{when}, {backup.manifest.kind}, {describe_bytes(backup.bytes)}: {backup.file}"


def judge_state(policy: BackupPolicy, state: BackupState | None) -> Iterator[Finding]:
    """Report the last attempt, and decisions without a backup if the database was read."""
    last = read_last_try(policy.record)
    if last is not None and last.error is not None:
        when = last.at.astimezone().strftime("%Y-%m-%d %H:%M")
        yield problem("last try", f"{when}: {last.error}", CURE)
    elif last is not None:
        yield ok("last try", "it worked")
    if state is not None and state.is_overdue:
        yield warning("changes", "recent decisions are in no backup yet.", CURE)
