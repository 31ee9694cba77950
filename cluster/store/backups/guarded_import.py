"""Imports decisions for an HTTP client: with a preview, and with a backup beforehand."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Engine

from cluster.store.backups.backup_folders import StoredBackup
from cluster.store.backups.making import Wanted
from cluster.store.backups.restoring import ADDING, Note, keep_before, told_as_not_restored
from cluster.store.backups.scratch_databases import hold_server
from cluster.store.database.engine import begin
from cluster.store.decisions.decision_reading import read_decisions
from cluster.store.decisions.importing import ImportReport, import_decisions
from cluster.store.decisions.unseen_faces import Cut


class _OnlyLooked(Exception):
    """Rolls back the transaction of a preview."""


def look_at_import(engine: Engine, stream: BinaryIO, *, name: str, now: datetime) -> ImportReport:
    """Return the report of an import that is rolled back. Raises BadExport."""
    try:
        with begin(engine) as db:
            records = read_decisions(stream, name=name)
            report = import_decisions(db, records, source=name, now=now)
            raise _OnlyLooked
    except _OnlyLooked:
        return report


def import_guarded(
    engine: Engine, stream: BinaryIO, wanted: Wanted, *, name: str, note: Note, cut: Cut
) -> tuple[ImportReport, StoredBackup | None]:
    """Import decisions, and return the report, and the backup of the earlier state.

    `wanted` is a backup of everything. It is made before the import is committed, if that changes
    anything; an empty library gets none. `note` is called with each step after the file was
    checked. People are locked meanwhile, so that the backup holds the state before the import.
    Raises BadExport, BackupBusy or BackupFailed; nothing has changed then.
    """
    with (
        told_as_not_restored(),
        hold_server(engine, wait_s=wanted.wait_s) as server,
        begin(engine) as db,
    ):
        records = read_decisions(stream, name=name)
        report = import_decisions(db, records, source=name, now=wanted.now, cut=cut)
        note(ADDING)
        kept = keep_before(engine, server, wanted, note=note) if report.has_changed else None
        return report, kept
