"""`python -m jobs.xmp write`: names go from faces to XMP, and nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cluster.core.identity.changes import PersonEdit
from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.region_places import make_stored
from cluster.store.database.engine import begin
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person
from jobs import xmp
from tests.library import NOW
from tests.people import group as group_faces
from tests.people import people_of_faces
from tests.postgres.xmp_command import Command, names, photos, rename, run
from tests.tagged_photos import LEFT, RIGHT, SIZE, Tag, index, make_jpeg, write_mwg
from tests.waiting import PATIENT_S

__all__ = ["photos", "run"]  # Fixtures.


@pytest.fixture
def named(engine: Engine, photos: Path, run: Command) -> dict[int, tuple[str | None, bool]]:
    """Two photos, one of them turned and in a folder, with three named faces."""
    (photos / "trip").mkdir()
    make_jpeg(photos / "a.jpg")
    make_jpeg(photos / "trip" / "b.jpg", orientation=8, seed=1)
    ids = index(engine, photos, {"a": [LEFT, RIGHT], "b": [RIGHT]})
    with begin(engine) as db:
        group_faces(db, [-1, -2, -1])
        people = people_of_faces(db)
    first, second = people[ids["a"][0]], people[ids["a"][1]]
    assert first is not None
    assert second is not None
    rename(engine, first, "Zoë & <Ann>")
    rename(engine, second, 'Bob "B" O\'Neil')
    return names(engine)


def forget_everything(engine: Engine) -> None:
    with begin(engine) as db:
        db.execute(text("TRUNCATE library, image, file, face, person CASCADE"))


@pytest.mark.parametrize("where", [(), ("--beside-photos",), ("--into-photos",)])
def test_names_survive_the_way_to_xmp_and_into_an_empty_library(
    engine: Engine,
    photos: Path,
    run: Command,
    named: dict[int, tuple[str | None, bool]],
    tmp_path: Path,
    where: tuple[str, ...],
) -> None:
    assert run("write", *where)["written"] == 2
    assert run("write", *where) == {
        "written": 0, "unchanged": 2, "removed": 0, "kept": [], "failed": []
    }  # fmt: skip
    (tmp_path / "new").mkdir()
    moved = photos.rename(tmp_path / "new" / "photos")
    forget_everything(engine)
    ids = index(engine, moved, {"a": [LEFT, RIGHT], "b": [RIGHT]})
    folder = () if where else ("--from", tmp_path / "data" / "xmp")
    answer = run("read", *folder)
    assert (answer["placed"], answer["added"], answer["created"]) == (3, 0, 2)
    again = names(engine)
    assert [again[one][0] for one in (*ids["a"], *ids["b"])] == [name for name, _ in named.values()]


def list_files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*.*")}


def test_writing_leaves_photos_and_their_folders_alone(
    photos: Path, run: Command, named: object, tmp_path: Path
) -> None:
    before = list_files(photos)
    run("write")
    assert list_files(photos) == before
    written = tmp_path / "data" / "xmp" / "photos"
    assert sorted(list_files(written)) == ["a.jpg.xmp", "trip/b.jpg.xmp"]
    assert xmp.main(["write", "--to", str(photos / "trip")]) == 2
    assert list_files(photos) == before


def test_a_link_in_the_folder_of_sidecars_leads_nowhere_among_the_photos(
    photos: Path, run: Command, named: object, tmp_path: Path
) -> None:
    before, top = list_files(photos), tmp_path / "data" / "xmp"
    top.mkdir(parents=True)
    for name, target in (("photos", photos), ("photos/trip", photos / "trip")):
        (top / name).symlink_to(target)
        answer = run("write")
        (top / name).unlink()
        assert "leads out of the folder" in str(answer["failed"])
        assert list_files(photos) == before
        (top / "photos").mkdir(exist_ok=True)


def test_writing_into_a_photo_keeps_its_picture_and_session_knows_it(
    engine: Engine, photos: Path, run: Command, named: object
) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    (photos / "a.jpg").chmod(0o640)
    assert run("write", "--into-photos")["written"] == 2
    with begin(engine) as db:
        rows = {row.path: row for row in db.execute(text("SELECT * FROM file"))}
    for path, data in before.items():
        after, status = path.read_bytes(), path.stat()
        at = data.index(b"\xff\xdb")
        assert after.endswith(data[at:])
        assert len(after) > len(data)
        assert (rows[str(path)].size, rows[str(path)].modified_ns) == (
            status.st_size, status.st_mtime_ns
        )  # fmt: skip
    assert (photos / "a.jpg").stat().st_mode & 0o777 == 0o640
    assert not list(photos.rglob(".headcount*"))


def test_photos_that_cannot_be_written_safely_are_left_as_they_are(
    photos: Path, run: Command, named: object, tmp_path: Path
) -> None:
    os.link(photos / "a.jpg", tmp_path / "second.jpg")
    inner = photos / "trip" / "b.jpg"
    inner.write_bytes(inner.read_bytes() + b"changed since")
    before = list_files(photos)
    answer = run("write", "--into-photos")
    assert (answer["written"], len(answer["failed"])) == (0, 2)
    assert list_files(photos) == before


def test_sidecars_of_other_programs_keep_everything_but_what_we_know(
    photos: Path, run: Command, named: object
) -> None:
    theirs = photos / "a.jpg.xmp"
    theirs.write_text(
        write_mwg([Tag("Somebody", LEFT), Tag("Cat", BoundingBox(0.4, 0.0, 0.5, 0.1))], SIZE)
    )
    answer = run("write", "--beside-photos")
    assert answer["kept"] == [{"path": str(photos / "a.jpg"), "name": "Somebody"}]
    content = theirs.read_text()
    assert 'dc:format="image/jpeg"' in content
    assert [name in content for name in ("Somebody", "Cat", "Bob", "Zoë")] == [
        True, True, True, False
    ]  # fmt: skip
    assert run("write", "--beside-photos")["written"] == 0
    run("write", "--beside-photos", "--replace-names")
    content = theirs.read_text()
    assert ("Somebody" in content, "Zoë" in content, "Cat" in content) == (False, True, True)


def test_a_broken_sidecar_is_not_replaced(photos: Path, run: Command, named: object) -> None:
    theirs = photos / "a.jpg.xmp"
    theirs.write_bytes(b"<x:xmpmeta")
    answer = run("write", "--beside-photos")
    assert (answer["written"], len(answer["failed"])) == (1, 1)
    assert theirs.read_bytes() == b"<x:xmpmeta"


def test_our_sidecar_goes_when_it_names_nobody_any_more(
    engine: Engine, run: Command, named: object, tmp_path: Path
) -> None:
    run("write")
    with begin(engine) as db:
        for person_id in db.execute(text("SELECT id FROM person")).scalars().all():
            version = get_person(db, person_id).version
            edit_person(db, person_id, PersonEdit.renaming(None), version=version, now=NOW)
    assert run("write")["removed"] == 2
    assert not list((tmp_path / "data" / "xmp").rglob("*.xmp"))


def test_exiftool_reads_what_was_written(photos: Path, run: Command, named: object) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    run("write", "--into-photos")
    command = ["exiftool", "-j", "-struct", "-a", "-G1", "-XMP:all", photos / "trip" / "b.jpg"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENT_S, check=True)
    (tags,) = json.loads(done.stdout)
    info = tags["XMP-mwg-rs:RegionInfo"]
    assert (info["AppliedToDimensions"]["W"], info["AppliedToDimensions"]["H"]) == (300, 400)
    (region,) = info["RegionList"]
    stored = make_stored(RIGHT, 8)
    assert region["Name"] == "Zoë & <Ann>"
    assert region["Area"]["X"] == pytest.approx((stored.left + stored.right) / 2, abs=1e-5)
    assert region["Area"]["W"] == pytest.approx(stored.width, abs=1e-5)
    (people,) = tags["XMP-MP:RegionInfoMP"]["Regions"]
    assert people["PersonDisplayName"] == "Zoë & <Ann>"
