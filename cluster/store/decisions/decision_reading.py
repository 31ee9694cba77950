"""Reads an export record by record, checks each record, and names the place of an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from cluster.core.decisions.decision_format import FORMAT, SCHEMA_VERSION, Section
from cluster.core.decisions.decision_records import (
    Exported,
    read_answer,
    read_erasure,
    read_face,
    read_person,
    read_photo,
)
from cluster.core.errors import BadExport
from cluster.store.decisions.json_elements import BadJson, Element, read_elements

_READERS: Mapping[str, Callable[[dict[str, Any]], Exported]] = {
    Section.PHOTOS: read_photo,
    Section.PEOPLE: read_person,
    Section.FACES: read_face,
    Section.ERASED: read_erasure,
    Section.ANSWERS: read_answer,
}


@dataclass(frozen=True, slots=True)
class ExportHead:
    """The head of an export: the time when it was made, as written there."""

    exported_at: str


def read_decisions(
    stream: BinaryIO, *, name: str = "the export"
) -> Iterator[ExportHead | Exported]:
    """Yield the records of an export in the order of the file, and its head.

    `name` names the file in errors. Raises BadExport, which names the place, for a file that is not
    an export, has another version, is truncated, or has an invalid record. The file is known to be
    complete only at its end, so the caller must process all records in one transaction.
    """
    head: dict[str, object] = {}
    try:
        for element in read_elements(stream, frozenset(Section)):
            if element.index is None:
                head[element.key] = element.value
                _check_head(head)
            else:
                yield _read(element)
        yield _finish_head(head)
    except (BadJson, _Misfit) as error:
        raise BadExport(name, str(error)) from None


class _Misfit(ValueError):
    """The fault of an export and its place; the message is for users."""


def _read(element: Element) -> Exported:
    try:
        if not isinstance(element.value, dict):
            raise ValueError("the record is not an object")
        return _READERS[element.key](element.value)
    except ValueError as error:
        raise _Misfit(f"{element.key}[{element.index}]: {error}") from None


def _check_head(head: Mapping[str, object]) -> None:
    version = head.get("schemaVersion", SCHEMA_VERSION)
    if head.get("format", FORMAT) != FORMAT:
        raise _Misfit("this is not an export of Headcount")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        is_newer = isinstance(version, int) and version > SCHEMA_VERSION
        cure = "; a newer version of Headcount reads it" if is_newer else ""
        raise _Misfit(
            f"schemaVersion is {str(version)[:40]}, and this version reads {SCHEMA_VERSION}{cure}"
        )


def _finish_head(head: Mapping[str, object]) -> ExportHead:
    missing = [key for key in ("format", "schemaVersion") if key not in head]
    if missing:
        raise _Misfit(f"this is not an export of Headcount: {missing[0]} is missing")
    return ExportHead(str(head.get("exportedAt"))[:64])
