"""Puts a backup of all tables into an empty database, and proves that it is the same there."""

from __future__ import annotations

import psycopg
from sqlalchemy import Engine

from cluster.core.backups import Manifest
from cluster.core.errors import BadBackup
from cluster.store.backups.backup_archives import BackupFile
from cluster.store.backups.table_copies import (
    copy_in,
    copy_out,
    list_sequences,
    list_tables,
    raise_sequences,
    read_sequences,
    reading,
    without_links,
    writing,
)
from cluster.store.database.schema import list_revisions


def check_revision(backup: BackupFile) -> None:
    """Raise BadBackup when the tables of a backup are those of a newer version."""
    known, found = list_revisions(), backup.manifest.revision
    if found not in known:
        raise BadBackup(
            backup.name,
            f"it was made by a newer Headcount (revision {found}; this one knows {known[0]}). Use "
            "that version or a later one.",
        )


def load_tables(backup: BackupFile, scratch: Engine) -> None:
    """Fill the empty tables of `scratch`, which are in the backup's revision.

    Every digest and every reference between rows is checked. Raises BadBackup.
    """
    manifest = backup.manifest
    try:
        with writing(scratch) as connection, without_links(connection):
            for name, copy in manifest.tables.items():
                copy_in(connection, name, copy.columns, backup.read_table(name, copy))
            raise_sequences(connection, manifest.sequences)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadBackup(backup.name, f"its rows do not fit together: {reason}.") from error


def check_equal(scratch: Engine, manifest: Manifest, *, name: str) -> None:
    """Raise BadBackup unless a database holds exactly the rows and the sequences of a manifest."""
    with reading(scratch) as connection:
        found = {
            shape.name: copy_out(connection, shape, write=lambda _: None)
            for shape in list_tables(connection)
        }
        sequences = read_sequences(connection, list_sequences(connection))
    tables = {*found, *manifest.tables}
    different = sorted(one for one in tables if found.get(one) != manifest.tables.get(one))
    if different:
        raise BadBackup(name, f"the restored copy differs in {', '.join(different)}.")
    if sequences != dict(manifest.sequences):
        raise BadBackup(name, "the restored copy would give ids that were given before.")
