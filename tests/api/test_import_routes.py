"""Decisions are imported over HTTP: previewed, preceded by a backup, and undone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from serve.app import AppParts
from tests.api.conftest import Start
from tests.api.test_backup_routes import check_told, wait_for_end
from tests.api.test_guards import check_problem
from tests.backups import name_first_person, names_in, policy_in
from tests.decided import export, refill
from tests.people import fill_people

IMPORT, PREVIEW, WAITING = (f"/api/v1/import{more}" for more in ("", "/preview", "/waiting"))
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    """The application with a folder for backups."""
    return replace(parts, backups=policy_in(tmp_path))


@pytest.fixture
def api(start: Start) -> httpx.Client:
    return start()


@pytest.fixture
def exported(engine: Engine) -> bytes:
    """An export of two people, one of whom has a name; the library itself is empty again."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    content = export(engine)
    refill(engine, [0], [0], [0], [0], [0])
    return content


def test_an_import_is_looked_at_done_and_undone(
    api: httpx.Client, engine: Engine, exported: bytes
) -> None:
    look = api.post(PREVIEW, content=exported, headers=JSON)
    assert look.status_code == 200, look.text
    assert look.json()["changed"]["people"] == 1
    assert names_in(engine) == []
    begun = api.post(IMPORT, content=exported, headers=JSON, params={"name": "theirs.json"})
    assert begun.status_code == 202, begun.text
    assert (begun.json()["name"], begun.json()["isImport"]) == ("theirs.json", True)
    ended = wait_for_end(api, begun)
    assert (ended["state"], ended["changed"]) == ("done", look.json()["changed"])
    assert names_in(engine) == ["Ada"]
    again = wait_for_end(api, api.post(IMPORT, content=exported, headers=JSON))
    assert (set(again["changed"].values()), again["kept"]) == ({0}, None)
    undone = wait_for_end(api, api.post(f"/api/v1/backups/{ended['kept']}/restore"))
    assert undone["state"] == "done"
    assert names_in(engine) == []


def test_what_has_to_wait_is_told_before_and_listed_after(
    api: httpx.Client, engine: Engine, exported: bytes
) -> None:
    refill(engine, [0])
    (left, *_) = api.post(PREVIEW, content=exported, headers=JSON).json()["left"]
    assert left["says"] == "The photo is not in this library."
    assert api.get(WAITING).json() == {"count": 0, "waiting": []}
    ended = wait_for_end(api, api.post(IMPORT, content=exported, headers=JSON))
    waiting = api.get(WAITING, params={"limit": 1}).json()
    assert waiting["count"] == ended["left"] > 0
    assert [one["name"] for one in waiting["waiting"]] == ["Ada"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": "x"}', b"\xff", b"[" * 5000])
def test_a_wrong_file_is_refused_and_nothing_is_kept(
    api: httpx.Client, parts: AppParts, exported: bytes, content: bytes
) -> None:
    for route in (PREVIEW, IMPORT):
        check_told(api.post(route, content=content, headers=JSON), 422, "bad-export")
        cut = exported[: len(exported) // 2]
        assert "ends too early" in api.post(route, content=cut, headers=JSON).json()["detail"]
    assert parts.backups is not None
    assert list(parts.backups.folder.iterdir()) == []


def test_a_form_of_another_site_imports_nothing(api: httpx.Client, exported: bytes) -> None:
    for route in (PREVIEW, IMPORT):
        answer = api.post(route, content=exported, headers={"Content-Type": "text/plain"})
        check_problem(answer, 415)


@pytest.mark.parametrize("name", ["", "a\0b", "\x1b[2J", "a" * 201])
def test_a_name_that_would_do_harm_in_lists_is_refused(
    api: httpx.Client, exported: bytes, name: str
) -> None:
    for route in (PREVIEW, IMPORT):
        answer = api.post(route, content=exported, headers=JSON, params={"name": name})
        check_problem(answer, 422)


def test_a_folder_that_cannot_be_written_is_told(
    api: httpx.Client, parts: AppParts, engine: Engine, exported: bytes
) -> None:
    assert parts.backups is not None
    parts.backups.folder.write_text("no folder")
    check_told(api.post(IMPORT, content=exported, headers=JSON), 503, "backup-failed")
    assert names_in(engine) == []
