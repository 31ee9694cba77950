"""`python -m jobs.library`: lists, confirms, forgets and moves, and touches no photo."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.pictures.photos import FoundPhoto
from cluster.store.database.engine import begin
from cluster.store.photos.missing import mark_files_missing
from cluster.store.sessions.library_rows import LibraryInfo, list_libraries
from jobs import library, train
from tests.library import NOW, run_session, start_session

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def photos(engine: Engine, tmp_path: Path) -> Path:
    """A library of four photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    found = {}
    for number in range(4):
        path = folder / f"{number}.jpg"
        path.write_bytes(b"\xff\xd8\xff")
        found[path.stem] = FoundPhoto(str(path), 3, 1)
    with begin(engine) as db:
        run_session(db, found, root=str(folder))
    return folder


def get_library(engine: Engine) -> LibraryInfo:
    with begin(engine) as db:
        (found,) = list_libraries(db)
    return found


def test_libraries_are_listed_for_people_and_as_http_says_it(photos: Path, capfd: Output) -> None:
    assert library.main([]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == [str(photos), "  4 photos, 0 missing, 0 people"]
    assert lines[2].startswith("  session 1 completed, ")
    assert library.main(["--json"]) == 0
    (body,) = json.loads(capfd.readouterr().out)["libraries"]
    assert (body["rootPath"], body["photoCount"]) == (str(photos), 4)


def test_without_a_library_the_list_says_so(capfd: Output) -> None:
    assert library.main([]) == 0
    assert capfd.readouterr().out == "No library yet.\n"


def test_what_is_not_there_is_missing_once_it_is_confirmed(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    for number in range(3):
        (photos / f"{number}.jpg").unlink()
    assert library.main(["--confirm-missing", f"{photos}/"]) == 0
    assert capfd.readouterr().out == "Photos missing now: 3. Files there: 1.\n"
    assert (get_library(engine).photos, get_library(engine).missing) == (1, 3)


def test_missing_photos_are_forgotten_after_a_yes_only(
    engine: Engine, photos: Path, capfd: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = ["--forget-missing", str(photos)]
    assert library.main(wish) == 0
    assert capfd.readouterr().out == "No photo is missing.\n"
    (photos / "0.jpg").unlink()
    library.main(["--confirm-missing", str(photos)])
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    assert library.main(wish) == 2
    assert get_library(engine).missing == 1
    assert library.main([*wish, "--yes"]) == 0
    assert "Forgotten: 1 photos, 1 faces, 0 people." in capfd.readouterr().out
    assert get_library(engine).missing == 0


def test_a_library_that_lies_elsewhere_now_is_moved(
    engine: Engine, photos: Path, tmp_path: Path, capfd: Output
) -> None:
    new = tmp_path / "new"
    photos.rename(new)
    assert library.main(["--moved", str(photos), str(new)]) == 0
    assert f"{photos} is now {new}: 4 files" in capfd.readouterr().out
    assert get_library(engine).root == str(new)


def test_a_place_that_holds_other_photos_is_not_where_a_library_moved(
    engine: Engine, photos: Path, tmp_path: Path, capfd: Output
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    wish = ["--moved", str(photos), str(new)]
    assert library.main(wish) == 2  # The folder is empty.
    for number in range(4):
        (new / f"{number}.jpg").write_bytes(b"\xff\xd8\xff and more")
    assert library.main(wish) == 2  # The files have the same names, but other sizes.
    said = capfd.readouterr().err
    assert "of 4 known photos" in said and "0 are there" in said
    assert library.main(["--moved", str(photos), str(photos / "sub")]) == 2
    assert library.main(["--moved", str(photos), str(tmp_path / "nowhere")]) == 2
    assert get_library(engine).root == str(photos)


def test_a_library_with_a_running_session_is_moved_later(
    engine: Engine, photos: Path, tmp_path: Path, capfd: Output
) -> None:
    with begin(engine) as db:
        start_session(db, root=str(photos))
    shutil.copytree(photos, tmp_path / "new")
    assert library.main(["--moved", str(photos), str(tmp_path / "new")]) == 1
    assert "cancel it first" in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--confirm-missing", "--forget-missing"])
def test_a_root_that_is_no_library_is_refused(option: str, tmp_path: Path, capfd: Output) -> None:
    assert library.main([option, str(tmp_path)]) == 2
    assert f"There is no library over {tmp_path}." in capfd.readouterr().err


def test_a_run_over_a_known_root_that_is_away_asks_for_its_disk(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    shutil.rmtree(photos)
    assert train.main(["--root", str(photos)]) == 2
    said = capfd.readouterr().err
    assert "there is no such folder. 4 known photos are not there: is the disk mounted?" in said
    with begin(engine) as db:
        ids = [one.id for one in library.list_known_files(db, get_library(engine))]
        mark_files_missing(db, ids, now=NOW)
    assert train.main(["--root", str(photos)]) == 2
    assert capfd.readouterr().err.endswith("there is no such folder.\n")
