"""What every request passes, and how errors look."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.errors import IllegalMove
from cluster.store.database.engine import build_engine
from serve.app import AppParts, build_app
from serve.guards.requests import MAX_BODY_BYTES
from serve.problems import find_problem, problem_response
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp
from tests.waiting import PATIENT_S

ROUTE = "/api/v1/training"
TOKEN = "correct-horse"


@pytest.fixture
def guarded(start: Start, parts: AppParts) -> httpx.Client:
    return start(RunningApp(build_app(replace(parts, api_token=TOKEN))))


def check_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    return body


@pytest.mark.parametrize("path", [ROUTE, f"{ROUTE}/1/events", "/api/v1/none", "/api", "/api/"])
@pytest.mark.parametrize("header", [None, "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"])
def test_every_api_route_asks_for_the_token(
    guarded: httpx.Client, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = guarded.get(path, headers=headers)
    check_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_token_opens_the_api(guarded: httpx.Client) -> None:
    for scheme in ("Bearer", "bearer"):
        answer = guarded.get(ROUTE, headers={"Authorization": f"{scheme} {TOKEN}"})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/static/page.js"])
def test_the_page_and_the_document_need_no_token(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_the_document_says_that_a_token_is_needed(guarded: httpx.Client, api: httpx.Client) -> None:
    def schemes(client: httpx.Client) -> dict[str, object]:
        found: dict[str, object] = client.get("/openapi.json").json()["components"]
        return found

    assert "HTTPBearer" in schemes(guarded)["securitySchemes"]  # type: ignore[operator]
    assert "securitySchemes" not in schemes(api)


@pytest.mark.parametrize("path", ["/", "/docs", ROUTE, "/healthz", "/none"])
def test_every_answer_carries_the_security_headers(api: httpx.Client, path: str) -> None:
    headers = api.get(path, headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_the_page_loads_nothing_from_other_hosts() -> None:
    web = Path(__file__).parents[2] / "serve" / "web"
    files = [file for file in web.rglob("*") if file.is_file()]
    # The name of an XML namespace is not an address that is loaded.
    named = re.compile(r'xmlns="[^"]+"|createElementNS\("[^"]+"')
    texts = [named.sub("", file.read_text()) for file in files]
    assert texts
    assert not [url for text in texts for url in re.findall(r"(?:https?:)?//\w+\.\w+", text)]
    assert not [text for text in texts if re.search(r"<script>|\son\w+=|style=|<style", text)]


def test_a_wrong_path_and_a_wrong_method_are_problems(api: httpx.Client) -> None:
    check_problem(api.get("/none"), 404)
    answer = api.delete(ROUTE)
    check_problem(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["0", "-1", "x", str(2**63)])
def test_an_id_that_cannot_be_is_a_problem(api: httpx.Client, path: str) -> None:
    check_problem(api.get(f"{ROUTE}/{path}"), 422)


def test_a_body_that_is_too_large_is_refused_announced_or_not(api: httpx.Client) -> None:
    body = b'{"rootPath": "' + b"x" * MAX_BODY_BYTES + b'"}'
    headers = {"Content-Type": "application/json"}
    check_problem(api.post(ROUTE, content=body, headers=headers), 413)
    check_problem(api.post(ROUTE, content=iter([body]), headers=headers), 413)


def test_a_form_of_another_site_cannot_start_a_session(api: httpx.Client, library: Path) -> None:
    """JSON is refused under a content type that needs no CORS preflight."""
    body = f'{{"rootPath": "{library}"}}'.encode()
    answer = api.post(ROUTE, content=body, headers={"Content-Type": "text/plain"})
    check_problem(answer, 422)


def test_a_defect_is_a_500_that_tells_nothing_of_the_inside(
    api: httpx.Client, library: Path, jobs: FakeCluster
) -> None:
    jobs.error = ValueError("secret of the inside")
    body = check_problem(api.post(ROUTE, json={"rootPath": str(library)}), 500)
    assert "secret" not in str(body)


def test_an_illegal_move_says_which_moves_are_legal() -> None:
    error = IllegalMove(status="completed", move="pause", legal=["retry", "restart"])
    answer = problem_response(error, path="/x")
    assert answer.status_code == 409
    assert b'"legalMoves": ["restart", "retry"]' in answer.body


def test_the_nearest_type_in_the_table_wins() -> None:
    class Special(IllegalMove):
        """A subclass that the table does not list."""

    assert find_problem(Special(status="a", move="b", legal=[])).slug == "illegal-move"


def test_health_and_readiness_are_told_apart(start: Start, parts: AppParts, engine: Engine) -> None:
    gone = build_engine("postgresql://nobody@127.0.0.1:1/none")
    api = start(RunningApp(build_app(replace(parts, engine=gone))))
    assert api.get("/healthz").json() == {"status": "alive"}
    body = check_problem(api.get("/readyz"), 503)
    assert body["type"] == "urn:headcount:problem:database-unavailable"
    check_problem(api.get(ROUTE), 503)


def test_ready_when_database_and_live_view_answer(api: httpx.Client) -> None:
    assert api.get("/readyz").json() == {"status": "ready"}


def test_not_ready_when_the_live_view_is_gone(api: httpx.Client, running: RunningApp) -> None:
    running.loop.call_soon_threadsafe(running.app.state.follower.cancel)
    check_problem(api.get("/readyz"), 503)


def test_the_token_is_compared_in_constant_time_and_by_nothing_else(
    guarded: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this comparison decides whether a token is accepted."""
    asked: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        asked.append((given, expected))
        return given.endswith(b"wrong")

    monkeypatch.setattr("serve.guards.requests.hmac.compare_digest", compare)
    for token, status in ((TOKEN, 401), ("wrong", 200)):
        headers = {"Authorization": f"Bearer {token}"}
        assert guarded.get(ROUTE, headers=headers).status_code == status
    assert len(asked) == 2


def test_answers_about_people_are_kept_by_nobody(api: httpx.Client) -> None:
    for path in (ROUTE, "/api/v1/people", f"{ROUTE}/4711", "/api/v1/none"):
        assert api.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "announced", [b"Content-Length: 9999999999", b"Transfer-Encoding: chunked"]
)
def test_a_body_that_never_ends_is_refused_before_it_is_read(
    api: httpx.Client, announced: bytes
) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n\r\n"
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    chunks = MAX_BODY_BYTES // 0x4000 + 1 if b"chunked" in announced else 0
    address = (api.base_url.host, api.base_url.port)
    with socket.create_connection(address, timeout=PATIENT_S) as client:
        client.sendall(head % (ROUTE.encode(), announced) + chunks * chunk)
        # The announced length is larger than the body, so the server can only answer what it got.
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"rootPath": "\xed\xa0\x80"}', b"[" * 60_000, b"9" * 60_000, b"null"]
)
def test_a_body_that_is_no_json_of_ours_is_a_problem(api: httpx.Client, body: bytes) -> None:
    answer = api.post(ROUTE, content=body, headers={"Content-Type": "application/json"})
    check_problem(answer, 400 if answer.status_code == 400 else 422)


def test_the_document_says_how_each_route_can_fail(guarded: httpx.Client) -> None:
    silent = []
    for path, methods in guarded.get("/openapi.json").json()["paths"].items():
        for method, route in methods.items():
            expected = {"401", "421", "422", "503"} if path.startswith("/api/") else set()
            expected |= {"404"} if "_id}" in path else set()
            expected |= {"403"} if method != "get" else set()
            expected |= {"400", "413"} if "requestBody" in route else set()
            if expected - set(route["responses"]) or "default" in route["responses"]:
                silent.append(f"{method} {path}: {sorted(expected - set(route['responses']))}")
    assert not silent
