"""`python -m jobs.train --root DIR --dry-run` as a user types it."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.store.database.engine import begin
from cluster.store.database.tables import Table
from jobs.train import main
from tests.end_to_end.conftest import open_tables
from tests.end_to_end.pictures import make_pictures
from tests.headcount import FinishedLibrary, Headcount, describe_files, read_figures
from tests.waiting import PATIENT_S


def dump(headcount: Headcount) -> dict[str, list[str]]:
    """Every row of every table."""
    with open_tables(headcount) as engine, begin(engine) as db:
        return {
            name: [row[0] for row in db.execute(text(f"SELECT t::text FROM {name} t ORDER BY 1"))]
            for name in Table.metadata.tables
        }


@pytest.mark.long
def test_a_folder_is_looked_at_and_nothing_is_created(headcount: Headcount, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make_pictures(photos, 7)
    (photos / "film.wmv").write_bytes(b"film")
    before = describe_files(photos)
    code, output = headcount.run("--root", str(photos), "--dry-run")
    assert code == 0, output
    lines = [line.split() for line in output.splitlines()]
    assert ["photos", "7"] in lines
    assert ["new", "7"] in lines
    assert ["passed", "over", "1", "film"] in lines
    assert "A session would take " in output
    assert "guess" not in output, "photos were timed"
    assert not headcount.data_dir.exists(), "there is no database, no Ray and no log"
    assert describe_files(photos) == before


@pytest.mark.long
def test_a_known_library_is_compared_and_not_one_row_is_written(
    headcount: Headcount, finished_library: FinishedLibrary, demo_library: Path
) -> None:
    finished_library.copy_to(headcount.data_dir)
    before = dump(headcount)
    code, output = headcount.run("--root", str(demo_library), "--dry-run", "--json")
    assert code == 0, output
    body = json.loads(output)
    total = read_figures(finished_library.output)["files"]
    assert body["photos"] == body["listed"]["unchanged"] == total
    assert (body["photosToRead"], body["bytesToRead"]) == (0, 0)
    assert (body["gone"], body["unfinishedSessionId"]) == (0, None)
    assert 0 <= body["etaLow"] <= body["etaSeconds"] <= body["etaHigh"]
    assert dump(headcount) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--root", "/no/such/folder"], "there is no such folder"),
        (["--root", "{empty}"], "there is no photo"),
        (["--root", "{photos}", "--pack", "no_such_pack"], "no_such_pack"),
        (["--root", "{photos}", "--resume", "1"], "instead of --resume"),
        ([], "name the folder"),
    ],
)
def test_what_is_wrong_is_told_as_for_a_session(
    headcount: Headcount,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    make_pictures(tmp_path / "photos", 1)
    places = {"empty": tmp_path / "empty", "photos": tmp_path / "photos"}
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(headcount.data_dir))
    assert main(["--dry-run", *(part.format(**places) for part in arguments)]) == 2
    assert said in capfd.readouterr().err
    assert not headcount.data_dir.exists()


def test_json_belongs_to_a_dry_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path), "--json"]) == 2
    assert "--dry-run" in capfd.readouterr().err


@pytest.mark.long
def test_ctrl_c_ends_a_look_at_a_storage_that_is_silent(headcount: Headcount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENT_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/photos/"
        process = headcount.start("--root", url, "--dry-run")
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENT_S)
        connection.close()
    assert process.returncode == 130, output
    assert "Traceback" not in output
