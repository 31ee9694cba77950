"""Asking for progress: once, when it changes, and as a stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from cluster.core.sessions import Move, PhaseName
from serve.etags import matches
from serve.live import event_streams
from serve.routes import progress_routes as progress_routes
from tests.api.running import NO_PEOPLE, Worker, get_progress, readable
from tests.waiting import PATIENT_S


def path_of(worker: Worker, tail: str = "progress/unified") -> str:
    return f"/api/v1/training/{worker.session_id}/{tail}"


def read_events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_the_answer_has_exactly_the_names_of_the_contract(
    api: httpx.Client, worker: Worker
) -> None:
    worker.find(2)
    answer = get_progress(api, worker.session_id)
    phase = {"name", "status", "attempt", "discovering", "progress"}
    phase |= {"startedAt", "completedAt", "error"}
    clustering = {"step", "clustersFound", "facesClustered", "facesUngrouped", "samePerson"}
    counts = {"current", "total", "percentage", "etaSeconds", "etaLow", "etaHigh"}
    counts |= {"imagesPerMinute"}
    counts |= {"processed", "skipped", "failed"}
    assert set(answer) == {
        "sessionId", "overallStatus", "version", "overallProgress", "phases", "waitingFor",
        "filmCount",
    }  # fmt: skip
    time_left = {"timePercentage", "counting", "etaSeconds", "etaLow", "etaHigh"}
    assert set(answer["overallProgress"]) == {"percentage", "currentPhase"} | time_left
    assert set(answer["phases"]["training"]) == phase
    assert set(answer["phases"]["faceDetection"]) == phase | {"facesDetected", "film"}
    assert set(answer["phases"]["clustering"]) == phase | clustering
    assert all(set(each["progress"]) == counts for each in answer["phases"].values())


def test_a_version_that_is_known_is_answered_with_304(api: httpx.Client, worker: Worker) -> None:
    first = api.get(path_of(worker))
    tag = {"If-None-Match": first.headers["etag"]}
    same = api.get(path_of(worker), headers=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    worker.find(1)
    changed = api.get(path_of(worker), headers=tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] == f'W/"{changed.json()["version"]}"'


@pytest.mark.parametrize("header", ['"7"', 'W/"7"', '"1", W/"7"', "*"])
def test_any_way_to_name_the_version_matches(header: str) -> None:
    assert matches(header, tag=7)


@pytest.mark.parametrize("header", [None, "", '"8"', "7", '"77"'])
def test_another_version_does_not_match(header: str | None) -> None:
    assert not matches(header, tag=7)


@pytest.fixture
def too_long(monkeypatch: pytest.MonkeyPatch) -> float:
    """The number of seconds that an answer may be held here; no client waits that long."""
    seconds = 100 * PATIENT_S
    monkeypatch.setattr(progress_routes, "MAX_WAIT_S", seconds)
    return seconds


def test_a_long_poll_is_held_until_the_version_changes(
    api: httpx.Client, worker: Worker, too_long: float
) -> None:
    known = get_progress(api, worker.session_id)["version"]
    with ThreadPoolExecutor() as pool:
        held = pool.submit(api.get, path_of(worker), params={"wait": too_long, "since": known})
        time.sleep(0.3)
        assert not held.done()
        worker.find(3)
        answer = held.result().json()
    assert answer["version"] > known


def test_a_long_poll_without_news_answers_with_what_is_known(
    api: httpx.Client, worker: Worker
) -> None:
    known = get_progress(api, worker.session_id)["version"]
    answer = api.get(path_of(worker), params={"wait": 0.1, "since": known})
    assert answer.json()["version"] >= known


def test_a_long_poll_for_an_old_version_is_not_held(
    api: httpx.Client, worker: Worker, too_long: float
) -> None:
    worker.find(3)
    answer = api.get(path_of(worker), params={"wait": too_long, "since": 1})
    assert answer.json()["version"] > 1


def test_a_long_poll_for_a_session_that_is_over_is_not_held(
    api: httpx.Client, worker: Worker, too_long: float
) -> None:
    worker.move(Move.CANCEL)
    known = get_progress(api, worker.session_id)["version"]
    answer = api.get(path_of(worker), params={"wait": too_long, "since": known})
    assert answer.json()["overallStatus"] == "cancelled"


def test_a_stream_shows_what_happens_and_ends_with_the_session(
    api: httpx.Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "MIN_INTERVAL_S", 0.01)
    worker.find(4)
    with api.stream("GET", path_of(worker, "events")) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        seen = read_events(stream.iter_lines())
        first = next(seen)
        worker.finish_photos()
        worker.finish_clustering(NO_PEOPLE)
        rest = list(seen)
    assert first["phases"]["training"]["progress"]["current"] == 0
    assert rest[-1]["overallStatus"] == "completed"
    assert rest[-1]["overallProgress"]["percentage"] == 100
    versions = [event["version"] for event in [first, *rest]]
    assert versions == sorted(set(versions))


def test_a_client_gets_at_most_two_events_a_second_and_always_the_newest_state(
    api: httpx.Client, worker: Worker
) -> None:
    worker.find(60)
    worker.end_discovery()
    items = worker.pending(PhaseName.TRAINING)
    began = time.monotonic()
    with api.stream("GET", path_of(worker, "events")) as stream:
        seen = read_events(stream.iter_lines())
        told = [next(seen)]
        for item in items:
            worker.train([readable(item)])
        worker.move(Move.CANCEL)
        told += seen
    # All events were sent within this time, however late they were read.
    assert len(told) <= (time.monotonic() - began) / event_streams.MIN_INTERVAL_S + 1
    assert told[-1]["overallStatus"] == "cancelled"
    assert told[-1]["phases"]["training"]["progress"]["current"] == 60


def test_a_silent_stream_is_kept_alive(
    api: httpx.Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(event_streams, "MIN_INTERVAL_S", 0.01)
    with api.stream("GET", path_of(worker, "events")) as stream:
        assert any(line.startswith(": ping") for line in stream.iter_lines())


def test_a_browser_that_knows_the_end_is_told_not_to_come_back(
    api: httpx.Client, worker: Worker
) -> None:
    worker.move(Move.CANCEL)
    first = api.get(path_of(worker, "events")).text
    last_id = first.split("id: ")[1].split("\n")[0]
    again = api.get(path_of(worker, "events"), headers={"Last-Event-ID": last_id})
    assert again.status_code == 204


def test_while_photos_are_discovered_the_count_moves_and_the_percentage_waits(
    api: httpx.Client, worker: Worker
) -> None:
    worker.find(10)
    worker.train_all()
    phase = get_progress(api, worker.session_id)["phases"]["training"]
    assert phase["discovering"] is True
    assert (phase["progress"]["current"], phase["progress"]["percentage"]) == (10, 0)
    worker.find(10, first=11)
    worker.end_discovery()
    phase = get_progress(api, worker.session_id)["phases"]["training"]
    assert (phase["progress"]["total"], phase["progress"]["percentage"]) == (20, 50)
