"""`python -m jobs.xmp`: names go from XMP to faces and back, and nobody's decision is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.core.identity.changes import Elsewhere, PersonEdit
from cluster.core.identity.faces import BoundingBox, FaceVerdict
from cluster.core.xmp.region_places import make_stored
from cluster.store.database.engine import begin
from cluster.store.decisions.importing import place_kept
from cluster.store.decisions.kept_list import count_kept, forget_kept_of, list_kept
from cluster.store.decisions.region_placing import place_kept_regions
from cluster.store.erasing import erase_person
from cluster.store.people.face_moves import move_ungrouped_faces
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person
from cluster.vision.photos.region_crops import cut_from_thumbnail
from cluster.vision.photos.xmp_packets import put_packet
from jobs import xmp
from tests.library import NOW, PACK
from tests.people import group as group_faces
from tests.people import people_of_faces
from tests.tagged_photos import (
    LEFT,
    RIGHT,
    SIZE,
    Tag,
    index,
    make_jpeg,
    store_size,
    write_mp,
    write_mwg,
)
from tests.waiting import PATIENT_S

Output = pytest.CaptureFixture[str]
Command = Callable[..., dict[str, Any]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path, capsys: Output
) -> Command:
    """Run the command and return what it prints as JSON."""
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def run_command(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        assert xmp.main([*map(str, arguments), "--json"]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run_command


def names(engine: Engine, *, pack: str = PACK) -> dict[int, tuple[str | None, bool]]:
    """The name of each face's person, and whether a user placed the face."""
    query = text(
        "SELECT f.id, p.name, f.placed_by_user FROM face f LEFT JOIN person p ON p.id = f.person_id"
        " WHERE f.pack = :pack ORDER BY f.id"
    )
    with begin(engine) as db:
        rows = db.execute(query, {"pack": pack})
        return {row.id: (row.name, row.placed_by_user) for row in rows}


def dump(engine: Engine) -> dict[str, Any]:
    """All rows of faces, people and kept decisions."""
    with begin(engine) as db:
        return {
            table: db.execute(text(f"SELECT * FROM {table} ORDER BY id")).all()
            for table in ("face", "person", "kept_decision")
        }


def rename(engine: Engine, person_id: int, name: str) -> None:
    with begin(engine) as db:
        version = get_person(db, person_id).version
        edit_person(db, person_id, PersonEdit.renaming(name), version=version, now=NOW)


ENTITIES = b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + write_mwg([Tag("&b;", LEFT)]).encode()


def tag_sidecar(path: Path, *tags: Tag, orientation: int = 1) -> None:
    """Write the sidecar of a photo, with boxes given in its upright picture."""
    stored = [Tag(tag.name, make_stored(tag.box, orientation)) for tag in tags]
    Path(f"{path}.xmp").write_text(write_mwg(stored, store_size(orientation)))


SCHEMAS = ("mwg", "mp", "upright mwg")


def write_tags(schema: str, orientation: int, **boxes: BoundingBox) -> bytes:
    """The packet of a program that measures in the stored picture, or in the upright one."""
    if schema == "upright mwg":
        return write_mwg([Tag(name, box) for name, box in boxes.items()], SIZE).encode()
    stored = [Tag(name, make_stored(box, orientation)) for name, box in boxes.items()]
    packet = write_mp(stored) if schema == "mp" else write_mwg(stored, store_size(orientation))
    return packet.encode()


def test_names_find_their_faces_in_each_orientation(
    engine: Engine, photos: Path, run: Command
) -> None:
    kinds = [
        (orientation, schema, is_embedded)
        for orientation in range(1, 9)
        for schema in SCHEMAS[: 3 if orientation >= 5 else 2]
        for is_embedded in (False, True)
    ]
    for n, (orientation, schema, is_embedded) in enumerate(kinds):
        path = make_jpeg(photos / f"{n}.jpg", orientation=orientation, seed=n)
        packet = write_tags(schema, orientation, Ann=LEFT, Bob=RIGHT)
        if is_embedded:
            path.write_bytes(put_packet(path.read_bytes(), packet))
        else:
            path.with_suffix(".xmp").write_bytes(packet)
    ids = index(engine, photos, {f"{n}": [LEFT, RIGHT] for n in range(len(kinds))})
    answer = run("read")
    assert (answer["placed"], answer["added"], answer["created"]) == (2 * len(kinds), 0, 2)
    found = names(engine)
    for n, kind in enumerate(kinds):
        left, right = ids[f"{n}"]
        assert (found[left], found[right]) == (("Ann", True), ("Bob", True)), kind
    before = dump(engine)
    answer = run("read")
    assert (answer["placed"], answer["unchanged"]) == (0, 2 * len(kinds))
    assert dump(engine) == before


def test_a_name_that_was_there_stays_and_the_contradiction_is_told(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    (left,) = index(engine, photos, {"a": [LEFT]})["a"]
    with begin(engine) as db:
        group_faces(db, [-1])
        person_id = people_of_faces(db)[left]
    assert person_id is not None
    rename(engine, person_id, "Anna")
    tag_sidecar(path, Tag("Berta", LEFT))
    for _ in range(2):
        answer = run("read")
        assert [(one["name"], one["here"], one["reason"]) for one in answer["conflicts"]] == [
            ("Berta", "Anna", "named_here")
        ]
        assert names(engine) == {left: ("Anna", False)}
    with begin(engine) as db:
        assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 1
    tag_sidecar(path, Tag("ANNA ", LEFT))
    answer = run("read")
    assert (answer["conflicts"], answer["placed"]) == ([], 1)
    with begin(engine) as db:
        assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 0


def test_what_a_user_decided_about_a_face_stays(engine: Engine, photos: Path, run: Command) -> None:
    path = make_jpeg(photos / "a.jpg")
    left, right = index(engine, photos, {"a": [LEFT, RIGHT]})["a"]
    with begin(engine) as db:
        judge_faces(db, [left], FaceVerdict.NOT_A_FACE, now=NOW)
        moved = move_ungrouped_faces(db, [right], to=Elsewhere.NEW, pack=PACK, now=NOW)
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT))
    answer = run("read")
    assert [one["name"] for one in answer["conflicts"]] == ["Ann"]
    assert moved.target is not None
    with begin(engine) as db:  # Who had no name gets one.
        assert get_person(db, moved.target.id).name == "Bob"


def test_an_erased_face_does_not_come_back_by_xmp(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    tag_sidecar(path, Tag("Ann", LEFT))
    index(engine, photos, {"a": [LEFT]})
    run("read")
    with begin(engine) as db:
        person_id = db.execute(text("SELECT id FROM person")).scalar_one()
        erase_person(db, person_id)
    answer = run("read")
    assert (answer["erased"], answer["added"], answer["placed"]) == (1, 0, 0)
    assert names(engine) == {}


def test_a_region_without_a_face_becomes_a_face_without_a_vector(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT))
    index(engine, photos, {"a": [LEFT]})
    answer = run("read")
    assert (answer["placed"], answer["added"]) == (2, 1)
    assert sorted(names(engine).values()) == [("Ann", True), ("Bob", True)]
    with begin(engine) as db:
        added = db.execute(text("SELECT * FROM face WHERE embedding IS NULL")).one()
        assert (added.quality, added.box_left) == (0, pytest.approx(RIGHT.left * SIZE[0]))
        assert bytes(added.crop).startswith(b"\xff\xd8")
        assert len(load_vectors(db, pack=PACK, min_quality=0.0)) == 1
        assert db.execute(text("SELECT faces FROM detection")).scalar_one() == 2


def test_detecting_again_gives_the_vector_to_the_face_that_xmp_named(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    larger = BoundingBox(0.0, 0.05, 0.4, 0.65)  # As Picasa draws it.
    tag_sidecar(path, Tag("Ann", larger))
    index(engine, photos, {"a": []})
    run("read")
    ((face_id, _),) = names(engine).items()
    with begin(engine) as db:
        db.execute(text("DELETE FROM detection"))
        db.execute(text("DELETE FROM session_item"))
    index(engine, photos, {"a": [LEFT, RIGHT]})
    found = names(engine)
    assert found[face_id] == ("Ann", True)
    assert len(found) == 2
    with begin(engine) as db:
        query = text("SELECT count(*) FROM face WHERE embedding IS NULL")
        assert db.execute(query).scalar_one() == 0


@pytest.mark.long
def test_names_wait_for_photos_that_are_not_indexed_yet(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg", orientation=6)
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT), orientation=6)
    for _ in range(2):
        answer = run("read", "--root", photos)
        assert (answer["waiting"], answer["placed"]) == (2, 0)
    path.rename(photos / "b.jpg")
    Path(f"{path}.xmp").unlink()
    (left,) = index(engine, photos, {"b": [LEFT]})["b"]
    with begin(engine) as db:
        placed = place_kept_regions(db, pack=PACK, cut=cut_from_thumbnail, now=NOW)
        assert (placed.placed, placed.added) == (2, 1)
        assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 0
        assert place_kept_regions(db, pack=PACK, cut=cut_from_thumbnail, now=NOW).placed == 0
    assert names(engine)[left] == ("Ann", True)


def test_a_group_gets_the_name_that_most_of_its_regions_have(
    engine: Engine, photos: Path, run: Command
) -> None:
    for n in range(5):
        path = make_jpeg(photos / f"{n}.jpg", seed=n)
        if n < 4:
            tag_sidecar(path, Tag("Ann" if n < 3 else "Bob", LEFT))
    ids = [faces[0] for faces in index(engine, photos, {f"{n}": [LEFT] for n in range(5)}).values()]
    with begin(engine) as db:
        group_faces(db, [-1] * 5)
    answer = run("read")
    assert (answer["named"], answer["created"], answer["placed"]) == (1, 1, 4)
    named = names(engine)
    assert [named[one] for one in ids] == [
        ("Ann", True), ("Ann", True), ("Ann", True), ("Bob", True), ("Ann", False)
    ]  # fmt: skip


def test_one_name_for_two_faces_of_a_photo_is_one_person(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    tag_sidecar(path, Tag("Ann", LEFT), Tag("ann", RIGHT))
    index(engine, photos, {"a": [LEFT, RIGHT]})
    assert run("read")["created"] == 1
    assert list(names(engine).values()) == [("Ann", True)] * 2


def test_regions_of_another_shape_are_left_out_and_told(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    Path(f"{path}.xmp").write_text(write_mwg([Tag("Ann", LEFT)], (800, 300)))
    index(engine, photos, {"a": [LEFT]})
    answer = run("read")
    assert (answer["cropped"], answer["placed"]) == (1, 0)
    assert answer["failed"][0]["path"] == str(path)


def test_a_second_region_of_one_face_is_no_second_face(
    engine: Engine, photos: Path, run: Command
) -> None:
    first = make_jpeg(photos / "a.jpg")
    second = photos / "b.jpg"
    shutil.copy(first, second)
    tag_sidecar(first, Tag("Ann", LEFT))
    tag_sidecar(second, Tag("Ann", BoundingBox(0.0, 0.05, 0.4, 0.65)))
    index(engine, photos, {"a": [LEFT]})
    answer = run("read")
    assert (answer["placed"], answer["added"]) == (1, 0)
    tag_sidecar(second, Tag("Bob", BoundingBox(0.0, 0.05, 0.4, 0.65)))
    answer = run("read")
    assert [one["name"] for one in answer["conflicts"]] == ["Bob"]


def test_a_broken_sidecar_does_not_stop_the_others(
    engine: Engine, photos: Path, run: Command
) -> None:
    for n, packet in enumerate((b"<x:xmpmeta", b"\0\1\2", b"", ENTITIES)):
        Path(f"{make_jpeg(photos / f'{n}.jpg', seed=n)}.xmp").write_bytes(packet)
    os.mkfifo(f"{make_jpeg(photos / '4.jpg', seed=4)}.xmp")
    path = make_jpeg(photos / "5.jpg", seed=5)
    tag_sidecar(path, Tag("Ann", LEFT))
    index(engine, photos, {"5": [LEFT]})
    answer = run("read")
    assert (answer["placed"], len(answer["failed"])) == (1, 3)


def test_a_dry_run_changes_nothing(engine: Engine, photos: Path, run: Command) -> None:
    path = make_jpeg(photos / "a.jpg")
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT))
    index(engine, photos, {"a": [LEFT]})
    before = dump(engine)
    assert run("read", "--dry-run")["placed"] == 2
    assert dump(engine) == before


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


@pytest.mark.parametrize("suffix", ["jpg", "xmp"])
def test_what_exiftool_writes_is_read(
    engine: Engine, photos: Path, run: Command, suffix: str
) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    path = make_jpeg(photos / "a.jpg", orientation=6)
    box, size = make_stored(LEFT, 6), store_size(6)
    area = f"X={(box.left + box.right) / 2},Y={(box.top + box.bottom) / 2}"
    area += f",W={box.width},H={box.height},Unit=normalized"
    info = (
        f"{{AppliedToDimensions={{W={size[0]},H={size[1]},Unit=pixel}},RegionList=["
        + ",".join(
            [f"{{Area={{{area}}},Name=Ann,Type=Face}}"]
            + [
                f"{{Area={{X={n / 20},Y=0.01,W=0.01,H=0.01}},Name=P{n},Type=Face}}"
                for n in range(1, 13)
            ]
        )
        + "]}"
    )
    target = path if suffix == "jpg" else path.with_suffix(".xmp")
    command = ["exiftool", "-q", f"-RegionInfo={info}", "-overwrite_original", target]
    subprocess.run(command, timeout=PATIENT_S, check=True)
    (left,) = index(engine, photos, {"a": [LEFT]})["a"]
    answer = run("read")
    assert (answer["placed"], answer["added"]) == (13, 12)
    assert names(engine)[left] == ("Ann", True)


def test_kept_regions_are_listed_with_other_decisions_and_go_with_their_person(
    engine: Engine, photos: Path, run: Command
) -> None:
    tag_sidecar(make_jpeg(photos / "a.jpg"), Tag("Ann", LEFT), Tag("Bob", RIGHT))
    run("read", "--root", photos)
    with begin(engine) as db:
        assert place_kept(db, now=NOW).has_changed is False
        kept = list_kept(db, limit=10)
        assert sorted((one.kind, one.name, one.reason) for one in kept) == [
            (DecisionKind.REGION, "Ann", LeftReason.PHOTO_ABSENT),
            (DecisionKind.REGION, "Bob", LeftReason.PHOTO_ABSENT),
        ]
        forget_kept_of(db, "ann")
        assert count_kept(db) == 1
