"""Imports decisions for a client that is not at the machine: looked at before, and kept before."""

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
    """Ends a transaction that must change nothing."""


def look_at_import(engine: Engine, stream: BinaryIO, *, name: str, now: datetime) -> ImportReport:
    """Return what an import would change, and change nothing. Raises BadExport."""
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
    """Import decisions, and return what that changed, and the backup of what was there before.

    `wanted` is the backup of everything that is made before, when something changes; None is made
    of an empty library. `note` is told each step after the file was found good. Nobody changes
    people meanwhile, so that the backup is the state before. Raises BadExport, BackupBusy or
    BackupFailed; then nothing has changed.
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
