"""Whatever a client sends, the server never answers with a 5xx."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cluster.core.progress import ClusteringResult
from cluster.store.database.engine import build_engine
from serve.app import AppParts, build_app
from serve.etags import read_version
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp, Worker
from tests.api.test_guards import ROUTE, TOKEN, check_problem
from tests.people import fill_people
from tests.waiting import PATIENT_S, wait_until

BIG = "9" * 5000
EXPORT = "/api/v1/export"
JSON = {"Content-Type": "application/json"}
METHODS = ("get", "patch", "put", "post", "delete")
"""Methods that delete come last, so that the others still find what they need."""

HEADERS = (
    *("Last-Event-ID", "If-None-Match", "If-Modified-Since", "If-Range", "Range"),
    *("Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Content-Encoding"),
    *("Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-ID", "traceparent"),
)
GROUPS = (HEADERS, ("Host",), ("Authorization", "Origin", "Access-Control-Request-Method"))
"""The headers of a group are sent together. A guard that refuses a request would hide the route's
answer, so the headers that guards check have groups of their own."""

VALUES = (
    *(BIG, f"-{BIG}", f'W/"{BIG}"', f"bytes={BIG}-", f"bytes=-{BIG}", "bytes=0-0," * 3000),
    *("-1", "1e400", "nan", "\xb2", "\xff\xfe", "\x80" * 10, "[", "::1]", "a" * 20_000),
    *("Sun, 99 Foo 99999999999999999999 99:99:99 GMT", "application/json; charset=utf-99"),
)


@pytest.fixture
def session_id(worker: Worker, engine: Engine) -> int:
    """A session that has ended, in a library with people."""
    fill_people(engine, 3, 2, ungrouped=2)
    worker.find(2)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(1, 1, 0))
    return worker.session_id


@pytest.fixture
def routes(api: httpx.Client, session_id: int) -> list[tuple[str, str]]:
    """Each method and path of the OpenAPI document, with ids that exist, and those of the page."""
    document = api.get("/openapi.json").json()["paths"]
    found = [(method, path) for path, methods in document.items() for method in methods]
    own = [("get", path) for path in ("/", "/docs", "/openapi.json", "/static/page.js", "/none")]
    ids: dict[str, object] = dict.fromkeys(
        ("person_id", "image_id", "face_id", "change_id", "library_id"), 1
    )
    ids |= {"session_id": session_id, "name": "none.zip"}
    ordered = sorted([*found, *own], key=lambda route: METHODS.index(route[0]))
    return [(method, path.format(**ids)) for method, path in ordered]


def ask(api: httpx.Client, method: str, path: str, **options: Any) -> int:
    """Return the status of the answer; a streamed body is not read.

    When a client leaves an export, the place of that export is free a moment later.
    """
    content = b"{}" if method in ("post", "patch") else None

    def ask_once() -> int:
        with api.stream(method, path, content=content, **options) as answer:
            return answer.status_code

    if path != EXPORT:
        return ask_once()
    return wait_until(lambda: (status := ask_once()) != 503 and status, "room for an export")


def bytes_of(names: tuple[str, ...], value: str) -> dict[str, bytes]:
    return {name: value.encode("latin-1") for name in names}


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param(GROUPS[:1], id="of routes", marks=pytest.mark.long),
        pytest.param(GROUPS[1:], id="of guards", marks=pytest.mark.long),
    ],
)
def test_no_header_is_a_defect_of_the_server(
    api: httpx.Client, routes: list[tuple[str, str]], groups: tuple[tuple[str, ...], ...]
) -> None:
    failed = [
        (method, path, names, value[:20])
        for method, path in routes
        for names in groups
        for value in VALUES
        if ask(api, method, path, headers=bytes_of(names, value)) >= 500
    ]
    assert not failed


def test_no_header_that_is_checked_before_the_route_is_a_defect_either(
    api: httpx.Client, routes: list[tuple[str, str]]
) -> None:
    """One route of each method is enough: the guards look at these headers before any route."""
    first_of_each = {method: path for method, path in reversed(routes)}
    failed = [
        (method, path, names, value[:20])
        for method, path in first_of_each.items()
        for names in GROUPS[1:]
        for value in VALUES
        if ask(api, method, path, headers=bytes_of(names, value)) >= 500
    ]
    assert not failed


@pytest.mark.long
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_header_and_no_query_that_can_be_sent_is(
    api: httpx.Client, routes: list[tuple[str, str]], data: st.DataObject
) -> None:
    letters = st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f")
    method, path = data.draw(st.sampled_from([r for r in routes if r[0] == "get"]))
    headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), st.text(letters, max_size=30)))
    names = ("since", "wait", "limit", "before", "after", "offset", "q", "pack", "phase", "v")
    numbers = st.one_of(st.integers(), st.floats()).map(str)
    query = st.dictionaries(st.sampled_from(names), numbers | st.text(max_size=8), max_size=3)
    # No request here waits for news that never comes.
    params = {**data.draw(query), "wait": data.draw(st.sampled_from(["0", "nan", "-1", "x", ""]))}
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    safe = {name: value.encode("utf-8", "replace") for name, value in params.items()}
    assert ask(api, method, path, headers=sent, params=safe) < 500


def test_an_event_id_that_no_version_has_is_ignored(api: httpx.Client, session_id: int) -> None:
    for event_id in (BIG, "9" * 19, "-1", "1e3", "\xb2", "٣", "", "x"):
        headers = {"Last-Event-ID": event_id.encode()}
        answer = api.get(f"{ROUTE}/{session_id}/events", headers=headers)
        assert answer.status_code == 200
        assert answer.text.startswith("event: progress")
        assert read_version(event_id) == -1


def test_numbers_beyond_64_bits_wait_for_nothing(api: httpx.Client, session_id: int) -> None:
    for since in (BIG, "9223372036854775808", "1e400", "nan"):
        answer = api.get(f"{ROUTE}/{session_id}/progress/unified", params={"since": since})
        check_problem(answer, 422)
    for wait, status in (("9" * 400, 200), ("1e400", 200), ("nan", 422), ("-inf", 422)):
        answer = api.get(f"{ROUTE}/{session_id}/progress/unified", params={"wait": wait})
        assert answer.status_code == status


def test_what_is_no_id_is_refused(api: httpx.Client) -> None:
    numbers = ["%00", "%D9%A1", "%ed%a0%80", str(2**63), BIG, "1e3", "%20", "nan", "-0"]
    for number in numbers:
        for place in ("people/{}", "training/{}", "images/{}/preview", "faces/{}/crop"):
            answer = api.get("/api/v1/" + place.format(number))
            check_problem(answer, 404 if answer.status_code == 404 else 422)


BODIES = [
    f'{{"version": {BIG}}}',
    f'{{"version": "{BIG}"}}',
    f'{{"versions": {{"{BIG}": 1}}, "otherIds": [1]}}',
    '{"version": 1e400}',
    '{"version": NaN}',
    '{"version": 9223372036854775808}',
    '{"version": 1, "name": "\\u0000"}',
    '{"version": 1, "name": "\\ud800"}',
    '{"version": 1, "\\ud800": 1}',
    '{"a":' * 8000 + "1" + "}" * 8000,
    "[" * 30_000 + "]" * 30_000,
    '{"otherIds": [9223372036854775807], "versions": {"1": 1, "9223372036854775807": 1}}',
    '{"faceIds": [9223372036854775807], "version": 9223372036854775807}',
    '{"faceIds": [1], "toPersonId": 1e400, "version": 1}',
    '{"rootPath": "http://[::1"}',
    '{"rootPath": "http://\\u2100/"}',
    '{"rootPath": "s3://%00/\\u007f"}',
    "\0",
    '"\\ud800"',
    "",
]
"""All routes refuse some of these bodies; others are valid for one route."""


def test_no_body_is_a_defect_of_the_server(
    api: httpx.Client, session_id: int, jobs: FakeCluster
) -> None:
    changes = {"people/1": "PATCH", "people/1/merge": "POST", "people/1/split": "POST"}
    changes |= {"people/ungrouped/split": "POST", "training": "POST"}
    contents = [body.encode(encoding) for body in BODIES for encoding in ("utf-8", "utf-16")]
    for content in contents:
        for path, method in changes.items():
            answer = api.request(method, f"/api/v1/{path}", content=content, headers=JSON)
            assert 400 <= answer.status_code < 500, (content[:40], path, answer.text)
    assert not jobs.submitted


HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


REQUESTS = [
    b"GET /static/page.js" + HEAD + UPGRADE + KEY,
    b"GET /api/v1/training" + HEAD + UPGRADE + KEY,
    b"OPTIONS *" + HEAD,
    b"FOO /api/v1/training" + HEAD,
    b"TRACE /" + HEAD,
    b"GET /\xff\xfe" + HEAD,
    b"GET /static/%ff%fe" + HEAD,
    b"GET /api/v1/training?\xff" + HEAD,
    b"GET /api/v1/training" + HEAD + b"\xff: x\r\n",
    b"GET /api/v1/training" + HEAD + b"Host: localhost\r\n",
    b"POST /api/v1/training" + HEAD + b"Content-Length: " + BIG.encode() + b"\r\n",
    b"POST /api/v1/training" + HEAD + b"Content-Length: -5\r\n",
]


def test_no_request_line_is_a_defect_of_the_server(api: httpx.Client) -> None:
    address = (api.base_url.host, api.base_url.port)
    for request in REQUESTS:
        with socket.create_connection(address, timeout=PATIENT_S) as client:
            client.sendall(request + b"\r\n")
            assert 200 <= int(client.recv(4096).split()[1]) < 500, request[:60]


def send_directly(
    parts: AppParts, method: str, path: str, *, root_path: str = "", **options: Any
) -> httpx.Response:
    """Send a request that no HTTP parser would let through, or one as Ray Serve hands it on."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(parts), root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@pytest.mark.parametrize("announced", [BIG, "9" * 19, "65537"])
def test_a_length_of_any_number_of_digits_is_too_large(parts: AppParts, announced: str) -> None:
    headers = {**JSON, "Content-Length": announced}
    answer = send_directly(parts, "POST", ROUTE, headers=headers, content=b"{}")
    check_problem(answer, 413)


@pytest.mark.parametrize("prefix", ["", "/photos", "/api"])
def test_behind_a_prefix_the_token_is_asked_for_too(parts: AppParts, prefix: str) -> None:
    """The path begins with Ray Serve's `route_prefix`, which the router removes."""
    guarded = replace(parts, api_token=TOKEN)
    for path in (ROUTE, "/api/v1/people", "/api/none", "/api"):
        answer = send_directly(guarded, "GET", prefix + path, root_path=prefix)
        check_problem(answer, 401)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert send_directly(
        guarded, "GET", prefix + ROUTE, root_path=prefix, headers=headers
    ).is_success


def test_without_a_token_nobody_is_told_where_the_database_is(
    start: Start, parts: AppParts
) -> None:
    gone = replace(parts, engine=build_engine("postgresql://anna@127.0.0.1:1/family"))
    told = start(RunningApp(build_app(gone))).get("/readyz")
    assert "127.0.0.1" in str(check_problem(told, 503)["detail"])
    hidden = start(RunningApp(build_app(replace(gone, api_token=TOKEN)))).get("/readyz")
    check_problem(hidden, 503)
    assert not re.search(r"127\.0\.0\.1|anna|family|:1\b", hidden.text)
