"""Writes decisions into a backup, proves it, and restores them.

A backup of decisions contains the export of all packs (cluster/store/decisions), and the kept
decisions. It is proved in a copy of the library without pictures, vectors and decisions: after an
import there, an export must have the same digest.
"""

from __future__ import annotations

import zipfile
from datetime import datetime
from typing import BinaryIO, cast

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text

from cluster.core.decisions.backups import TableCopy
from cluster.core.errors import BadBackup
from cluster.store.backups.backup_archives import (
    DECISIONS,
    BackupFile,
    add_member,
    table_member,
)
from cluster.store.backups.table_copies import (
    Shape,
    analyse,
    copy_in,
    copy_out,
    list_tables,
    without_links,
    writing,
)
from cluster.store.database.copying import driver_connection
from cluster.store.database.engine import Db, begin
from cluster.store.decisions.decision_reading import read_decisions
from cluster.store.decisions.decision_writing import begin_export, write_decisions
from cluster.store.decisions.importing import ImportReport, import_decisions
from cluster.store.decisions.kept_rows import check_kept, without_progress
from cluster.store.decisions.unseen_faces import Cut, cut_nothing

KEPT = "kept_decision"
PAGE = 1_000
_BARE = {
    "image": {"thumbnail": "''::bytea", "blocks": "''::bytea"},
    "file": {},
    "detection": {},
    "face": {
        "crop": "''::bytea",
        "embedding": "CASE WHEN embedding IS NOT NULL THEN '[0]'::vector END",
        "person_id": "NULL::bigint",
        "placed_by_user": "false",
        "placed_at": "NULL::timestamptz",
        "verdict": "NULL::text",
    },
}
"""The tables in the copy of the library, and the expressions that replace some columns."""

_STAGE_KEPT = text(
    "CREATE TEMP TABLE kept_before ON COMMIT DROP AS SELECT * FROM kept_decision WITH NO DATA"
)
_LIST_KEPT = text("SELECT id, source, kind, decision FROM kept_before WHERE placed_at IS NULL")
_ADD_KEPT = text(
    f"""
    INSERT INTO kept_decision (source, kind, photo_sha256, path, decision, reason, kept_at)
    SELECT source, kind, photo_sha256, path, {without_progress("b.decision")}, reason, kept_at
    FROM kept_before b WHERE placed_at IS NULL AND NOT EXISTS (
        SELECT FROM kept_decision k WHERE k.source = b.source AND k.kind = b.kind
            AND {without_progress("k.decision")} = {without_progress("b.decision")}
    )
    ORDER BY id
    """
)
"""Notes of earlier placings are dropped, because they are people of the backup's library."""


def add_decisions(
    db: Db, archive: zipfile.ZipFile, *, now: datetime
) -> tuple[str, dict[str, TableCopy]]:
    """Add all decisions to an archive; return the digest of the export, and the kept decisions.

    `db` is from `begin_export`.
    """
    with add_member(archive, DECISIONS, is_stored=False) as member:
        digest = write_decisions(db, member, now=now).digest
    connection = driver_connection(db)
    (shape,) = (one for one in list_tables(connection) if one.name == KEPT)
    with add_member(archive, table_member(KEPT), is_stored=False) as member:
        return digest, {KEPT: copy_out(connection, shape, member.write)}


def copy_bare_library(db: Db, scratch: Engine) -> None:
    """Copy photos, files and faces into an empty database, without pictures and vectors.

    The copy holds no decision. `db` is from `begin_export`.
    """
    source = driver_connection(db)
    shapes = {shape.name: shape for shape in list_tables(source)}
    with writing(scratch) as target, without_links(target):
        for table, instead in _BARE.items():
            _pipe(source, target, shapes[table], instead)
        analyse(target)


def _pipe(
    source: psycopg.Connection,
    target: psycopg.Connection,
    shape: Shape,
    instead: dict[str, str],
) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL(instead[name]) if name in instead else sql.Identifier(name)
        for name in shape.columns
    )
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT BINARY)")
    statement = query.format(columns, sql.Identifier(shape.name))
    with source.cursor().copy(statement) as rows:
        copy_in(target, shape.name, shape.columns, map(bytes, rows))


def check_decisions(backup: BackupFile, scratch: Engine, *, now: datetime) -> None:
    """Raise BadBackup unless an import into the copy of the library gives the same decisions."""
    cure = "Set backup_kind to everything"
    report = give_decisions(backup, scratch, now=now)
    if report.left:
        left = sum(one.count for one in report.left)
        raise BadBackup(backup.name, f"{left} decisions found no place in a copy. {cure}.")
    with begin_export(scratch) as db:
        digest = write_decisions(db, _Nowhere(), now=now).digest
    if digest != backup.manifest.digest:
        raise BadBackup(backup.name, f"the restored decisions differ. {cure}.")


def give_decisions(
    backup: BackupFile, engine: Engine, *, now: datetime, cut: Cut = cut_nothing
) -> ImportReport:
    """Add the decisions of a backup to a library, in one transaction.

    Decisions made in the library win. A decision without a place is kept until its photo turns up.
    Raises BadBackup or BadExport.
    """
    kept = backup.manifest.tables.get(KEPT)
    with begin(engine) as db, backup.opened(DECISIONS) as member:
        records = read_decisions(cast(BinaryIO, member), name=backup.name)
        report = import_decisions(db, records, source=f"backup {backup.name}", now=now, cut=cut)
        if kept is not None and kept.rows:
            db.execute(_STAGE_KEPT)
            pieces = backup.read_table(KEPT, kept)
            copy_in(driver_connection(db), "kept_before", kept.columns, pieces)
            for row in db.execute(_LIST_KEPT, execution_options={"yield_per": PAGE}):
                check_kept(row)
            db.execute(_ADD_KEPT)
        return report


class _Nowhere:
    """A stream that discards its bytes."""

    def write(self, data: bytes, /) -> int:
        """Discard the bytes, and return their number."""
        return len(data)
