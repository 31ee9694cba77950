"""Makes a backup: copies the database into a file, and proves the file in a scratch database."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cluster.core.decisions.backups import BackupKind, BackupReason, Manifest, TableCopy, Totals
from cluster.core.errors import BackupFailed, HeadcountError
from cluster.store.backups.backup_archives import (
    STORED,
    add_manifest,
    add_member,
    create_private,
    open_backup,
    table_member,
)
from cluster.store.backups.backup_folders import (
    StoredBackup,
    delete_surplus,
    finish,
    open_folder,
    partial_file,
)
from cluster.store.backups.backup_room import check_room
from cluster.store.backups.decision_copies import (
    add_decisions,
    check_decisions,
    copy_bare_library,
)
from cluster.store.backups.decision_digest import count_totals, digest_decisions
from cluster.store.backups.proving import check_equal, load_tables
from cluster.store.backups.scratch_databases import (
    WAIT_S,
    Server,
    hold_server,
    scratch_database,
)
from cluster.store.backups.table_copies import (
    Shape,
    copy_out,
    list_sequences,
    list_tables,
    read_sequences,
    reading,
)
from cluster.store.database.copying import driver_connection
from cluster.store.database.schema import create_schema, find_revision
from cluster.store.decisions.decision_writing import begin_export


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The backup to make: its kind, its reason, and how many of each kind the folder keeps.

    `wait_s` is how long to wait while another process makes or restores a backup.
    """

    folder: Path
    kind: BackupKind
    reason: BackupReason
    now: datetime
    keep: int
    wait_s: float = WAIT_S


def make_backup(engine: Engine, wanted: Wanted) -> StoredBackup:
    """Make a backup of the engine's database, prove it, and return it; delete surplus ones.

    Raises BackupBusy, or BackupFailed with the cause; earlier backups stay unchanged.
    """
    with told_as_failed(wanted.folder), hold_server(engine, wait_s=wanted.wait_s) as server:
        return make_held(engine, server, wanted)


def make_held(engine: Engine, server: Server, wanted: Wanted) -> StoredBackup:
    """Make a backup as `make_backup` does, while the caller holds the server."""
    with told_as_failed(wanted.folder), partial_file(open_folder(wanted.folder)) as partial:
        is_small = wanted.kind is BackupKind.DECISIONS
        check_room(engine, None if is_small else wanted.folder)
        manifest = _write_and_prove(engine, server, partial, wanted)
        file = finish(partial, kind=wanted.kind, reason=wanted.reason, now=wanted.now)
        delete_surplus(wanted.folder, keep=wanted.keep)
        return StoredBackup(file, file.stat().st_size, manifest)


def _write_and_prove(engine: Engine, server: Server, file: Path, wanted: Wanted) -> Manifest:
    revision = find_revision(engine)
    if revision is None:
        raise BackupFailed("There is nothing to keep: the database has no tables yet.")
    with scratch_database(server) as scratch:
        create_schema(scratch, revision)
        if wanted.kind is BackupKind.DECISIONS:
            return _keep_decisions(engine, scratch, file, _head(wanted, revision))
        return _keep_everything(engine, scratch, file, _head(wanted, revision))


def _head(wanted: Wanted, revision: str) -> Manifest:
    """Return a manifest without content."""
    return Manifest(
        kind=wanted.kind,
        reason=wanted.reason,
        made_at=wanted.now,
        revision=revision,
        deeds="",
        totals=Totals(),
    )


def _keep_everything(engine: Engine, scratch: Engine, file: Path, head: Manifest) -> Manifest:
    with reading(scratch) as connection:
        shapes, sequences = list_tables(connection), list_sequences(connection)
    with _new_archive(file) as archive, reading(engine) as connection:
        manifest = replace(
            head,
            deeds=digest_decisions(connection),
            totals=count_totals(connection),
            tables={shape.name: _add_table(archive, connection, shape) for shape in shapes},
            sequences=read_sequences(connection, sequences),
        )
        add_manifest(archive, manifest)
    with open_backup(file) as backup:
        load_tables(backup, scratch)
        check_equal(scratch, manifest, name=backup.name)
    return manifest


def _keep_decisions(engine: Engine, scratch: Engine, file: Path, head: Manifest) -> Manifest:
    with _new_archive(file) as archive, begin_export(engine) as db:
        connection = driver_connection(db)
        digest, tables = add_decisions(db, archive, now=head.made_at)
        manifest = replace(
            head,
            deeds=digest_decisions(connection),
            totals=count_totals(connection),
            tables=tables,
            digest=digest,
        )
        add_manifest(archive, manifest)
        copy_bare_library(db, scratch)
    with open_backup(file) as backup:
        check_decisions(backup, scratch, now=head.made_at)
    return manifest


@contextmanager
def _new_archive(file: Path) -> Iterator[zipfile.ZipFile]:
    with (
        create_private(file) as opened,
        zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        yield archive


def _add_table(archive: zipfile.ZipFile, connection: psycopg.Connection, shape: Shape) -> TableCopy:
    is_stored = shape.name in STORED
    with add_member(archive, table_member(shape.name), is_stored=is_stored) as member:
        return copy_out(connection, shape, member.write)


@contextmanager
def told_as_failed(folder: Path) -> Iterator[None]:
    """Replace every expected error with BackupFailed, which says that earlier backups stay."""
    try:
        yield
    except BackupFailed:
        raise
    except (HeadcountError, OSError, psycopg.Error, DBAPIError) as error:
        raise BackupFailed(
            f"No backup was made in {folder}: {say_cause(error)}. Earlier backups are as they were."
        ) from error


def say_cause(error: Exception) -> str:
    """Return the first line of an error, without its SQL statement."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0].removesuffix(".")
