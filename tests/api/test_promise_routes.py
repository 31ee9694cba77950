"""The promises of a session about its time, over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.api.running import NO_PEOPLE, Worker


@pytest.fixture
def clock(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the live view, in seconds, which tests set."""
    seconds = [100.0]
    monkeypatch.setattr(worker.progress, "_clock", lambda: seconds[0])
    monkeypatch.setattr(worker.progress._clocks, "_now", lambda: seconds[0])
    return seconds


def run_for(worker: Worker, clock: list[float], seconds: int) -> None:
    for _ in range(seconds):
        clock[0] += 1.0
        worker.app.run(worker.progress.tick())


def test_a_session_lists_its_promises_and_judges_them_at_its_end(
    api: httpx.Client, worker: Worker, clock: list[float]
) -> None:
    worker.find(20)
    worker.end_discovery()
    run_for(worker, clock, 12)
    path = f"/api/v1/training/{worker.session_id}/promises"
    answer = api.get(path).json()
    assert answer["outcomes"] == []
    scopes = {promise["scope"] for promise in answer["promises"]}
    assert scopes == {"session", "training"}
    for promise in answer["promises"]:
        assert promise["low"] <= promise["middle"] <= promise["high"]
    worker.finish_photos()
    worker.finish_clustering(NO_PEOPLE)
    outcomes = api.get(path).json()["outcomes"]
    whole = outcomes[0]
    assert whole["scope"] == "session"
    assert 0 <= whole["held"] <= whole["promises"] <= whole["moments"]
    assert api.get(f"/api/v1/training/{worker.session_id}").json()["workedSeconds"] == 12


def test_the_percentage_of_time_does_not_fall_when_every_process_was_killed(
    api: httpx.Client, worker: Worker, clock: list[float]
) -> None:
    worker.find(100)
    worker.end_discovery()
    run_for(worker, clock, 30)
    path = f"/api/v1/training/{worker.session_id}/progress/unified"
    before = api.get(path).json()["overallProgress"]["timePercentage"]
    assert before > 0
    worker.progress._sessions.clear()
    assert api.get(path).json()["overallProgress"]["timePercentage"] >= before


def test_promises_of_a_session_that_is_not_there_are_not_found(api: httpx.Client) -> None:
    assert api.get("/api/v1/training/999/promises").status_code == 404
