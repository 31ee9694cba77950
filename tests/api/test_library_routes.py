"""Libraries over HTTP: what each holds, and what a user says of photos that are gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.pictures.photos import FoundPhoto
from cluster.store.database.engine import begin
from cluster.store.items.census import note_passed_over, settle_files
from cluster.store.items.discovery import add_found
from cluster.store.sessions.phase_rows import finish_discovery
from tests.api.test_guards import check_problem
from tests.library import NOW, PACK, run_session, start_session

ROUTE = "/api/v1/libraries"


def find_photos(folder: Path) -> dict[str, FoundPhoto]:
    return {path.stem: FoundPhoto(str(path), 3, 1) for path in sorted(folder.glob("*.jpg"))}


@pytest.fixture
def photos(library: Path, engine: Engine) -> Path:
    """A library of five photos that a session has indexed."""
    for number in range(4):
        (library / f"{number}.jpg").write_bytes(b"\xff\xd8\xff")
    with begin(engine) as db:
        run_session(db, find_photos(library), root=str(library))
    return library


def look_again(engine: Engine, folder: Path) -> int:
    """Run the discovery of a session, and settle what became of the files it did not meet."""
    with begin(engine) as db:
        session_id = start_session(db, root=str(folder))
        add_found(db, session_id, list(find_photos(folder).values()), pack=PACK)
        note_passed_over(db, session_id, {"raw": 5, "film": 1}, [])
        finish_discovery(db, session_id)
        settle_files(db, session_id, root=str(folder), gone=(), now=NOW)
    return session_id


def get_library(api: httpx.Client) -> dict[str, Any]:
    (library,) = api.get(ROUTE).json()["libraries"]
    assert api.get(f"{ROUTE}/{library['libraryId']}").json() == library
    found: dict[str, Any] = library
    return found


def test_without_a_session_there_is_no_library(api: httpx.Client) -> None:
    assert api.get(ROUTE).json() == {"libraries": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "4711"), ("POST", "4711/confirm-missing"), ("POST", "4711/forget-missing")],
)
def test_a_library_that_is_not_there_is_404(api: httpx.Client, method: str, path: str) -> None:
    check_problem(api.request(method, f"{ROUTE}/{path}"), 404)


def test_a_library_shows_what_is_there_and_what_is_missing(
    api: httpx.Client, photos: Path, engine: Engine
) -> None:
    (photos / "1.jpg").unlink()
    session_id = look_again(engine, photos)
    library = get_library(api)
    assert (library["rootPath"], library["photoCount"]) == (str(photos), 4)
    assert (library["missingCount"], library["goneUnconfirmed"]) == (1, None)
    assert library["lastSession"]["sessionId"] == session_id
    assert library["lastSession"]["status"] == "running"
    session = api.get(f"/api/v1/training/{session_id}").json()
    assert session["libraryId"] == library["libraryId"]
    assert (session["moved"], session["missing"], session["goneUnconfirmed"]) == (0, 1, None)
    assert session["passedOver"] == {"raw": 5, "film": 1}
    assert api.get("/api/v1/training").json()["sessions"][0] == session


def test_forgetting_missing_photos_says_how_much_is_gone(
    api: httpx.Client, photos: Path, engine: Engine
) -> None:
    (photos / "1.jpg").unlink()
    look_again(engine, photos)
    route = f"{ROUTE}/{get_library(api)['libraryId']}/forget-missing"
    assert api.post(route).json() == {"photos": 1, "faces": 1, "people": 0}
    assert get_library(api)["missingCount"] == 0
    assert api.post(route).json() == {"photos": 0, "faces": 0, "people": 0}


def test_most_photos_gone_are_missing_when_a_user_has_confirmed_it(
    api: httpx.Client, photos: Path, engine: Engine
) -> None:
    for number in range(3):
        (photos / f"{number}.jpg").unlink()
    session_id = look_again(engine, photos)
    library = get_library(api)
    assert library["goneUnconfirmed"] == {"known": 5, "gone": 3}
    assert (library["photoCount"], library["missingCount"]) == (5, 0)
    route = f"/api/v1/training/{session_id}"
    assert api.get(route).json()["goneUnconfirmed"] == {"known": 5, "gone": 3}
    answer = api.post(f"{ROUTE}/{library['libraryId']}/confirm-missing")
    assert answer.json() == {"missing": 3}
    library = get_library(api)
    assert library["goneUnconfirmed"] is None
    assert (library["photoCount"], library["missingCount"]) == (2, 3)
    assert api.get(route).json()["goneUnconfirmed"] is None


def test_photos_that_are_back_when_a_user_confirms_are_not_missing(
    api: httpx.Client, photos: Path, engine: Engine
) -> None:
    away = photos.with_name("away")
    photos.rename(away)
    photos.mkdir()
    shutil.copy(away / "0.jpg", photos)
    look_again(engine, photos)
    photos.rename(photos.with_name("mount point"))
    away.rename(photos)
    library = get_library(api)
    assert library["goneUnconfirmed"] is not None
    answer = api.post(f"{ROUTE}/{library['libraryId']}/confirm-missing")
    assert answer.json() == {"missing": 0}
    assert get_library(api)["goneUnconfirmed"] is None


def test_a_known_root_that_is_empty_asks_for_its_disk(api: httpx.Client, photos: Path) -> None:
    shutil.rmtree(photos)
    photos.mkdir()
    answer = api.post("/api/v1/training", json={"rootPath": str(photos)})
    body = check_problem(answer, 422)
    assert str(body["type"]).endswith("root-empty")
    assert "5 known photos are not there: is the disk mounted?" in str(body["detail"])
    assert f"--confirm-missing {photos}" in str(body["detail"])
    library_id = get_library(api)["libraryId"]
    assert api.post(f"{ROUTE}/{library_id}/confirm-missing").json() == {"missing": 5}
    photos.rmdir()
    answer = api.post("/api/v1/training", json={"rootPath": str(photos)})
    assert str(check_problem(answer, 422)["detail"]).endswith("there is no such folder.")


def test_a_library_in_a_store_that_is_empty_is_gone_once_confirmed(
    api: httpx.Client, engine: Engine
) -> None:
    with begin(engine) as db:
        photo = FoundPhoto("memory://album-of-nothing/a.jpg", 3, 1)
        run_session(db, {"a": photo}, root="memory://album-of-nothing")
    library_id = get_library(api)["libraryId"]
    assert api.post(f"{ROUTE}/{library_id}/confirm-missing").json() == {"missing": 1}


def test_in_a_store_that_is_there_only_what_the_last_session_has_not_met_is_gone(
    api: httpx.Client, engine: Engine
) -> None:
    import fsspec

    root = "memory://album-of-two"
    fsspec.filesystem("memory").pipe("/album-of-two/a.jpg", b"\xff\xd8\xff")
    photos = {name: FoundPhoto(f"{root}/{name}.jpg", 3, 1) for name in "ab"}
    with begin(engine) as db:
        run_session(db, photos, root=root)
        session_id = start_session(db, root=root)
        add_found(db, session_id, [photos["a"]], pack=PACK)
    library_id = get_library(api)["libraryId"]
    route = f"{ROUTE}/{library_id}/confirm-missing"
    assert api.post(route).json() == {"missing": 0}  # The session has not ended yet.
    with begin(engine) as db:
        finish_discovery(db, session_id)
    assert api.post(route).json() == {"missing": 1}
