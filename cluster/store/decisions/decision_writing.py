"""Writes decisions as one JSON document: photos, people, faces, erased places, answers.

Each record is on a line of its own. The same database gives the same bytes, except for
`exportedAt`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import FORMAT, SCHEMA_VERSION, Section
from cluster.store.database.engine import tell_outages
from cluster.store.decisions.export_rows import format_time, list_records, number_rows

RECORDS_IN_A_BLOCK = 250
"""The number of records in a block of an export, about 100 kB."""


class ByteStream(Protocol):
    """A receiver of bytes: a file, a compressor, or a queue of parts of an HTTP response."""

    def write(self, data: bytes, /) -> object:
        """Receive bytes, in the order of the calls."""


@dataclass(frozen=True, slots=True)
class ExportCounts:
    """The number of records written in each section, and the SHA-256 of all of them.

    `digest` (hexadecimal) leaves out `exportedAt`, so equal decisions have equal digests.
    """

    photos: int
    people: int
    faces: int
    erased: int
    answers: int
    digest: str


@contextmanager
def begin_export(engine: Engine) -> Iterator[Session]:
    """Open a transaction that sees one snapshot of the database, unaffected by other writers.

    Raises DatabaseUnavailable like `begin`.
    """
    with tell_outages(engine), Session(engine) as db, db.begin():
        db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield db


def write_decisions(
    db: Session, stream: ByteStream, *, now: datetime, pack: str | None = None
) -> ExportCounts:
    """Write an export to `stream` in UTF-8, and return the counts of its records.

    `now` is its time. With a `pack`, only people and faces of that pack are written, else those of
    all packs. `db` comes from `begin_export`, so that the export shows one moment.
    """
    blocks = yield_blocks(db, now=now, pack=pack)
    while True:
        try:
            stream.write(next(blocks))
        except StopIteration as end:
            counts: ExportCounts = end.value
            return counts


def yield_blocks(
    db: Session, *, now: datetime, pack: str | None = None
) -> Generator[bytes, None, ExportCounts]:
    """Yield the bytes of an export, some records at a time, and return its counts."""
    number_rows(db, pack=pack)
    digest, counts = hashlib.sha256(), dict.fromkeys(Section, 0)
    head = {"format": FORMAT, "schemaVersion": SCHEMA_VERSION, "exportedAt": format_time(now)}
    yield _dump({**head, "pack": pack})[:-1]
    for section in Section:
        yield b',\n"%s": [' % section.encode()
        records = map(_dump, list_records(db, section, pack=pack))
        while lines := list(itertools.islice(records, RECORDS_IN_A_BLOCK)):
            for line in lines:
                digest.update(b"%s %s\n" % (section.encode(), line))
            yield (b",\n" if counts[section] else b"\n") + b",\n".join(lines)
            counts[section] += len(lines)
        yield b"]"
    yield b"}\n"
    return ExportCounts(
        photos=counts[Section.PHOTOS],
        people=counts[Section.PEOPLE],
        faces=counts[Section.FACES],
        erased=counts[Section.ERASED],
        answers=counts[Section.ANSWERS],
        digest=digest.hexdigest(),
    )


def _dump(record: dict[str, object]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
