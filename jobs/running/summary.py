"""Prints the summary of a run: the counts, the failures with their reasons, and the addresses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rich.console import Console

from cluster.core.files.companions import CompanionCounts
from cluster.core.files.gone import Unconfirmed, describe_confirming
from cluster.core.files.passed_over import PassedOver, describe_passed_over
from cluster.core.identity.people import PersonSummary
from cluster.core.printable import to_printable, to_printable_lines
from cluster.core.progress import UnifiedProgress
from cluster.core.sessions import PhaseName, SessionStatus, SkipReason
from cluster.store.database.engine import Engine, begin
from cluster.store.items.item_rows import (
    Failure,
    count_duplicates,
    count_failures,
    count_skipped,
    list_failures,
)
from cluster.store.people.face_vectors import count_session_faces
from cluster.store.people.regrouping import list_people
from cluster.store.sessions.session_rows import SessionInfo, get_session

SHOWN_FAILURES, SHOWN_PEOPLE = 10, 12
LISTED_FAILURES = 10_000


@dataclass(frozen=True)
class Summary:
    """The counts of a session at its end; `failures` are the first LISTED_FAILURES of `failed`.

    `companions` are the files that were skipped because another file shows their photo.
    """

    session: SessionInfo
    progress: UnifiedProgress
    duplicates: int
    failed: int
    failures: tuple[Failure, ...]
    faces: int
    people: tuple[PersonSummary, ...]
    companions: int = 0

    @property
    def seconds(self) -> float | None:
        """The seconds of work, without pauses and kills; None for a session that has not ended."""
        return None if self.session.completed_at is None else self.session.active_s


def read_summary(engine: Engine, session_id: int, progress: UnifiedProgress) -> Summary:
    """Read the summary of a session from the database; `progress` is its last progress."""
    with begin(engine) as db:
        session = get_session(db, session_id)
        return Summary(
            session=session,
            progress=progress,
            duplicates=count_duplicates(db, session_id),
            failed=count_failures(db, session_id),
            failures=tuple(list_failures(db, session_id, limit=LISTED_FAILURES)),
            faces=count_session_faces(db, session_id),
            companions=count_skipped(db, session_id, SkipReason.COMPANION),
            people=tuple(list_people(db, pack=session.pack, limit=100_000)),
        )


def print_summary(summary: Summary, console: Console, *, urls: dict[str, str]) -> None:
    """Print the summary as lines of text; `urls` are the addresses by their names."""
    training = summary.progress.phase(PhaseName.TRAINING)
    moved = summary.session.census.get("moved", 0)
    others = summary.duplicates + moved + summary.companions
    console.print(f"\nSession {summary.session.id} {summary.session.status}", style="bold")
    films = summary.progress.films
    rows = [
        ("photos", f"{training.total - films}"),
        *([("films", f"{films}")] if films else []),
        ("duplicates", f"{summary.duplicates}"),
        ("unchanged", f"{max(0, training.skipped - others)}"),
        ("failed", f"{summary.failed}"),
        *_census_rows(summary.session),
        ("faces", f"{summary.faces}"),
        ("people", f"{len(summary.people)}"),
        *_same_person_rows(summary.progress),
        *_time_rows(summary, training.total, films=films),
    ]
    for name, value in rows:
        console.print(f"  {name:<12}{to_printable(value)}", markup=False, soft_wrap=True)
    _print_doubt(summary.session, console)
    _print_failures(summary, console)
    _print_people(summary.people, console)
    if summary.session.status is SessionStatus.FAILED:
        error = to_printable_lines(summary.session.error or "")
        console.print(f"  error       {error}", markup=False, soft_wrap=True)
    for name, url in urls.items():
        console.print(f"  {name:<16}{url}", markup=False, soft_wrap=True)


def _same_person_rows(progress: UnifiedProgress) -> list[tuple[str, str]]:
    result = progress.phase(PhaseName.CLUSTERING).result
    is_told = result is not None and result.same_person is not None
    return [("same person", str(result.same_person))] if result and is_told else []


def _census_rows(session: SessionInfo) -> list[tuple[str, str]]:
    """Return rows for moved, missing and passed-over files, where there are any."""
    census = session.census
    counted = [(name, census.get(name, 0)) for name in ("moved", "missing")]
    rows = [(name, f"{count:,}") for name, count in counted if count]
    passed_over = PassedOver.from_json(census.get("passedOver", {}))
    described = describe_passed_over(passed_over.counts)
    companions = str(CompanionCounts.find(census))
    rows += [("companions", companions)] if companions else []
    return [*rows, *([("passed over", described)] if described else [])]


def _print_doubt(session: SessionInfo, console: Console) -> None:
    unconfirmed = Unconfirmed.find(session.census)
    if unconfirmed is not None:
        said = f"  {unconfirmed} Nothing counts as missing yet. "
        console.print(
            said + describe_confirming(to_printable(session.root)), markup=False, soft_wrap=True
        )


def _time_rows(summary: Summary, files: int, *, films: int) -> list[tuple[str, str]]:
    if not summary.seconds:
        return []
    speed, unit = files / summary.seconds, "files/s" if films else "photos/s"
    return [("seconds", f"{summary.seconds:.1f}"), (unit, f"{speed:.1f}")]


def _print_failures(summary: Summary, console: Console) -> None:
    failures = summary.failures
    for failure in failures[:SHOWN_FAILURES]:
        line = f"    failed: {to_printable(failure.path)}: {to_printable(failure.reason)}"
        console.print(line, markup=False, soft_wrap=True)
    if len(failures) > SHOWN_FAILURES:
        reasons = Counter(failure.reason for failure in failures[SHOWN_FAILURES:])
        for reason, count in reasons.most_common(SHOWN_FAILURES):
            said = f"    and {count} more: {to_printable(reason)}"
            console.print(said, markup=False, soft_wrap=True)
    if summary.failed > len(failures):
        console.print(f"    and {summary.failed - len(failures)} more, not listed here")


def _print_people(people: tuple[PersonSummary, ...], console: Console) -> None:
    for person in people[:SHOWN_PEOPLE]:
        name = to_printable(person.name or f"person {person.id}")
        line = f"    {name}: {person.photos} photos, {person.faces} faces"
        console.print(line, markup=False)
    if len(people) > SHOWN_PEOPLE:
        console.print(f"    and {len(people) - SHOWN_PEOPLE} more people")
