"""The command exports to new files, imports files, and lists the decisions that wait."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.store.database.engine import begin
from cluster.store.erasing import erase_all
from jobs.decisions.__main__ import main
from tests.decided import export, fill_decided, parse, refill

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def filled(engine: Engine) -> None:
    fill_decided(engine, [1], [1, 2], [2, 0])


def test_an_export_is_a_new_file_that_is_never_put_over_another(
    engine: Engine, filled: None, tmp_path: Path, capfd: Output
) -> None:
    file = tmp_path / "people.json"
    assert main(["export", str(file)]) == 0
    assert "3 photos, 2 people, 5 faces" in capfd.readouterr().out
    assert parse(file.read_bytes())["faces"] == parse(export(engine))["faces"]
    assert file.stat().st_mode & 0o077 == 0
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    for taken in (file, photo, tmp_path):
        assert main(["export", str(taken)]) == 2
        assert "this name exists already. Nothing was exported." in capfd.readouterr().err
    assert photo.read_bytes() == b"a photo"
    assert main(["export", str(tmp_path / "no" / "people.json")]) == 2
    assert "no such folder" in capfd.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == [
        "people.json",
        "photo.jpg",
    ]


@pytest.mark.parametrize("name", ["people.json", "tables.zip"])
def test_a_full_disk_is_told_with_the_name_of_the_file_and_leaves_nothing(
    filled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Output, name: str
) -> None:
    def refuse(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "stick"
    target.mkdir()
    monkeypatch.setattr(os, "fsync", refuse)
    kind = "json" if name.endswith("json") else "csv"
    assert main(["export", str(target / name), "--format", kind]) == 2
    said = capfd.readouterr().err
    assert f"{target / name}: No space left on device. Nothing was exported." in said
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["tables", "tables.zip"])
def test_tables_hold_a_row_for_each_record(filled: None, tmp_path: Path, name: str) -> None:
    assert main(["export", str(tmp_path / name), "--format", "csv"]) == 0
    tables = read_tables(tmp_path / name)
    assert {table: len(rows) for table, rows in tables.items()} == {
        "photos": 3, "people": 2, "faces": 5, "erased": 0, "answers": 0,
    }  # fmt: skip
    face = tables["faces"][0]
    assert face["path"].startswith("/photos/")
    assert len(face["sha256"]) == 64
    assert (face["width"], face["hasVector"], face["placedBy"]) == ("400", "true", "grouping")


def read_tables(place: Path) -> dict[str, list[dict[str, str]]]:
    if place.is_dir():
        texts = {file.stem: file.read_text() for file in place.iterdir()}
    else:
        with zipfile.ZipFile(place) as archive:
            texts = {name.split(".")[0]: archive.read(name).decode() for name in archive.namelist()}
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}


def test_parquet_holds_the_same_tables_or_says_what_it_needs(
    filled: None, tmp_path: Path, capfd: Output
) -> None:
    place = tmp_path / "tables"
    try:
        from pyarrow import parquet
    except ImportError:
        assert main(["export", str(place), "--format", "parquet"]) == 2
        assert "Install pyarrow into this environment, or choose csv." in capfd.readouterr().err
        assert not place.exists()
    else:
        assert main(["export", str(place), "--format", "parquet"]) == 0
        faces = parquet.read_table(place / "faces.parquet").to_pylist()
        assert [face["width"] for face in faces] == [400] * 5
        assert parquet.read_table(place / "erased.parquet").num_rows == 0


def test_an_import_says_what_it_did_and_what_waits(
    engine: Engine, filled: None, tmp_path: Path, capfd: Output
) -> None:
    file = tmp_path / "people.json"
    document = parse(export(engine))
    document["people"][0].update(name="Anna", isDecided=True)
    file.write_text(json.dumps(document))
    refill(engine, [0], [0, 0])
    assert main(["import", str(file)]) == 0
    said = capfd.readouterr()
    assert "An import cannot be undone, except by restoring a backup" in said.err
    assert "Imported: 1 people, 0 covers, 0 placed faces, 0 faces set aside, 3 grouped" in said.out
    assert main(["import", str(file)]) == 0
    assert "Nothing has changed." in capfd.readouterr().out
    with begin(engine) as db:
        erase_all(db)
    assert main(["import", str(file), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["kept"] == report["left"][0]["count"] == 2
    assert report["listed"][0]["name"] == "Anna"
    assert main(["waiting"]) == 0
    assert "2 decisions wait for their photo or face." in capfd.readouterr().out
    assert main(["waiting", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["waiting"][0]["reason"] == "photo_absent"
    assert main(["waiting", "--forget", "--yes"]) == 0
    assert main(["waiting"]) == 0
    assert "No decisions are waiting." in capfd.readouterr().out


def test_a_file_that_cannot_be_opened_or_is_no_export_is_an_error_of_one_sentence(
    tmp_path: Path, capfd: Output
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff")
    for file, said in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory"),
                       (photo, "not text in UTF-8")):  # fmt: skip
        assert main(["import", str(file)]) == 2
        error = capfd.readouterr().err
        assert f"{file}: " in error
        assert said in error
        assert "Traceback" not in error
