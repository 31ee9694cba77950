"""Two sessions are compared phase by phase, with the reasons why one was slower."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from cluster.core.time_left.timing import Scope
from cluster.store.database.engine import begin
from tests.api.running import Worker
from tests.histories import FAILED, PHOTOS, History, add_samples, fill_history

ROUTE = "/api/v1/training"


@pytest.fixture
def history(engine: Engine) -> History:
    return fill_history(engine)


def compare(api: httpx.Client, session_id: int, other_id: int) -> dict[str, Any]:
    answer = api.get(f"{ROUTE}/{session_id}/compare", params={"with": other_id})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_each_phase_has_its_numbers_in_both_sessions(api: httpx.Client, history: History) -> None:
    body = compare(api, history.second, history.first)
    training, detection, clustering = body["phases"]
    assert [body["this"]["sessionId"], body["other"]["sessionId"]] == [2, 1]
    assert (body["isSamePack"], body["isSameLibrary"]) == (True, True)
    this, other = training["this"], training["other"]
    assert (this["processed"], this["failed"], this["worked"]) == (PHOTOS - FAILED, FAILED, PHOTOS)
    assert (this["seconds"], this["perSecond"], other["perSecond"]) == (40.0, 1.0, 2.0)
    assert (this["pixelsPerPhoto"], this["bytesPerPhoto"]) == (8_000_000, 3_000_000)
    assert (this["workers"], this["waitedSeconds"]) == (2, 1.0)
    assert detection["this"]["faces"] == PHOTOS - FAILED
    assert detection["this"]["worked"] == PHOTOS - FAILED
    people = [clustering["this"][f"people{what}"] for what in ("Gained", "Lost", "Split")]
    assert people == [3, 1, 0]
    assert training["this"]["peopleGained"] is None


def test_the_comparison_says_what_made_a_phase_slower(api: httpx.Client, history: History) -> None:
    training, _, clustering = compare(api, history.second, history.first)["phases"]
    assert training["timesSlower"] == pytest.approx(2.0)
    assert training["reasons"] == [{"cause": "pixels", "factor": pytest.approx(2.0)}]
    assert (clustering["timesSlower"], clustering["reasons"]) == (None, [])
    faster = compare(api, history.first, history.second)["phases"][0]
    assert faster["timesSlower"] == pytest.approx(0.5)
    assert faster["reasons"] == [{"cause": "pixels", "factor": pytest.approx(0.5)}]


def test_reasons_of_failures_are_counted_together(api: httpx.Client, history: History) -> None:
    body = compare(api, history.second, history.first)
    reason = {"phase": "training", "reason": "no answer for … s from …", "count": FAILED}
    assert body["this"]["failures"] == [reason]
    assert body["other"]["failures"] == []


def test_sessions_with_different_packs_are_compared_and_it_is_said(
    api: httpx.Client, engine: Engine
) -> None:
    history = fill_history(engine, pack="buffalo_l")
    body = compare(api, history.second, history.first)
    assert (body["isSamePack"], body["isSameLibrary"]) == (False, True)
    assert (body["this"]["pack"], body["other"]["pack"]) == ("buffalo_l", "bundled")


def test_the_speed_over_time_comes_from_samples(
    api: httpx.Client, engine: Engine, history: History
) -> None:
    with begin(engine) as db:
        add_samples(db, history.second, Scope.TRAINING, (0, 0), (10, 10), (20, 40), (30, 40))
        add_samples(db, history.second, Scope.SESSION, (0, 0), (10, 10), (20, 40))
        add_samples(db, history.second, Scope.FACE_DETECTION, (10, 0), (20, 0), (40, 36))
    points = [
        {"fromSeconds": 0, "untilSeconds": 10, "perSecond": 1.0},
        {"fromSeconds": 10, "untilSeconds": 20, "perSecond": 3.0},
    ]
    speed = api.get(f"{ROUTE}/{history.second}/speed").json()
    assert speed["sessionId"] == history.second
    assert [phase["name"] for phase in speed["phases"]] == [
        "training",
        "face_detection",
        "clustering",
    ]
    assert [phase["points"] for phase in speed["phases"]] == [
        points,
        [{"fromSeconds": 20, "untilSeconds": 40, "perSecond": 1.8}],
        [],
    ]
    training = compare(api, history.second, history.first)["phases"][0]
    assert (training["this"]["speed"], training["other"]["speed"]) == (points, [])


def test_a_session_that_has_not_begun_can_be_compared(
    api: httpx.Client, worker: Worker, engine: Engine
) -> None:
    history = fill_history(engine)
    for phase in compare(api, worker.session_id, history.first)["phases"]:
        assert phase["timesSlower"] is None
        assert phase["reasons"] == []
        assert phase["this"]["perSecond"] is None


def test_a_session_of_an_earlier_version_is_timed_from_its_begin_to_its_end(
    api: httpx.Client, engine: Engine, history: History
) -> None:
    with begin(engine) as db:
        db.execute(
            text(
                "UPDATE session_phase SET active_s = 0, pixels = 0, bytes = 0, workers = 0,"
                " started_at = completed_at - interval '50 seconds' WHERE session_id = :id"
            ),
            {"id": history.first},
        )
    training = compare(api, history.second, history.first)["phases"][0]
    assert (training["other"]["seconds"], training["other"]["pixelsPerPhoto"]) == (50.0, None)
    assert training["timesSlower"] == pytest.approx(0.8)
    assert [reason["cause"] for reason in training["reasons"]] == ["machine"]


def test_a_session_is_not_compared_with_itself(api: httpx.Client, history: History) -> None:
    answer = api.get(f"{ROUTE}/{history.first}/compare", params={"with": history.first})
    assert (answer.status_code, answer.json()["title"]) == (422, "Same session twice")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("session_id", "other_id"), [(4711, 1), (1, 4711), (4711, 4711)])
def test_an_unknown_session_is_not_compared(
    api: httpx.Client, history: History, session_id: int, other_id: int
) -> None:
    answer = api.get(f"{ROUTE}/{session_id}/compare", params={"with": other_id})
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no session 4711.")


@pytest.mark.parametrize("other", [None, "", "x", "0", "-1", str(2**63), "1.5"])
def test_a_comparison_names_the_other_session(
    api: httpx.Client, history: History, other: str | None
) -> None:
    params = {} if other is None else {"with": other}
    answer = api.get(f"{ROUTE}/{history.first}/compare", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.with"


def test_the_speed_of_an_unknown_session_is_a_404(api: httpx.Client) -> None:
    assert api.get(f"{ROUTE}/4711/speed").status_code == 404
