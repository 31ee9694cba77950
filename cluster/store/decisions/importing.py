"""Imports decisions into a library, in one transaction, and places kept decisions later.

Decisions of users of this library always win. A second import of the same file changes nothing.
Imports are not in the undo log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.core.decisions.decision_records import Exported
from cluster.core.errors import BadExport
from cluster.store.decisions.decision_reading import ExportHead
from cluster.store.decisions.import_answers import add_answers
from cluster.store.decisions.import_attributes import give_attributes
from cluster.store.decisions.import_erasures import erase_again
from cluster.store.decisions.import_faces import place_faces_of_import
from cluster.store.decisions.import_people import choose_people
from cluster.store.decisions.import_places import find_places, match_faces
from cluster.store.decisions.import_unseen import add_unseen_faces
from cluster.store.decisions.kept_rows import is_waiting, keep_left, list_waiting, settle_kept
from cluster.store.decisions.left_records import clear_left, leave_unmatched
from cluster.store.decisions.staged_records import analyze_staged, clear_staged, stage_records
from cluster.store.decisions.unseen_faces import Cut, cut_nothing
from cluster.store.locks import lock_people

MOST_LISTED = 1_000
"""The most left decisions that are listed; all are counted."""

_UNSOUND = text(
    """
    SELECT kind, number, wrong FROM (
        SELECT 1 AS place, 'photos' AS kind, number, 'occurs twice' AS wrong FROM import_photo
            GROUP BY number HAVING count(*) > 1
        UNION ALL SELECT 2, 'people', number, 'occurs twice' FROM import_person
            GROUP BY number HAVING count(*) > 1
        UNION ALL SELECT 3, 'faces', number, 'occurs twice' FROM import_face
            GROUP BY number HAVING count(*) > 1
        UNION ALL SELECT 4, 'faces', b.number, 'names a photo that is not in the file'
            FROM import_face b LEFT JOIN import_photo p ON p.number = b.photo
            WHERE p.number IS NULL
        UNION ALL SELECT 5, 'faces', b.number, 'names a person that is not in the file'
            FROM import_face b LEFT JOIN import_person p ON p.number = b.person
            WHERE b.person IS NOT NULL AND p.number IS NULL
        UNION ALL SELECT 6, 'faces', b.number, 'is of another pack than its person'
            FROM import_face b JOIN import_person p ON p.number = b.person WHERE p.pack <> b.pack
        UNION ALL SELECT 7, 'people', q.number, 'has a cover that is not in the file'
            FROM import_person q LEFT JOIN import_face b ON b.number = q.cover
            WHERE q.cover IS NOT NULL AND b.number IS NULL
        UNION ALL SELECT 8, 'erased', b.number, 'names a photo that is not in the file'
            FROM import_erased b LEFT JOIN import_photo p ON p.number = b.photo
            WHERE p.number IS NULL
        UNION ALL SELECT 9, 'answers', a.number, 'names a face or a person that is not in the file'
            FROM import_answer a
            WHERE EXISTS (
                SELECT FROM (VALUES (a.first_face), (a.second_face)) v (face)
                WHERE face IS NOT NULL
                    AND NOT EXISTS (SELECT FROM import_face WHERE number = face)
            ) OR EXISTS (
                SELECT FROM (VALUES (a.first_person), (a.second_person)) v (person)
                WHERE person IS NOT NULL
                    AND NOT EXISTS (SELECT FROM import_person WHERE number = person)
            )
    ) unsound ORDER BY place, number LIMIT 1
    """
)
_COUNT_LEFT = text("SELECT kind, reason, count(*) FROM import_left GROUP BY 1, 2 ORDER BY 1, 2")
_LIST_LEFT = text(
    """
    SELECT l.kind, l.reason, coalesce(q.name, s.name) AS name, (
            SELECT f.path FROM import_file f
            WHERE f.photo = coalesce(b.photo, e.photo, c.photo)
            ORDER BY f.path COLLATE "C" LIMIT 1
        ) AS path
    FROM import_left l
        LEFT JOIN import_person q ON l.kind = 'person' AND q.number = l.number
        LEFT JOIN import_face b ON l.kind = 'face' AND b.number = l.number
        LEFT JOIN import_person s ON s.number = b.person
        LEFT JOIN import_erased e ON l.kind = 'erased' AND e.number = l.number
        LEFT JOIN import_answer a ON l.kind = 'answer' AND a.number = l.number
        LEFT JOIN import_face c ON c.number = a.first_face
    ORDER BY l.kind = 'face' AND l.reason = 'photo_absent', l.kind, l.reason, name, path, l.number
    LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class LeftDecision:
    """A decision that could not be placed: the reason, the name, and the path of its photo."""

    kind: DecisionKind
    reason: LeftReason
    name: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class LeftCount:
    """The number of decisions of a kind that could not be placed for one reason."""

    kind: DecisionKind
    reason: LeftReason
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The changes of an import, and the decisions that it left.

    `people` got a name or a birth date, or were hidden; `covers` were set; `placed` faces count as
    placed by a user, `set_aside` faces got a verdict, and `grouped` faces went to the person that
    grouping had given them. `erased` places were marked, and `answers` added. `left` counts the
    decisions that could not be placed, and `listed` has the first MOST_LISTED of them. All of these
    are kept, except for faces that were erased here.
    """

    people: int = 0
    covers: int = 0
    placed: int = 0
    set_aside: int = 0
    grouped: int = 0
    erased: int = 0
    answers: int = 0
    left: tuple[LeftCount, ...] = ()
    listed: tuple[LeftDecision, ...] = ()

    def add(self, later: ImportReport) -> ImportReport:
        """Return the sum of this report and that of a later part of the import."""
        left = Counter({(one.kind, one.reason): one.count for one in self.left})
        left.update({(one.kind, one.reason): one.count for one in later.left})
        return ImportReport(
            **{name: number + later.changes[name] for name, number in self.changes.items()},
            left=tuple(LeftCount(*key, count) for key, count in sorted(left.items())),
            listed=(*self.listed, *later.listed)[:MOST_LISTED],
        )

    @property
    def changes(self) -> dict[str, int]:
        """The numbers of changes in the library, by kind."""
        return {name: getattr(self, name) for name in _CHANGES}

    @property
    def has_changed(self) -> bool:
        """True if the import changed the library."""
        return any(self.changes.values())

    @property
    def left_count(self) -> int:
        """The number of decisions that could not be placed."""
        return sum(one.count for one in self.left)


_CHANGES = ("people", "covers", "placed", "set_aside", "grouped", "erased", "answers")


def import_decisions(
    db: Session,
    records: Iterable[ExportHead | Exported],
    *,
    source: str,
    now: datetime,
    cut: Cut = cut_nothing,
) -> ImportReport:
    """Place the decisions of an export (from `read_decisions`), and keep those that must wait.

    `source` names the file. `cut` makes the pictures of faces that no detector found. Nothing is
    changed before the transaction `db` is committed. Raises BadExport for contradictory records,
    and the errors of reading them.
    """
    clear_staged(db)
    heads: list[ExportHead] = []
    stage_records(db, _split(records, heads))
    analyze_staged(db)
    _check_sound(db, source)
    lock_people(db)
    report = _place(db, now=now, cut=cut, adds_faceless=True)
    exported_at = heads[0].exported_at if heads else "unknown"
    keep_left(db, source=f"{source}, exported {exported_at}", now=now)
    return report


def place_kept(db: Session, *, now: datetime, cut: Cut = cut_nothing) -> ImportReport:
    """Place the kept decisions whose photo or face has turned up; return the changes.

    Returns at once if no decision waits.
    """
    if not is_waiting(db):
        return ImportReport()
    lock_people(db)
    report = ImportReport()
    for kept in list_waiting(db):
        clear_staged(db)
        stage_records(db, kept.list_staged())
        analyze_staged(db)
        report = report.add(_place(db, now=now, cut=cut, adds_faceless=False))
        settle_kept(db, kept)
    return report


def _split(records: Iterable[ExportHead | Exported], heads: list[ExportHead]) -> Iterable[Exported]:
    """Yield the records without the head, which is added to `heads`."""
    for record in records:
        if isinstance(record, ExportHead):
            heads.append(record)
        else:
            yield record


def _check_sound(db: Session, source: str) -> None:
    row = db.execute(_UNSOUND).first()
    if row is not None:
        raise BadExport(source, f"{row.kind}: record {row.number} {row.wrong}")


def _place(db: Session, *, now: datetime, cut: Cut, adds_faceless: bool) -> ImportReport:
    clear_left(db)
    find_places(db)
    erased = erase_again(db)
    match_faces(db)
    add_unseen_faces(db, cut=cut)
    choice = choose_people(db, now=now, adds_faceless=adds_faceless)
    faces = place_faces_of_import(db, choice, now=now)
    people, covers = give_attributes(db, now=now)
    answers = add_answers(db)
    leave_unmatched(db)
    db.execute(text("ANALYZE import_left"))
    left = tuple(
        LeftCount(DecisionKind(kind), LeftReason(reason), count)
        for kind, reason, count in db.execute(_COUNT_LEFT)
    )
    listed = tuple(
        LeftDecision(DecisionKind(row.kind), LeftReason(row.reason), row.name, row.path)
        for row in db.execute(_LIST_LEFT, {"most": MOST_LISTED})
    )
    return ImportReport(
        people=people,
        covers=covers,
        placed=faces.placed,
        set_aside=faces.set_aside,
        grouped=faces.grouped,
        erased=erased,
        answers=answers,
        left=left,
        listed=listed,
    )
