"""A Ray that does not start at once, one that is missing, and files that must be private."""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from cluster.core.errors import RayUnavailable
from cluster.ray_internals import DASHBOARD_MODULES
from cluster.settings import Settings
from jobs.running import exposure, local_ray
from jobs.running.exposure import is_person, warn_of_others
from jobs.running.local_ray import (
    FOR_SHOW,
    STARTS,
    check_reachable,
    start,
    takes_too_long,
)
from jobs.running.raylet_watch import has_ended

TOO_LONG = "The current node timed out during startup. This could happen because ..."


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Exception | str]]:
    """The outcomes of the next starts of Ray: an error, or the context."""
    outcomes: list[Exception | str] = []

    def init(folder: Path, **_: Any) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(local_ray, "prepare_loopback_environment", lambda: None)
    monkeypatch.setattr(local_ray, "give_agents_free_ports", lambda: 0)
    monkeypatch.setattr(local_ray, "stay_on_this_machine", lambda: None)
    monkeypatch.setattr(local_ray, "complete_commands", lambda: None)
    monkeypatch.setattr(local_ray, "start_no_log_monitor", lambda: None)
    monkeypatch.setattr(local_ray, "use_token", lambda file: None)
    monkeypatch.setattr(local_ray, "init", init)
    yield outcomes


def start_in(folder: Path) -> Any:
    return start(folder, settings=Settings(data_dir=folder), namespace="test")


def test_a_start_that_a_busy_machine_holds_up_is_tried_again_in_sight(
    starts: list[Exception | str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    starts += [Exception(TOO_LONG), RuntimeError("Failed to start the dashboard"), "a context"]
    assert start_in(tmp_path) == "a context"
    assert capsys.readouterr().err.count("Trying again") == 2


def test_a_start_that_never_succeeds_ends_in_a_sentence(
    starts: list[Exception | str], tmp_path: Path
) -> None:
    starts += [Exception(TOO_LONG)] * STARTS
    with pytest.raises(RayUnavailable, match=r"could not be started.*jobs\.doctor"):
        start_in(tmp_path)
    assert starts == []


def test_a_start_that_cannot_succeed_is_not_tried_again(
    starts: list[Exception | str], tmp_path: Path
) -> None:
    starts += [OSError("[Errno 28] No space left on device"), "a context"]
    with pytest.raises(RayUnavailable, match="No space left"):
        start_in(tmp_path)
    assert starts == ["a context"]


@pytest.mark.parametrize("said", [TOO_LONG, "Timeout waiting for GCS", "Failed to start the GCS"])
def test_what_takes_too_long_is_told_by_what_ray_says(said: str) -> None:
    assert takes_too_long(said)


@pytest.mark.parametrize("address", ["somewhere", "host:port", "ray://", "http://", "[::1"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(RayUnavailable, match="No Ray cluster answers at"):
        check_reachable(address)


def make_user(number: int, shell: str) -> pwd.struct_passwd:
    return pwd.struct_passwd(("name", "x", number, number, "", "/", shell))


def test_a_page_that_others_can_open_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    open_page = {"page_url": "http://127.0.0.1:8000"}
    monkeypatch.setattr(exposure, "is_shared_machine", lambda: True)
    assert "HEADCOUNT_API_TOKEN" in (warn_of_others(Settings(), **open_page) or "")
    assert warn_of_others(Settings(), page_url=None) is None
    assert warn_of_others(Settings(api_token="a-token"), **open_page) is None
    monkeypatch.setattr(exposure, "is_shared_machine", lambda: False)
    assert warn_of_others(Settings(), **open_page) is None


def test_people_are_told_from_accounts_of_the_system() -> None:
    assert is_person(make_user(1000, "/bin/bash"))
    assert not is_person(make_user(1000, "/usr/sbin/nologin"))
    assert not is_person(make_user(33, "/bin/sh"))
    assert not is_person(make_user(65534, "/bin/sh"))


def test_the_dashboards_modules_are_rays_but_the_one_that_asks_the_clouds() -> None:
    """A new version of Ray with other modules fails here first."""
    from ray.dashboard.subprocesses.module import SubprocessModule
    from ray.dashboard.utils import DashboardHeadModule, get_all_modules

    names = {m.__name__ for m in get_all_modules(DashboardHeadModule)}
    names |= {m.__name__ for m in get_all_modules(SubprocessModule)}
    assert names - set(DASHBOARD_MODULES) == {"UsageStatsHead"}
    assert set(DASHBOARD_MODULES) < names


def test_the_end_of_ray_is_the_end_of_what_its_processes_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard's own processes do not name the folder, and outlive the dashboard."""
    dashboard = psutil.Popen(
        ["sh", "-c", "sleep 1000 & echo $!; wait", str(tmp_path)], stdout=subprocess.PIPE
    )
    own = psutil.Process(int(dashboard.stdout.readline()))
    monkeypatch.setattr(ray, "shutdown", lambda: end(dashboard))
    local_ray.shut_down(tmp_path)
    assert has_ended(own)


def test_the_scripts_that_are_killed_first_are_those_of_this_ray() -> None:
    scripts = {str(path) for path in Path(ray.__file__).parent.rglob("*.py")}
    for name in FOR_SHOW:
        assert [script for script in scripts if script.endswith(f"/{name}")]


def end(process: psutil.Popen) -> None:
    process.kill()
    process.wait()
