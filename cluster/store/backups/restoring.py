"""Restores a backup.

A backup of everything is loaded into a new database, which then replaces the old one. Before that
single step, the old database is unchanged; after it, everything is as in the backup. A backup of
decisions is added to the existing library in one transaction; decisions made there win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cluster.core.decisions.backups import BackupKind, BackupReason, Manifest, Totals
from cluster.core.errors import BackupFailed, BadBackup, BadExport, HeadcountError, SessionBusy
from cluster.store.backups.backup_archives import BackupFile, open_backup
from cluster.store.backups.backup_folders import StoredBackup
from cluster.store.backups.backup_room import check_room
from cluster.store.backups.decision_copies import give_decisions
from cluster.store.backups.decision_digest import count_totals, digest_decisions
from cluster.store.backups.making import Wanted, make_held, say_cause
from cluster.store.backups.proving import check_equal, check_revision, load_tables
from cluster.store.backups.scratch_databases import (
    Server,
    check_no_session_runs,
    drop_leftovers,
    hold_server,
    scratch_database,
    switch_databases,
)
from cluster.store.backups.table_copies import (
    analyse,
    list_sequences,
    raise_sequences,
    read_sequences,
    reading,
    writing,
)
from cluster.store.database.schema import create_schema, find_revision, upgrade_schema
from cluster.store.database.tables import Table
from cluster.store.decisions.importing import ImportReport
from cluster.store.decisions.unseen_faces import Cut, cut_nothing

ADDING = "adding the decisions to the library"

Note = Callable[[str], None]
"""A callback for the current step, in words for users."""

Share = Callable[[float], None]
"""A callback for the finished share of a step, 0 to 1."""

_STRANGERS = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema'
        AND n.nspname !~ '^pg_' AND c.relname <> ALL (%s)
        AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
    ORDER BY 1
"""
_OURS = [*Table.metadata.tables, "alembic_version"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a restore would change: the library's numbers now and in the backup.

    `is_same` is true if users did nothing since the backup was made.
    """

    manifest: Manifest
    now: Totals
    is_same: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """A completed restore; `before` is the backup of the earlier content, if there was any.

    `report` is the report on imported decisions; None for a backup of everything.
    """

    comparison: Comparison
    before: StoredBackup | None
    report: ImportReport | None = None

    @property
    def left(self) -> int:
        """The number of decisions that wait until their photo or face turns up."""
        return 0 if self.report is None else self.report.left_count


def compare_backup(engine: Engine, file: Path) -> Comparison:
    """Compare a backup with the library. Raises BadBackup."""
    with open_backup(file) as backup:
        check_revision(backup)
        return _compare(engine, backup.manifest)


def _compare(engine: Engine, manifest: Manifest) -> Comparison:
    with reading(engine) as connection:
        now, digest = count_totals(connection), digest_decisions(connection)
    return Comparison(manifest, now, is_same=digest == manifest.deeds)


def restore_backup(
    engine: Engine,
    file: Path,
    wanted: Wanted,
    *,
    note: Note = lambda _: None,
    share: Share = lambda _: None,
    cut: Cut = cut_nothing,
) -> Restored:
    """Replace the engine's database with a backup, or add the decisions of a backup to it.

    `wanted` is a backup of everything, which is made first. After all checks that need no writing,
    `note` is called with each step, and `share` with the finished share of a long step. `cut` makes
    the pictures of faces that decisions add and no detector found. Raises BadBackup, SessionBusy
    while a session runs, or BackupFailed; nothing has changed then.
    """
    with open_backup(file) as backup, hold_server(engine, wait_s=wanted.wait_s) as server:
        _check(engine, server, backup)
        comparison = _compare(engine, backup.manifest)
        kept = keep_before(engine, server, wanted, note=note)
        if backup.manifest.kind is BackupKind.DECISIONS:
            note(ADDING)
            return Restored(comparison, kept, _add(engine, backup, now=wanted.now, cut=cut))
        note("restoring into a new database")
        _replace(engine, server, backup, note=note, share=share)
        with suppress(psycopg.Error):  # The next backup drops what is left.
            drop_leftovers(server)
    return Restored(comparison, kept)


def keep_before(
    engine: Engine, server: Server, wanted: Wanted, *, note: Note
) -> StoredBackup | None:
    """Make the backup of everything before a restore or an import; None if the library is empty.

    One more than usual is kept, so that the file that is being restored is not deleted.
    """
    with reading(engine) as connection:
        is_empty = count_totals(connection) == Totals()
    if is_empty or find_revision(engine) is None:
        return None
    note("keeping the state before it")
    before = replace(wanted, kind=BackupKind.EVERYTHING, reason=BackupReason.BEFORE_RESTORE)
    return make_held(engine, server, replace(before, keep=wanted.keep + 1))


def _check(engine: Engine, server: Server, backup: BackupFile) -> None:
    """Raise any error that can be detected before anything is written."""
    check_revision(backup)
    check_no_session_runs(server)
    if backup.manifest.kind is BackupKind.DECISIONS:
        return
    with reading(engine) as connection:
        strangers = [name for (name,) in connection.execute(_STRANGERS.encode(), [_OURS])]
    if strangers:
        raise BackupFailed(
            f"The database {server.name} also holds {', '.join(strangers[:5])}, which are not "
            "Headcount's and would be lost. Set a database_url of its own for Headcount."
        )
    check_room(engine, None, least_bytes=sum(c.bytes for c in backup.manifest.tables.values()))


def _add(engine: Engine, backup: BackupFile, *, now: datetime, cut: Cut) -> ImportReport:
    """Add the decisions to the existing library.

    Raises BadBackup or BackupFailed; nothing has changed then.
    """
    with told_as_not_restored():
        try:
            return give_decisions(backup, engine, now=now, cut=cut)
        except BadExport as error:
            raise BadBackup(backup.name, f"{error.reason}.") from error


def _replace(
    engine: Engine, server: Server, backup: BackupFile, *, note: Note, share: Share
) -> None:
    with told_as_not_restored(), scratch_database(server) as scratch:
        create_schema(scratch, backup.manifest.revision)
        load_tables(backup, scratch, share=share)
        note("comparing it with the backup")
        check_equal(scratch, backup.manifest, name=backup.name)
        upgrade_schema(scratch)
        _go_on_counting(engine, scratch)
        scratch.dispose()
        engine.dispose()
        switch_databases(server, scratch.url.database or "")
        engine.dispose()


@contextmanager
def told_as_not_restored() -> Iterator[None]:
    """Replace every expected error with BackupFailed, which says that the library is unchanged."""
    try:
        yield
    except (BackupFailed, BadBackup, BadExport, SessionBusy):
        raise
    except (HeadcountError, OSError, psycopg.Error, DBAPIError) as error:
        raise BackupFailed(
            f"The backup was not restored: {say_cause(error)}. The library is as it was."
        ) from error


def _go_on_counting(engine: Engine, scratch: Engine) -> None:
    """Make the new database assign no id of the old one, because links and pages may still use it.

    Also analyse the tables, so that the planner knows their rows.
    """
    with reading(engine) as connection:
        last = read_sequences(connection, list_sequences(connection))
    with writing(scratch) as connection:
        raise_sequences(connection, last)
        analyse(connection)
