"""Which sites may send requests to the server through a user's browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cluster.core.errors import BadSetting
from cluster.settings import load_settings, settings_as_environment
from serve.app import AppParts, build_app
from serve.guards.origins import is_own_host
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp, Worker
from tests.api.test_guards import ROUTE, TOKEN, check_problem

FRIEND = "https://photos.example"
STRANGER = "https://elsewhere.example"


@pytest.fixture
def friendly(start: Start, parts: AppParts) -> httpx.Client:
    """A server with a host name, which one other site may use."""
    named = replace(parts, allowed_hosts=("Box",), cors_origins=(FRIEND,))
    return start(RunningApp(build_app(named)))


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "a.localhost", "127.0.0.1:8000", "10.0.0.7", "[::1]:8000"],
)
def test_an_address_or_localhost_is_this_servers_own(host: str) -> None:
    assert is_own_host(host, names=())


@pytest.mark.parametrize(
    "host",
    ["elsewhere.example", "localhost.example", "127.0.0.1.example:80", "box", "[", "::1]", "@"],
)
def test_another_name_is_not(host: str) -> None:
    assert not is_own_host(host, names=())


def test_a_rebound_name_reads_nothing(api: httpx.Client) -> None:
    for path in (ROUTE, "/", "/docs", "/openapi.json"):
        answer = api.get(path, headers={"Host": "elsewhere.example:8000"})
        check_problem(answer, 421)


def test_a_name_that_is_listed_is_known(friendly: httpx.Client) -> None:
    assert friendly.get(ROUTE, headers={"Host": "box:8000"}).status_code == 200


def test_with_a_token_any_name_will_do(start: Start, parts: AppParts) -> None:
    guarded = start(RunningApp(build_app(replace(parts, api_token=TOKEN))))
    headers = {"Host": "box", "Authorization": f"Bearer {TOKEN}"}
    assert guarded.get(ROUTE, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": STRANGER},
        {"Origin": "null"},
        {"Origin": STRANGER, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_can_change_nothing(
    api: httpx.Client, worker: Worker, library: Path, jobs: FakeCluster, headers: dict[str, str]
) -> None:
    """A browser sends a form without a preflight, and a POST without a body counts as a form."""
    worker.find(1)
    check_problem(api.post(f"{ROUTE}/{worker.session_id}/cancel", headers=headers), 403)
    check_problem(api.post(ROUTE, json={"rootPath": str(library)}, headers=headers), 403)
    assert api.get(f"{ROUTE}/{worker.session_id}").json()["status"] == "running"
    assert not jobs.submitted


def test_the_own_page_and_programs_can(api: httpx.Client, worker: Worker) -> None:
    worker.find(1)
    own = str(api.base_url).rstrip("/")
    path = f"{ROUTE}/{worker.session_id}"
    assert api.post(f"{path}/pause", headers={"Origin": own}).status_code == 200
    site = {"Origin": "http://behind.proxy", "Sec-Fetch-Site": "same-origin"}
    assert api.post(f"{path}/resume", headers=site).status_code == 202
    assert api.post(f"{path}/cancel").status_code == 200


def test_a_site_that_is_listed_may_read_and_change(
    friendly: httpx.Client, library: Path, jobs: FakeCluster
) -> None:
    asked = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
    leave = friendly.options(ROUTE, headers=asked)
    assert (leave.status_code, leave.headers["access-control-allow-origin"]) == (200, FRIEND)
    cross = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    answer = friendly.post(ROUTE, json={"rootPath": str(library)}, headers=cross)
    assert answer.status_code == 201, answer.text
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert len(jobs.submitted) == 1


def test_other_sites_are_not_let_in_by_one_that_is_listed(friendly: httpx.Client) -> None:
    for origin in (STRANGER, "null", f"{FRIEND}.evil.example"):
        answer = friendly.get(ROUTE, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert friendly.options(ROUTE, headers=asked).status_code == 400


def test_sites_are_named_one_by_one() -> None:
    for wrong in ("*", "https://*.example", "photos.example", "https://photos.example/"):
        with pytest.raises(BadSetting, match="cors_origins"):
            load_settings(options={"cors_origins": wrong})


def test_lists_survive_the_way_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {
        "allowed_roots": ["/photos", "s3://photos"],
        "allowed_hosts": ["box", "box.example"],
        "cors_origins": [FRIEND, "http://127.0.0.1:3000"],
    }
    for name, value in settings_as_environment(load_settings(options=lists)).items():
        monkeypatch.setenv(name, value)
    arrived = load_settings()
    assert {name: getattr(arrived, name) for name in lists} == lists
