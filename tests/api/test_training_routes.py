"""Sessions over HTTP: starting and listing them, and reading one and its failures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cluster.core.errors import PackNotFound
from cluster.core.notices import Channel
from cluster.core.progress import ClusteringResult
from cluster.core.sessions import Move, PhaseName
from serve.app import build_app
from serve.parts import AppParts, PackChoice
from serve.problems import JobNotSubmitted
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp, Worker, readable, unreadable

ROUTE = "/api/v1/training"


def post(api: httpx.Client, root: Path | str, **more: object) -> httpx.Response:
    return api.post(ROUTE, json={"rootPath": str(root), **more})


def test_a_session_is_created_and_submitted_as_a_ray_job(
    api: httpx.Client, library: Path, jobs: FakeCluster
) -> None:
    answer = post(api, library, name="Summer")
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"{ROUTE}/{body['sessionId']}"
    assert body["jobId"] == f"job-{body['sessionId']}"
    assert (body["name"], body["rootPath"]) == ("Summer", str(library))
    assert (body["pack"], body["status"]) == ("bundled", "pending")
    assert api.get(f"{ROUTE}/{body['sessionId']}").json() == body
    (submitted,) = jobs.submitted
    assert (submitted.id, submitted.options) == (
        body["sessionId"],
        {"confined_to": [str(library)], "pack": "bundled"},
    )


def test_a_new_session_shows_pending_progress_at_once(api: httpx.Client, library: Path) -> None:
    session_id = post(api, library).json()["sessionId"]
    progress = api.get(f"{ROUTE}/{session_id}/progress/unified").json()
    assert progress["overallStatus"] == "pending"
    assert progress["overallProgress"] == {
        "percentage": 0.0,
        "timePercentage": 0.0,
        "counting": False,
        **dict.fromkeys(("etaSeconds", "etaLow", "etaHigh")),
        "currentPhase": None,
    }


@pytest.mark.parametrize(
    ("folder", "status", "kind"),
    [
        ("gone", 422, "root-not-found"),
        ("empty", 422, "root-empty"),
        ("one.jpg", 422, "root-not-found"),
        ("../elsewhere", 403, "root-not-allowed"),
        ("leaving", 403, "root-not-allowed"),
    ],
)
@pytest.mark.parametrize("route", [ROUTE, "/api/v1/dry-run"])
def test_a_root_that_cannot_be_indexed_is_refused_at_once(
    api: httpx.Client, library: Path, route: str, folder: str, status: int, kind: str
) -> None:
    (library / "empty").mkdir()
    elsewhere = library.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one.jpg").write_bytes(b"\xff\xd8\xff")
    (library / "leaving").symlink_to(elsewhere)
    answer = api.post(route, json={"rootPath": f"{library}/{folder}"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(kind)
    assert api.get(ROUTE).json()["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rootPath": ""},
        {"rootPath": "a\0b"},
        {"rootPath": "/photos", "unknown": 1},
        {"rootPath": "/photos", "options": {"unknown": 1}},
        {"rootPath": "/photos", "options": {"pack": "../../etc"}},
    ],
)
def test_a_body_that_is_not_understood_names_the_field(
    api: httpx.Client, body: dict[str, object]
) -> None:
    answer = api.post(ROUTE, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"]


def test_a_session_that_the_cluster_does_not_take_has_failed_and_says_why(
    api: httpx.Client, library: Path, jobs: FakeCluster
) -> None:
    jobs.error = JobNotSubmitted("The dashboard does not answer.")
    assert post(api, library).status_code == 503
    (session,) = api.get(ROUTE).json()["sessions"]
    assert (session["status"], session["error"]) == ("failed", "The dashboard does not answer.")
    progress = api.get(f"{ROUTE}/{session['sessionId']}/progress/unified").json()
    assert progress["overallStatus"] == "failed"
    assert progress["phases"]["training"]["error"] == "The dashboard does not answer."


def test_sessions_are_listed_newest_first_page_by_page(api: httpx.Client, worker: Worker) -> None:
    ids = [worker.session_id, *(worker.create_session(f"/photos/{n}").id for n in range(4))]
    first = api.get(ROUTE, params={"limit": 3}).json()
    assert [session["sessionId"] for session in first["sessions"]] == ids[:1:-1]
    rest = api.get(ROUTE, params={"limit": 3, "before": first["nextBefore"]}).json()
    assert [session["sessionId"] for session in rest["sessions"]] == ids[1::-1]
    assert (first["total"], rest["nextBefore"]) == (5, None)


def test_failures_are_listed_page_by_page_and_by_phase(api: httpx.Client, worker: Worker) -> None:
    worker.find(6)
    worker.end_discovery()
    items = worker.pending(PhaseName.TRAINING)
    worker.train([unreadable(item) for item in items[:5]])
    worker.train([readable(items[5])])
    route = f"{ROUTE}/{worker.session_id}/failures"
    first = api.get(route, params={"limit": 3, "phase": "training"}).json()
    rest = api.get(route, params={"limit": 3, "after": first["nextAfter"]}).json()
    seen = [failure["path"] for page in (first, rest) for failure in page["failures"]]
    assert seen == [item.path for item in items[:5]]
    assert (first["total"], rest["nextAfter"]) == (5, None)
    assert first["failures"][0]["phase"] == "training"
    assert api.get(route, params={"phase": "face_detection"}).json()["total"] == 0


@pytest.mark.parametrize("tail", ["", "/failures", "/progress/unified", "/events"])
def test_an_unknown_session_is_a_404_that_names_it(api: httpx.Client, tail: str) -> None:
    answer = api.get(f"{ROUTE}/4711{tail}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no session 4711."


def test_a_session_with_a_pack_that_is_not_there_is_refused(
    start: Start, parts: AppParts, library: Path
) -> None:
    def choose(pack: str) -> PackChoice:
        raise PackNotFound(pack, "its files are not here.")

    api = start(RunningApp(build_app(replace(parts, choose_pack=choose))))
    answer = post(api, library, options={"pack": "antelopev2"})
    assert answer.status_code == 422
    assert "antelopev2" in answer.json()["detail"]


def test_a_session_says_its_size_and_what_may_be_asked_of_it(
    api: httpx.Client, worker: Worker
) -> None:
    def show() -> tuple[object, ...]:
        body = api.get(f"{ROUTE}/{worker.session_id}").json()
        return body["photoCount"], body["peopleCount"], body["legalMoves"]

    assert show() == (None, None, ["pause", "cancel"])
    worker.find(6)
    assert show() == (6, None, ["pause", "cancel"])
    worker.move(Move.PAUSE)
    assert show() == (6, None, ["resume", "cancel"])
    worker.move(Move.RESUME)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(2, 5, 1))
    assert show() == (6, 2, ["restart"])


def test_a_job_has_its_page_in_the_ray_dashboard(
    start: Start, parts: AppParts, library: Path
) -> None:
    dashboard = "http://127.0.0.1:8265"
    api = start(RunningApp(build_app(replace(parts, dashboard_url=dashboard))))
    body = post(api, library).json()
    assert body["jobUrl"] == f"{dashboard}/#/jobs/{body['jobId']}"


def test_messages_about_the_end_are_listed_without_where_they_go(
    start: Start, parts: AppParts, library: Path, jobs: FakeCluster
) -> None:
    channel = Channel("https://hooks.example/T0KEN").name
    api = start(RunningApp(build_app(replace(parts, channels=(channel,)))))
    session_id = post(api, library).json()["sessionId"]
    route = f"{ROUTE}/{session_id}/notifications"
    assert api.get(route).json() == {"notifications": []}
    assert api.post(f"{ROUTE}/{session_id}/cancel").status_code == 200
    (one,) = api.get(route).json()["notifications"]
    assert (one["status"], one["channel"], one["tries"]) == ("cancelled", "webhook", 0)
    assert (one["sentAt"], one["error"]) == (None, None)
    assert channel not in api.get(route).text
    assert api.get(f"{ROUTE}/999/notifications").status_code == 404


def test_a_session_whose_job_the_cluster_refuses_is_told_as_failed(
    start: Start, parts: AppParts, library: Path, jobs: FakeCluster
) -> None:
    jobs.error = JobNotSubmitted("no room")
    api = start(RunningApp(build_app(replace(parts, channels=("webhook:one",)))))
    assert post(api, library).status_code == 503
    (one,) = api.get(f"{ROUTE}/1/notifications").json()["notifications"]
    assert one["status"] == "failed"
