"""Pausing, resuming, cancelling, restarting and retrying over HTTP."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.progress import ClusteringResult
from cluster.core.sessions import Move, PhaseName, SessionStatus
from cluster.store.database.engine import begin
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.session_locks import lock_session
from serve.problems import JobNotSubmitted
from tests.api.conftest import FakeCluster
from tests.api.running import NO_PEOPLE, Worker, get_progress, readable, unreadable

ROUTE = "/api/v1/training"
MOVES = {
    "pause": 200,
    "cancel": 200,
    "resume": 202,
    "restart?phase=clustering": 202,
    "retry": 202,
}


def ask(api: httpx.Client, worker: Worker, move: str) -> httpx.Response:
    return api.post(f"{ROUTE}/{worker.session_id}/{move}")


def bring_to(worker: Worker, status: SessionStatus) -> None:
    """Leave a session of two photos, one of which failed, with this status."""
    if status is SessionStatus.PENDING:
        return
    worker.find(2)
    if status is SessionStatus.COMPLETED:
        complete(worker)
    elif status is not SessionStatus.RUNNING:
        moves = {
            SessionStatus.PAUSED: Move.PAUSE,
            SessionStatus.CANCELLED: Move.CANCEL,
            SessionStatus.FAILED: Move.FAIL,
        }
        worker.move(moves[status], error="it broke" if status is SessionStatus.FAILED else None)


def complete(worker: Worker, *, failed: int = 1) -> None:
    worker.end_discovery()
    items = worker.pending(PhaseName.TRAINING)
    worker.train([unreadable(item) for item in items[:failed]])
    worker.train([readable(item) for item in items[failed:]])
    worker.complete(PhaseName.TRAINING)
    worker.start(PhaseName.FACE_DETECTION)
    worker.skip_known()
    worker.detect(worker.pending(PhaseName.FACE_DETECTION), faces=1)
    worker.complete(PhaseName.FACE_DETECTION)
    worker.finish_clustering(NO_PEOPLE)


LEGAL = {
    SessionStatus.PENDING: {"pause", "cancel"},
    SessionStatus.RUNNING: {"pause", "cancel"},
    SessionStatus.PAUSED: {"resume", "cancel"},
    SessionStatus.COMPLETED: {"restart", "retry"},
    SessionStatus.FAILED: {"resume", "restart", "retry"},
    SessionStatus.CANCELLED: {"resume", "restart", "retry"},
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("status", LEGAL)
def test_a_move_is_made_or_is_409_with_the_legal_ones(
    api: httpx.Client, worker: Worker, status: SessionStatus, move: str
) -> None:
    bring_to(worker, status)
    before = api.get(f"{ROUTE}/{worker.session_id}").json()
    assert set(before["legalMoves"]) == LEGAL[status]
    answer = ask(api, worker, move)
    if move.partition("?")[0] in LEGAL[status]:
        assert answer.status_code == MOVES[move], answer.text
        assert answer.json() == api.get(f"{ROUTE}/{worker.session_id}").json()
        return
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()["legalMoves"]) == LEGAL[status]
    assert all(legal in answer.json()["detail"] for legal in LEGAL[status])
    assert api.get(f"{ROUTE}/{worker.session_id}").json() == before


@pytest.mark.parametrize("move", MOVES)
def test_a_session_that_is_not_there_cannot_be_moved(api: httpx.Client, move: str) -> None:
    assert api.post(f"{ROUTE}/4711/{move}").status_code == 404


@pytest.mark.parametrize(("move", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_move_shows_at_once_in_the_live_view(
    api: httpx.Client, worker: Worker, move: str, status: str
) -> None:
    """[14] A paused or cancelled session is shown as such at once, and keeps what was finished."""
    worker.find(4)
    worker.train([readable(item) for item in worker.pending(PhaseName.TRAINING)[:3]])
    before = get_progress(api, worker.session_id)
    ask(api, worker, move)
    after = get_progress(api, worker.session_id)
    assert (before["overallStatus"], after["overallStatus"]) == ("running", status)
    assert after["phases"]["training"]["status"] == status
    assert after["phases"]["training"]["progress"]["current"] == 3


def test_resuming_submits_a_job_when_nobody_runs_the_session(
    api: httpx.Client, worker: Worker, jobs: FakeCluster
) -> None:
    worker.find(2)
    worker.move(Move.PAUSE)
    body = ask(api, worker, "resume").json()
    assert (body["status"], body["jobId"]) == ("running", f"job-{worker.session_id}")
    assert [session.id for session in jobs.submitted] == [worker.session_id]


def test_a_session_resumed_before_its_driver_has_stopped_goes_on_without_a_new_job(
    api: httpx.Client, worker: Worker, jobs: FakeCluster, engine: Engine
) -> None:
    worker.find(2)
    with lock_session(engine, worker.session_id):
        worker.move(Move.PAUSE)
        assert ask(api, worker, "resume").json()["status"] == "running"
    assert not jobs.submitted


def test_of_many_clients_that_press_at_once_one_wins_and_the_others_are_told(
    api: httpx.Client, worker: Worker, jobs: FakeCluster
) -> None:
    worker.find(2)
    for move, won in (("pause", 200), ("resume", 202), ("cancel", 200), ("retry", 202)):
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _, move=move: ask(api, worker, move), range(8)))
        assert Counter(answer.status_code for answer in answers) == {won: 1, 409: 7}, move
        assert all(a.json()["legalMoves"] for a in answers if a.status_code == 409)
    assert len(jobs.submitted) == 2, "one for the resume, one for the retry"


def test_one_pauses_while_another_cancels_and_the_end_is_cancelled(
    api: httpx.Client, worker: Worker
) -> None:
    worker.find(2)
    with ThreadPoolExecutor(2) as clients:
        codes = list(clients.map(lambda m: ask(api, worker, m).status_code, ("pause", "cancel")))
    assert codes[1] == 200, "a paused session can be cancelled too"
    assert api.get(f"{ROUTE}/{worker.session_id}").json()["status"] == "cancelled"


def phases_of(api: httpx.Client, worker: Worker) -> list[tuple[Any, ...]]:
    shown = get_progress(api, worker.session_id)["phases"]
    return [
        (phase["status"], phase["attempt"], phase["progress"]["current"])
        for phase in (shown["training"], shown["faceDetection"], shown["clustering"])
    ]


@pytest.mark.parametrize(
    ("move", "phases"),
    [
        ("restart?phase=training", [("pending", 2, 0), ("pending", 2, 0), ("pending", 2, 0)]),
        ("restart?phase=face_detection", [("completed", 1, 3), ("pending", 2, 1)]),
        ("restart?phase=clustering", [("completed", 1, 3), ("completed", 1, 3)]),
        ("restart?phase=training&failedOnly=true", [("pending", 2, 2), ("pending", 2, 2)]),
        ("retry", [("pending", 2, 2), ("pending", 2, 2)]),
        ("retry?phase=training", [("pending", 2, 2), ("pending", 2, 2)]),
    ],
)
def test_what_is_done_again_starts_anew_and_shows_at_once(
    api: httpx.Client,
    worker: Worker,
    jobs: FakeCluster,
    engine: Engine,
    move: str,
    phases: list[tuple[Any, ...]],
) -> None:
    worker.find(3)
    complete(worker)
    assert ask(api, worker, move).status_code == 202
    assert phases_of(api, worker) == [*phases, ("pending", 2, 0)][:3]
    assert [session.id for session in jobs.submitted] == [worker.session_id]
    with begin(engine) as db:
        check_session(db, worker.session_id)


def test_a_retry_without_a_failed_photo_is_refused_and_says_why(
    api: httpx.Client, worker: Worker, jobs: FakeCluster
) -> None:
    worker.find(2)
    complete(worker, failed=0)
    answer = ask(api, worker, "retry")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("No photo failed")
    assert answer.json()["legalMoves"] == ["restart"]
    assert not jobs.submitted


@pytest.mark.parametrize(
    "move", ["restart", "restart?phase=everything", "retry?phase=clustering", "restart?phase="]
)
def test_a_phase_that_cannot_be_done_again_is_422(
    api: httpx.Client, worker: Worker, move: str
) -> None:
    assert ask(api, worker, move).status_code == 422


def test_a_session_whose_new_job_is_not_taken_has_failed_and_can_be_resumed(
    api: httpx.Client, worker: Worker, jobs: FakeCluster
) -> None:
    worker.find(2)
    worker.move(Move.PAUSE)
    jobs.error = JobNotSubmitted("The dashboard does not answer.")
    assert ask(api, worker, "resume").status_code == 503
    body = api.get(f"{ROUTE}/{worker.session_id}").json()
    assert (body["status"], body["error"]) == ("failed", "The dashboard does not answer.")
    jobs.error = None
    assert ask(api, worker, "resume").status_code == 202


def test_a_session_waits_paused_until_its_job_begins(api: httpx.Client, worker: Worker) -> None:
    assert ask(api, worker, "pause").json()["status"] == "paused"
    assert get_progress(api, worker.session_id)["overallStatus"] == "paused"
    assert ask(api, worker, "resume").json()["status"] == "running"


def test_clustering_that_failed_is_restarted_alone(
    api: httpx.Client, worker: Worker, engine: Engine
) -> None:
    """[5] Only the photos that failed are done again."""
    worker.find(3)
    worker.finish_photos()
    worker.start(PhaseName.CLUSTERING)
    worker.fail(PhaseName.CLUSTERING, error="out of memory")
    assert ask(api, worker, "restart?phase=clustering").status_code == 202
    assert phases_of(api, worker)[:2] == [("completed", 1, 3), ("completed", 1, 3)]
    worker.move(Move.START)
    worker.finish_clustering(ClusteringResult(1, 3, 0))
    assert get_progress(api, worker.session_id)["overallStatus"] == "completed"
