"""Writes an export to a file: JSON, or tables as CSV or Parquet in a folder or a zip.

An existing file is never replaced, so a mistyped name cannot destroy a photo. A new file appears
only when it is complete: it is written under a temporary name beside it, and renamed at the end.
"""

from __future__ import annotations

import csv
import importlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from cluster.core.decisions.decision_format import Section
from cluster.core.errors import BadExport
from cluster.store.database.engine import Engine
from cluster.store.decisions.decision_writing import begin_export, write_decisions
from cluster.store.decisions.table_rows import DecisionTable, yield_tables

ROWS_AT_ONCE = 10_000
ZIP = ".zip"


class ExportFormat(StrEnum):
    """The formats of an export. Only JSON can be imported again."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def check_free(path: Path) -> None:
    """Raise BadExport if `path` exists already, or its folder does not exist."""
    if path.exists() or path.is_symlink():
        raise _cannot_write(path, "this name exists already")
    if not path.absolute().parent.is_dir():
        raise _cannot_write(path, "there is no such folder")


def _cannot_write(path: Path, reason: str) -> BadExport:
    return BadExport(str(path), reason, cure="Nothing was exported. Name another file.")


def export_to(
    engine: Engine, path: Path, kind: ExportFormat, *, pack: str | None, now: datetime
) -> dict[str, int]:
    """Export to a new file, or as tables to a new folder or zip; return the counts by section.

    Raises BadExport for a path that exists or cannot be written, or for Parquet without pyarrow.
    """
    try:
        return _export(engine, path, kind, pack=pack, now=now)
    except OSError as error:
        raise _cannot_write(path, error.strerror or str(error)) from error


def _export(
    engine: Engine, path: Path, kind: ExportFormat, *, pack: str | None, now: datetime
) -> dict[str, int]:
    if kind is ExportFormat.JSON:
        with _new_file(path) as file, begin_export(engine) as db, file.open("wb") as stream:
            counts = asdict(write_decisions(db, stream, now=now, pack=pack))
        return {section: counts[section] for section in Section}
    write_table = _write_csv if kind is ExportFormat.CSV else _parquet_writer(path)
    counts = {}
    with _new_folder(path) as folder, begin_export(engine) as db:
        for table in yield_tables(db, pack=pack):
            file = folder / f"{table.section}.{kind}"
            counts[table.section] = write_table(file, table)
    return counts


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file, which is renamed to `path` at the end, or removed after an error."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    os.close(number)
    file = Path(name)
    try:
        yield file
        with file.open("rb") as written:
            os.fsync(written.fileno())
        check_free(path)
        file.replace(path)
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder, which becomes `path`: a folder, or a zip if that is its suffix."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    try:
        yield folder
        if path.suffix.lower() != ZIP:
            check_free(path)
            folder.rename(path)
            return
        with _new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for table in sorted(folder.iterdir()):
                archive.write(table, table.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_csv(file: Path, table: DecisionTable) -> int:
    """Write a table as CSV (RFC 4180) in UTF-8, and return the number of rows."""
    count = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(table.columns)
        for row in table.rows:
            writer.writerow([_to_cell(value) for value in row])
            count += 1
    return count


def _to_cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def _parquet_writer(path: Path) -> Any:
    """Return the function that writes a table as Parquet. Raises BadExport without pyarrow."""
    try:
        arrow, parquet = (importlib.import_module(f"pyarrow{one}") for one in ("", ".parquet"))
    except ImportError:
        raise BadExport(
            str(path),
            "Parquet needs the package pyarrow, which Headcount does not install by itself",
            cure="Nothing was exported. Install pyarrow into this environment, or choose csv.",
        ) from None

    def write(file: Path, table: DecisionTable) -> int:
        schema = arrow.schema([(name, _arrow_type(arrow, name)) for name in table.columns])
        count = 0
        with parquet.ParquetWriter(file, schema) as writer:
            while rows := list(islice(table.rows, ROWS_AT_ONCE)):
                columns = [list(column) for column in zip(*rows, strict=True)]
                writer.write_table(arrow.table(columns, schema=schema))
                count += len(rows)
        return count

    return write


_WHOLE = {"photo", "face", "person", "size", "orientation", "width", "height", "duplicateOf",
          "coverFace", "firstFace", "firstPerson", "firstFaces", "secondFace", "secondPerson",
          "secondFaces"}  # fmt: skip


def _arrow_type(arrow: Any, column: str) -> Any:
    if column in _WHOLE:
        return arrow.int64()
    if column.startswith(("box_", "pixels_")) or column == "timeS":
        return arrow.float64()
    return arrow.bool_() if column.startswith(("is", "has")) else arrow.string()
