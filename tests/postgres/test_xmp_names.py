"""`python -m jobs.xmp read`: names go from XMP to faces, and nobody's decision is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.identity.changes import Elsewhere
from cluster.core.identity.faces import BoundingBox, FaceVerdict
from cluster.core.xmp.region_places import make_stored
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_person
from cluster.store.people.face_moves import move_ungrouped_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.people_list import get_person
from cluster.vision.photos.xmp_packets import put_packet
from tests.library import NOW, PACK
from tests.people import group as group_faces
from tests.people import people_of_faces
from tests.postgres.xmp_command import Command, names, photos, rename, run, tag_sidecar
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

__all__ = ["photos", "run"]  # Fixtures.


def dump(engine: Engine) -> dict[str, Any]:
    """All rows of faces, people and kept decisions."""
    with begin(engine) as db:
        return {
            table: db.execute(text(f"SELECT * FROM {table} ORDER BY id")).all()
            for table in ("face", "person", "kept_decision")
        }


ENTITIES = b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + write_mwg([Tag("&b;", LEFT)]).encode()
SCHEMAS = ("mwg", "mp", "upright mwg")


def write_tags(schema: str, orientation: int, **boxes: BoundingBox) -> bytes:
    """The packet of a program that measures in the stored picture or in the upright one."""
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
    with begin(engine) as db:  # The unnamed person gets the name.
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
