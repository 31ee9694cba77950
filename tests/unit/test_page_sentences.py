"""How the page describes what is happening in a session (serve/web/say.js)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.core.sessions import PhaseName, SessionStatus
from cluster.tasks.clustering import SHARES
from tests.unit.page_in_node import NO_NODE, NODE, Page, open_page

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

KEYS = {
    PhaseName.TRAINING: "training",
    PhaseName.FACE_DETECTION: "faceDetection",
    PhaseName.CLUSTERING: "clustering",
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


def progress_of(
    status: SessionStatus,
    phase: PhaseName,
    *,
    waiting_for: str | None = None,
    films: int = 0,
    **found: Any,
) -> dict[str, Any]:
    """The server's answer while `phase` is the current phase; `found` are values of that phase."""
    phases = {key: phase_of(name) for name, key in KEYS.items()}
    phases[KEYS[phase]] = phase_of(phase, **found)
    return {
        "overallStatus": status.value,
        "waitingFor": waiting_for,
        "filmCount": films,
        "overallProgress": {"currentPhase": phase.value},
        "phases": phases,
    }


def phase_of(
    name: PhaseName,
    *,
    current: int = 0,
    total: int = 0,
    eta_s: int | None = None,
    discovering: bool = False,
    step: str | None = None,
    people: int | None = None,
    film: dict[str, Any] | None = None,
) -> dict[str, Any]:
    counts = {"current": current, "total": total, "etaSeconds": eta_s}
    phase: dict[str, Any] = {"name": name.value, "discovering": discovering, "progress": counts}
    if name == PhaseName.FACE_DETECTION:
        phase |= {"facesDetected": 0, "film": film}
    return (
        {**phase, "step": step, "clustersFound": people} if name == PhaseName.CLUSTERING else phase
    )


def say(page: Page, progress: dict[str, Any]) -> str:
    said = page.call("say.js", "say", progress)
    assert isinstance(said, str)
    return said


def test_the_page_knows_the_phases_of_the_server_in_their_order(page: Page) -> None:
    phases = page.get("say.js", "PHASES")
    assert [phase["name"] for phase in phases] == [name.value for name in PhaseName]
    assert [phase["key"] for phase in phases] == list(KEYS.values())
    assert all(phase["title"] for phase in phases)


@pytest.mark.parametrize("status", SessionStatus)
@pytest.mark.parametrize("phase", PhaseName)
def test_every_status_in_every_phase_is_a_sentence(
    page: Page, status: SessionStatus, phase: PhaseName
) -> None:
    said = say(page, progress_of(status, phase, current=1, total=2))
    assert said[0].isupper()
    assert not {"undefined", "null", "NaN", "[object"} & set(said.split())


@pytest.mark.parametrize("status", SessionStatus)
def test_the_page_and_the_server_agree_on_what_is_over(page: Page, status: SessionStatus) -> None:
    is_over = page.call("say.js", "isOver", {"overallStatus": status.value})
    assert is_over == status.is_terminal


@pytest.mark.parametrize(
    ("phase", "found", "said"),
    [
        (
            PhaseName.TRAINING,
            {"discovering": True, "current": 1200, "total": 34_000},
            "Looking for photos: 34,000 files found so far, 1,200 read",
        ),
        (
            PhaseName.TRAINING,
            {"current": 1, "total": 1},
            "Reading photos: 1 of 1 photo",
        ),
        (
            PhaseName.FACE_DETECTION,
            {"current": 5, "total": 60, "eta_s": 90},
            "Finding faces: 5 of 60 photos",
        ),
        (
            PhaseName.CLUSTERING,
            {"current": 1, "total": 2000, "step": "spanning_tree"},
            "Grouping people: connecting similar faces, 1 of 2,000 faces",
        ),
    ],
)
def test_work_is_said_with_its_counts_in_the_unit_of_its_phase(
    page: Page, phase: PhaseName, found: dict[str, Any], said: str
) -> None:
    assert say(page, progress_of(SessionStatus.RUNNING, phase, **found)) == said


def test_the_time_that_a_phase_needs_is_not_said_as_that_of_the_session(page: Page) -> None:
    """The page said "about 6 seconds left" for reading, when the session needed another minute."""
    progress = progress_of(SessionStatus.RUNNING, PhaseName.TRAINING, current=1, total=2, eta_s=6)
    assert say(page, progress) == "Reading photos: 1 of 2 photos"


def test_what_is_waited_for_is_said_in_the_place_of_work(page: Page) -> None:
    progress = progress_of(
        SessionStatus.RUNNING, PhaseName.TRAINING, waiting_for="a detector on a GPU node"
    )
    assert say(page, progress) == "A detector on a GPU node"


def test_a_pause_and_a_failure_name_the_phase_in_which_they_came(page: Page) -> None:
    paused = progress_of(SessionStatus.PAUSED, PhaseName.FACE_DETECTION, current=3, total=9)
    failed = progress_of(SessionStatus.FAILED, PhaseName.CLUSTERING)
    assert say(page, paused) == "Paused while finding faces, after 3 of 9 photos"
    assert say(page, failed) == "Stopped by an error while grouping people"


@pytest.mark.parametrize(
    ("people", "end"),
    [
        (None, ""),
        (0, ", 0 people in the library"),
        (1, ", 1 person in the library"),
        (7, ", 7 people in the library"),
    ],
)
def test_a_session_that_is_done_says_what_came_of_it(
    page: Page, people: int | None, end: str
) -> None:
    progress = progress_of(SessionStatus.COMPLETED, PhaseName.CLUSTERING, people=people)
    progress["phases"]["training"]["progress"]["total"] = 1
    assert say(page, progress) == f"Done: 1 photo processed{end}"


@pytest.mark.parametrize(
    ("total", "films", "said"),
    [
        (9, 0, "9 photos"),
        (1, 0, "1 photo"),
        (9, 1, "9 photos and films"),
        (2, 2, "2 films"),
        (1, 1, "1 film"),
    ],
)
def test_films_are_not_called_photos(page: Page, total: int, films: int, said: str) -> None:
    running = progress_of(
        SessionStatus.RUNNING, PhaseName.FACE_DETECTION, current=0, total=total, films=films
    )
    assert say(page, running) == f"Finding faces: 0 of {said}"
    done = progress_of(SessionStatus.COMPLETED, PhaseName.CLUSTERING, films=films)
    done["phases"]["training"]["progress"]["total"] = total
    assert say(page, done) == f"Done: {said} processed"


def test_while_a_film_is_searched_its_place_is_said(page: Page) -> None:
    film = {"name": "party.mp4", "seconds": 200.4, "durationSeconds": 600.0}
    progress = progress_of(
        SessionStatus.RUNNING, PhaseName.FACE_DETECTION, current=3, total=9, films=2, film=film
    )
    said = "Finding faces: 3 of 9 photos and films, in party.mp4 at 3:20 of 10:00"
    assert say(page, progress) == said


def test_a_phase_that_the_page_does_not_know_is_told_as_the_first(page: Page) -> None:
    progress = progress_of(SessionStatus.RUNNING, PhaseName.TRAINING, current=1, total=2)
    progress["overallProgress"]["currentPhase"] = "something_new"
    assert say(page, progress) == "Reading photos: 1 of 2 photos"


@pytest.mark.parametrize("step", SHARES)
def test_every_step_of_the_grouping_has_words_of_its_own(page: Page, step: str) -> None:
    said = page.call("say.js", "stepWords", step)
    assert said not in {step, step.replace("_", " ")}


def test_a_step_that_the_page_does_not_know_is_said_in_the_servers_words(page: Page) -> None:
    assert page.call("say.js", "stepWords", "sorting_faces_again") == "sorting faces again"
    assert page.call("say.js", "stepWords", None) is None
