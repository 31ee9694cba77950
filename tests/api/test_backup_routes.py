"""Backups over HTTP: listing them, making one, previewing a restore, and restoring."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.decisions.restores import RestoreRecord
from cluster.core.errors import BadBackup, DatabaseUnavailable
from cluster.store.backups.private_records import write_record
from cluster.store.backups.scratch_databases import hold_server
from cluster.store.sessions.session_locks import lock_session
from serve.app import AppParts
from tests.api.test_guards import check_problem
from tests.backups import name_first_person, names_in, policy_in
from tests.library import NOW
from tests.people import fill_people
from tests.waiting import PATIENT_S, wait_until

ROUTE = "/api/v1/backups"


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    """The application with a folder for backups."""
    return replace(parts, backups=policy_in(tmp_path))


@pytest.fixture
def api(start: Callable[..., httpx.Client], engine: Engine) -> httpx.Client:
    """A client of a library with a person who has a name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    return start()


def make(api: httpx.Client) -> dict[str, Any]:
    answer = api.post(ROUTE)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def wait_for_end(api: httpx.Client, begun: httpx.Response) -> dict[str, Any]:
    """Poll the address in the answer until the restore has ended, and return its outcome."""
    ended: dict[str, Any] = {}

    def has_ended() -> bool:
        ended.update(api.get(begun.headers["Location"]).json())
        return ended["state"] != "running"

    wait_until(has_ended, "the restore has ended")
    return ended


def check_told(answer: httpx.Response, status: int, slug: str) -> None:
    assert check_problem(answer, status)["type"] == f"urn:headcount:problem:{slug}"


def test_a_backup_is_made_listed_and_restored(api: httpx.Client, engine: Engine) -> None:
    assert api.get(ROUTE).json()["backups"] == []
    made = make(api)
    assert made["totals"] == {"photos": 5, "faces": 5, "people": 2, "named": 1}
    assert api.get(ROUTE).json()["backups"] == [made]
    name_first_person(engine, "Somebody else")
    comparison = api.get(f"{ROUTE}/{made['name']}/comparison").json()
    assert comparison["isSame"] is False
    assert comparison["then"] == made["totals"]
    begun = api.post(f"{ROUTE}/{made['name']}/restore")
    assert begun.status_code == 202, begun.text
    assert begun.json()["name"] == made["name"]
    ended = wait_for_end(api, begun)
    assert (ended["state"], ended["error"]) == ("done", None)
    assert ended["kept"].endswith("-before-restore.zip")
    assert names_in(engine) == ["Ada"]
    assert api.get("/api/v1/training/1/progress/unified").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "headcount-20260501T123005Z-everything.zip",
        "passwd",
        "..%2F..%2Fetc%2Fpasswd",
        "last_backup.json",
        "%00",
    ],
)
def test_no_other_file_is_read(api: httpx.Client, name: str) -> None:
    for answer in (api.get(f"{ROUTE}/{name}/comparison"), api.post(f"{ROUTE}/{name}/restore")):
        assert answer.status_code == 404, answer.text


def test_a_failed_backup_is_told_to_whoever_looks_later(
    api: httpx.Client, parts: AppParts, engine: Engine
) -> None:
    assert parts.backups is not None
    parts.backups.folder.write_text("no folder")
    check_told(api.post(ROUTE), 503, "backup-failed")
    assert "No backup can be written" in api.get(ROUTE).json()["trouble"]
    parts.backups.folder.unlink()
    make(api)
    assert api.get(ROUTE).json()["trouble"] is None


def test_a_damaged_backup_is_refused(api: httpx.Client, parts: AppParts) -> None:
    assert parts.backups is not None
    made = make(api)
    file = parts.backups.folder / made["name"]
    file.write_bytes(file.read_bytes()[:50])
    check_told(api.get(f"{ROUTE}/{made['name']}/comparison"), 422, "bad-backup")
    check_told(api.post(f"{ROUTE}/{made['name']}/restore"), 422, "bad-backup")


def test_nothing_is_restored_while_a_session_runs(api: httpx.Client, engine: Engine) -> None:
    made = make(api)
    with lock_session(engine, 1):
        check_told(api.post(f"{ROUTE}/{made['name']}/restore"), 409, "session-busy")


def test_there_is_no_newest_restore_before_the_first(api: httpx.Client) -> None:
    check_told(api.get(f"{ROUTE}/restore"), 404, "not-found")


@pytest.mark.long
def test_how_far_a_restore_is_can_be_asked_meanwhile(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, go_on = make(api), threading.Event()

    def check_slowly(*_: object, **__: object) -> None:
        go_on.wait(PATIENT_S)

    monkeypatch.setattr("cluster.store.backups.restoring.check_equal", check_slowly)
    begun = api.post(f"{ROUTE}/{made['name']}/restore")
    newest = lambda: api.get(f"{ROUTE}/restore").json()  # noqa: E731
    wait_until(lambda: newest()["step"].startswith("comparing"), "the copy is compared")
    assert api.get(ROUTE).json()["isAtWork"]
    check_told(api.post(f"{ROUTE}/{made['name']}/restore"), 409, "backup-busy")
    assert api.get("/api/v1/people").status_code == 200
    go_on.set()
    assert wait_for_end(api, begun)["state"] == "done"


@pytest.mark.long
def test_a_restore_that_fails_later_is_told_to_whoever_asks(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(api)

    def find_differences(*_: object, **__: object) -> None:
        raise BadBackup(made["name"], "the restored copy differs in face.")

    monkeypatch.setattr("cluster.store.backups.restoring.check_equal", find_differences)
    name_first_person(engine, "Somebody else")
    monkeypatch.setattr("cluster.store.backups.making.check_equal", lambda *_, **__: None)
    ended = wait_for_end(api, api.post(f"{ROUTE}/{made['name']}/restore"))
    assert ended["state"] == "failed"
    assert "differs in face" in ended["error"]
    assert names_in(engine) == ["Somebody else"]


def test_a_restore_whose_process_is_gone_is_not_said_to_run(
    api: httpx.Client, parts: AppParts
) -> None:
    assert parts.backups is not None
    record = RestoreRecord(name="x.zip", started_at=NOW, step="comparing it with the backup")
    write_record(parts.backups.record.with_name("last_restore.json"), record.to_json())
    newest = api.get(f"{ROUTE}/restore").json()
    assert newest["state"] == "failed"
    assert "interrupted" in newest["error"]


@pytest.mark.long
def test_two_backups_at_once_are_refused(api: httpx.Client, engine: Engine) -> None:
    with hold_server(engine):
        assert api.get(ROUTE).json()["isAtWork"]
        check_told(api.post(ROUTE), 409, "backup-busy")


@pytest.mark.long
def test_a_restore_that_cannot_begin_is_answered_at_once(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(api)

    def list_ids(parts: AppParts) -> set[int]:
        raise DatabaseUnavailable("it is away")

    monkeypatch.setattr("serve.restore_runs._list_ids", list_ids)
    check_told(api.post(f"{ROUTE}/{made['name']}/restore"), 503, "database-unavailable")


@pytest.mark.long
def test_a_restore_goes_on_where_nothing_can_be_said_of_it(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(api)
    name_first_person(engine, "Somebody else")

    def write_record(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("serve.restore_runs.write_record", write_record)
    assert api.post(f"{ROUTE}/{made['name']}/restore").status_code == 202

    def is_restored() -> bool:
        answer = api.get("/api/v1/people")
        return answer.status_code == 200 and answer.json()["people"][0]["name"] == "Ada"

    wait_until(is_restored, "the library is restored")
