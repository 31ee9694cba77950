"""The summary of a run says what became of every file."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from cluster.core.files.gone import Unconfirmed, describe_absent
from cluster.core.progress import PhaseCounts, PhaseSnapshot, unify
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from cluster.store.items.item_rows import Failure
from cluster.store.sessions.session_rows import SessionInfo
from jobs.running.summary import Summary, print_summary
from tests.hostile_names import HOSTILE
from tests.library import NOW

ALL_DONE = PhaseCounts(12, 12)


def summarise(
    census: dict[str, Any],
    *,
    root: str = "/photos",
    counts: PhaseCounts = ALL_DONE,
    failures: tuple[Failure, ...] = (),
    films: int = 0,
    seconds: float | None = None,
) -> str:
    """Return the printed summary of a session of 12 photos with this census.

    It worked for `seconds`, and was paused for the rest of eight hours.
    """
    session = SessionInfo(
        id=1,
        library_id=1,
        root=root,
        name=None,
        pack="bundled",
        status=SessionStatus.COMPLETED,
        options={},
        job_id=None,
        error=None,
        census=census,
        created_at=NOW,
        started_at=None if seconds is None else NOW,
        completed_at=None if seconds is None else NOW + timedelta(hours=8),
        active_s=seconds or 0.0,
    )
    phases = [PhaseSnapshot(name, PhaseStatus.COMPLETED, counts, films=films) for name in PhaseName]
    summary = Summary(
        session=session,
        progress=unify(1, phases, version=1),
        duplicates=0,
        failed=len(failures),
        failures=failures,
        faces=0,
        people=(),
    )
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_summary(summary, console, urls={})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_moved_and_what_is_missing_has_a_row() -> None:
    printed = summarise({"moved": 1000, "missing": 12, "known": None, "gone": None})
    assert "\n  moved       1,000\n  missing     12\n" in printed


def test_what_was_passed_over_is_told_by_kind() -> None:
    printed = summarise({"passedOver": {"film": 1, "raw": 5}})
    assert "\n  passed over 5 raw photos, 1 film\n" in printed


def test_files_that_belong_to_other_files_have_a_row() -> None:
    printed = summarise({"companions": {"raw": 1200, "film": 1}})
    told = "1,200 raw photos and 1 film belong to the photos of other files"
    assert f"\n  companions  {told}\n" in printed
    printed = summarise({"companions": {"raw": 1, "film": 0}})
    assert "\n  companions  1 raw photo belongs to the photo of another file\n" in printed


def test_films_have_a_row_of_their_own_and_are_not_counted_as_photos() -> None:
    printed = summarise({}, films=2, seconds=4)
    assert "\n  photos      10\n  films       2\n" in printed
    assert "\n  files/s     3.0\n" in printed
    without = summarise({}, seconds=4)
    assert "\n  photos      12\n  duplicates" in without
    assert "\n  photos/s    3.0\n" in without


def test_the_time_of_a_pause_is_not_counted() -> None:
    assert "\n  seconds     4.0\n  photos/s    3.0\n" in summarise({}, seconds=4)


def test_without_anything_to_tell_there_is_no_row() -> None:
    for census in ({}, {"passedOver": {}, "moved": 0, "missing": 0, "known": None, "gone": None}):
        printed = summarise(census)
        assert not [word for word in ("moved", "missing", "passed over") if word in printed]


def test_when_most_photos_are_gone_the_disk_is_asked_for_and_how_to_confirm_is_said() -> None:
    printed = summarise({"known": 12000, "gone": 11950}, root="/my photos")
    assert "11,950 of 12,000 known photos are not there: is the disk mounted?" in printed
    assert "python -m jobs.library --confirm-missing '/my photos'" in printed


@pytest.mark.parametrize("census", [{}, {"known": 5}, {"known": None, "gone": None}])
def test_a_session_without_doubt_has_nothing_to_confirm(census: dict[str, Any]) -> None:
    assert Unconfirmed.find(census) is None


def test_one_photo_is_not_told_of_in_the_plural() -> None:
    assert describe_absent(1) == "1 known photo is not there: is the disk mounted?"


def test_a_file_that_has_moved_is_not_counted_as_unchanged_too() -> None:
    printed = summarise({"moved": 5}, counts=PhaseCounts(12, processed=4, skipped=8))
    assert "\n  unchanged   3\n" in printed
    assert "\n  moved       5\n" in printed


@pytest.mark.parametrize("name", [*HOSTILE, "[bold red]", "[/]"])
def test_a_hostile_name_does_nothing_to_the_terminal_and_has_one_line(name: str) -> None:
    failure = Failure(1, f"/photos/{name}", PhaseName.TRAINING, f"a reason with {name}")
    lines = summarise({}, failures=(failure,)).split("\n")
    assert all(line.isprintable() for line in lines)
    assert sum("failed: /photos/" in line for line in lines) == 1
    assert len(lines) == len(summarise({}).split("\n")) + 1
