"""Yields an export as flat tables, for spreadsheets and data frames, with a row per record.

The columns have the names and values of the JSON export. Each table can be read without the others:
faces have the path, the digest and the size of their photo, and the name of their person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import Section
from cluster.store.decisions.export_rows import Record, list_records, number_rows

Row = list[Any]

_SIDES = ("left", "top", "right", "bottom")
_BOXES = tuple(f"{kind}_{side}" for kind in ("box", "pixels") for side in _SIDES)
_PHOTO = ("path", "sha256", "orientation", "width", "height")

COLUMNS: dict[Section, tuple[str, ...]] = {
    Section.PHOTOS: (
        *("photo", "path", "sha256", "size", "takenAt", "content", "orientation", "width"),
        *("height", "duplicateOf"),
    ),
    Section.PEOPLE: ("person", "pack", "name", "isHidden", "birthDate", "coverFace", "isDecided"),
    Section.FACES: (
        *("face", "photo", *_PHOTO, "pack", *_BOXES, "timeS", "hasVector", "person"),
        *("name", "placedBy", "placedAt", "verdict"),
    ),
    Section.ERASED: ("photo", *_PHOTO, *_BOXES),
    Section.ANSWERS: (
        *("pack", "answer", "answeredAt", "firstFace", "firstPerson", "firstFaces"),
        *("secondFace", "secondPerson", "secondFaces"),
    ),
}


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A table: its section, the names of its columns, and its rows, which are read once."""

    section: Section
    columns: tuple[str, ...]
    rows: Iterator[Row]


def yield_tables(db: Session, *, pack: str | None = None) -> Iterator[DecisionTable]:
    """Yield the tables of an export; the rows of each are read before the next one is asked for.

    A photo has a row for each of its files. `db` is from `begin_export`.
    """
    number_rows(db, pack=pack)
    known = _Known({}, {})
    to_rows: dict[Section, Callable[[Record], Iterator[Row]]] = {
        Section.PHOTOS: known.photo_rows,
        Section.PEOPLE: known.person_rows,
        Section.FACES: known.face_rows,
        Section.ERASED: known.erased_rows,
        Section.ANSWERS: _answer_rows,
    }
    for section in Section:
        records = list_records(db, section, pack=pack)
        rows = (row for record in records for row in to_rows[section](record))
        yield DecisionTable(section, COLUMNS[section], rows)


@dataclass(frozen=True, slots=True)
class _Known:
    """The values that later tables repeat: those of each photo, and the name of each person."""

    photos: dict[int, Row]
    names: dict[int, str | None]

    def photo_rows(self, record: Record) -> Iterator[Row]:
        picture = [record["orientation"], record["width"], record["height"]]
        files = record["files"] or [{"path": None, "sha256": None, "size": None}]
        self.photos[record["id"]] = [files[0]["path"], files[0]["sha256"], *picture]
        for file in files:
            place = [record["id"], file["path"], file["sha256"], file["size"]]
            yield [*place, record["takenAt"], record["content"], *picture, record["duplicateOf"]]

    def person_rows(self, record: Record) -> Iterator[Row]:
        self.names[record["id"]] = record["name"]
        yield list(record.values())

    def face_rows(self, record: Record) -> Iterator[Row]:
        name = self.names.get(record["person"])
        place = [*self.photos[record["photo"]], record["pack"], *_list_sides(record)]
        what = [record["timeS"], record["hasVector"], record["person"], name]
        placed = [record["placedBy"], record["placedAt"], record["verdict"]]
        yield [record["id"], record["photo"], *place, *what, *placed]

    def erased_rows(self, record: Record) -> Iterator[Row]:
        yield [record["photo"], *self.photos[record["photo"]], *_list_sides(record)]


def _answer_rows(record: Record) -> Iterator[Row]:
    sides = [*record["first"].values(), *record["second"].values()]
    yield [record["pack"], record["answer"], record["answeredAt"], *sides]


def _list_sides(record: Record) -> Row:
    return [record[kind][side] for kind in ("box", "pixels") for side in _SIDES]
