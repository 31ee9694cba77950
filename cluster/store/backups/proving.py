"""Loads a backup of all tables into an empty database, and proves that the rows are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import psycopg
from sqlalchemy import Engine

from cluster.core.decisions.backups import Manifest
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
    """Raise BadBackup if the tables of a backup have a newer revision than this version."""
    known, found = list_revisions(), backup.manifest.revision
    if found not in known:
        raise BadBackup(
            backup.name,
            f"it was made by a newer Headcount (revision {found}; this one knows {known[0]}). Use "
            "that version or a later one.",
        )


def load_tables(
    backup: BackupFile, scratch: Engine, *, share: Callable[[float], None] = lambda _: None
) -> None:
    """Fill the empty tables of `scratch`, which are in the backup's revision.

    Every digest and every reference between rows is checked. `share` is called with the finished
    share, 0 to 1. Raises BadBackup; if the file names other tables, before anything is written.
    """
    manifest = backup.manifest
    try:
        with writing(scratch) as connection, without_links(connection):
            _check_names(backup, connection)
            counted = _Counted(sum(copy.bytes for copy in manifest.tables.values()), share)
            for name, copy in manifest.tables.items():
                pieces = counted.watch(backup.read_table(name, copy))
                copy_in(connection, name, copy.columns, pieces)
            raise_sequences(connection, manifest.sequences)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadBackup(backup.name, f"its rows do not fit together: {reason}.") from error


class _Counted:
    """Reports to `share` the part of `whole` bytes that has passed."""

    def __init__(self, whole: int, share: Callable[[float], None]) -> None:
        self._whole, self._share, self._done = max(1, whole), share, 0

    def watch(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self._done += len(piece)
            self._share(self._done / self._whole)


def _check_names(backup: BackupFile, connection: psycopg.Connection) -> None:
    """Raise BadBackup unless the file names exactly the existing tables and columns.

    So a forged file cannot write to PostgreSQL's own tables, which all databases share.
    """
    known = {shape.name: set(shape.columns) for shape in list_tables(connection)}
    named = {name: set(copy.columns) for name, copy in backup.manifest.tables.items()}
    if named != known or not {*backup.manifest.sequences} <= {*list_sequences(connection)}:
        raise BadBackup(
            backup.name,
            f"its tables are not those of revision {backup.manifest.revision}. It is damaged, or "
            "was not made by Headcount.",
        )


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
        raise BadBackup(name, "the restored copy would assign ids that were used before.")
