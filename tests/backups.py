"""Backups in tests: their policies, and decisions of users that make a backup due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from cluster.core.decisions.backups import BackupKind, BackupPolicy, BackupReason
from cluster.store.backups.making import Wanted
from cluster.store.database.engine import begin
from tests.library import NOW


def policy_in(folder: Path, *, keep: int = 14, every_hours: float = 24.0) -> BackupPolicy:
    """A policy whose folder and record are below `folder`."""
    return BackupPolicy(
        folder=folder / "backups",
        record=folder / "last_backup.json",
        kind=BackupKind.EVERYTHING,
        every_hours=every_hours,
        keep=keep,
    )


def wanted_in(folder: Path, *, hours: float = 0.0, keep: int = 14, wait_s: float = 60.0) -> Wanted:
    """A backup of everything that a user asked for, some hours after NOW."""
    return Wanted(
        folder=folder / "backups",
        kind=BackupKind.EVERYTHING,
        reason=BackupReason.ASKED,
        now=NOW + timedelta(hours=hours),
        keep=keep,
        wait_s=wait_s,
    )


def name_first_person(engine: Engine, name: str) -> None:
    """Give the first person a name, as a user does."""
    statement = """
        UPDATE person SET name = :name, name_key = lower(:name), version = version + 1
        WHERE id = (SELECT min(id) FROM person)
    """
    with begin(engine) as db:
        db.execute(text(statement), {"name": name})


def names_in(engine: Engine) -> list[str]:
    """The names of all people."""
    with begin(engine) as db:
        found = db.execute(text("SELECT name FROM person WHERE name IS NOT NULL ORDER BY 1"))
        return list(found.scalars())


def list_scratch(engine: Engine) -> list[str]:
    """The scratch databases that exist beside the engine's database."""
    query = text("SELECT datname FROM pg_database WHERE starts_with(datname, :start)")
    with begin(engine) as db:
        start = f"{(engine.url.database or '')[:24]}_scratch_"
        return list(db.execute(query, {"start": start}).scalars())
