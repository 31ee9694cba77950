"""A damaged or forged backup is refused in plain words, and has no effect."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from cluster.core.decisions.backups import BackupKind
from cluster.core.errors import BackupFailed, BadBackup
from cluster.store.backups.backup_archives import open_backup
from cluster.store.backups.backup_folders import list_backups
from cluster.store.backups.making import make_backup
from cluster.store.backups.restoring import compare_backup, restore_backup
from cluster.store.backups.routine import read_state
from tests.backups import list_scratch, name_first_person, names_in, policy_in, wanted_in
from tests.decided import export, refill, take_in
from tests.library import NOW
from tests.people import fill_people
from tests.postgres.test_restoring import rewrite

CHANGES = 60
KEPT_MEMBER = "tables/kept_decision.copy"
_OF_PYTHON = re.compile(
    r"int\(\)|NoneType|codec|Traceback|keyword|KeyError|invalid literal|Errno|magic|0x"
)
"""Words from Python's own messages, which mean nothing to users."""

Change = Callable[[bytearray, Random], None]


def cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def flip(content: bytearray, random: Random) -> None:
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def flip_near_the_end(content: bytearray, random: Random) -> None:
    content[-random.randrange(1, min(2000, len(content)))] = random.randrange(256)


def overwrite(content: bytearray, random: Random) -> None:
    at = random.randrange(len(content))
    content[at : at + 40] = random.randbytes(40)


def insert(content: bytearray, random: Random) -> None:
    at = random.randrange(len(content))
    content[at:at] = random.randbytes(random.randrange(1, 20))


def announce_much(content: bytearray, random: Random) -> None:
    """Write a huge size into the directory at the end of the zip."""
    at = content.rindex(b"PK\1\2") + random.choice([20, 24, 42])
    struct.pack_into("<I", content, at, random.choice([0xFFFFFFFE, 0x7FFFFFFF, 0xFFFFFFFF]))


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    return engine


def read_all(file: Path) -> None:
    """Read everything that a restore would read."""
    with open_backup(file) as backup:
        for name, copy in backup.manifest.tables.items():
            for _ in backup.read_table(name, copy):
                pass


@pytest.mark.parametrize("change", [cut, flip, flip_near_the_end, overwrite, insert, announce_much])
def test_a_damaged_file_is_whole_or_refused_in_plain_words(
    people: Engine, tmp_path: Path, change: Change
) -> None:
    content = make_backup(people, wanted_in(tmp_path)).file.read_bytes()
    file = tmp_path / "backups" / "headcount-20260101T000000Z-everything.zip"
    for seed in range(CHANGES):
        damaged, random = bytearray(content), Random(seed)
        change(damaged, random)
        file.write_bytes(damaged)
        try:
            read_all(file)
        except BadBackup as error:
            assert not _OF_PYTHON.search(error.reason), (seed, error.reason)
            assert error.reason.endswith(".")
    assert list_backups(tmp_path / "backups")


MANIFESTS: list[tuple[str, object]] = [
    ("format", 2),
    ("format", "1"),
    ("format", None),
    ("kind", "all"),
    ("kind", []),
    ("reason", None),
    ("made_at", "yesterday"),
    ("made_at", "2026-01-01T00:00:00"),
    ("made_at", 5),
    ("revision", 10),
    ("revision", "../../0010"),
    ("totals", None),
    ("totals", {"photos": "many", "faces": 0, "people": 0, "named": 0}),
    ("totals", {"photos": 10**400, "faces": 0, "people": 0, "named": 0}),
    ("tables", []),
    ("tables", {"face": None}),
    ("tables", {"face": {"columns": "id", "rows": 1, "bytes": 1, "sha256": "00" * 32}}),
    ("sequences", {"face_id_seq": "9"}),
    ("deeds", None),
    ("digest", 0),
]


def write_manifest(file: Path, target: Path, **changed: object) -> Path:
    with zipfile.ZipFile(file) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    changed_manifest = json.dumps({**manifest, **changed}).encode()
    return rewrite(file, target, {"manifest.json": changed_manifest})


def test_a_manifest_that_says_nonsense_is_refused_in_plain_words(
    people: Engine, tmp_path: Path
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    name = tmp_path / "backups" / "headcount-20260101T000000Z-everything.zip"
    for key, value in MANIFESTS:
        forged = write_manifest(stored.file, name, **{key: value})
        with pytest.raises(BadBackup) as refused:
            compare_backup(people, forged)
        assert not _OF_PYTHON.search(refused.value.reason), (key, value, refused.value.reason)
        # The other backups are still listed.
        listed = read_state(people, policy_in(tmp_path), now=NOW).backups
        assert stored.file in [one.file for one in listed]


def test_a_file_of_another_kind_is_no_backup(people: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("holiday.jpg", b"\xff\xd8")
    for file in (other, Path(__file__), tmp_path, tmp_path / "absent.zip"):
        with pytest.raises(BadBackup) as refused:
            compare_backup(people, file)
        assert not _OF_PYTHON.search(refused.value.reason), refused.value.reason


def test_a_forged_file_writes_to_no_table_of_postgresql(people: Engine, tmp_path: Path) -> None:
    """All databases share this table of PostgreSQL, so a scratch database would not contain it."""
    stored = make_backup(people, wanted_in(tmp_path))
    tables = dict(stored.manifest.to_json()["tables"])
    tables["pg_shdescription"] = {**tables["person"], "columns": ["objoid"]}
    forged = write_manifest(stored.file, tmp_path / "forged.zip", tables=tables)
    name_first_person(people, "Somebody else")
    with pytest.raises(BadBackup, match="its tables are not those of revision"):
        restore_backup(people, forged, wanted_in(tmp_path, hours=1))
    assert names_in(people) == ["Somebody else"]
    assert list_scratch(people) == []


def test_a_small_file_that_unpacks_to_much_is_stopped(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(stored.file) as old, zipfile.ZipFile(bomb, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, bytes(50_000_000) if "person.copy" in name else old.read(name))
    taken = 0
    with open_backup(bomb) as backup, pytest.raises(BadBackup, match="rows of person"):
        for piece in backup.read_table("person", backup.manifest.tables["person"]):
            taken += len(piece)
    assert taken <= backup.manifest.tables["person"].bytes


def test_a_backup_that_is_larger_than_the_disk_is_refused_before_it_is_read(
    people: Engine, tmp_path: Path
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    tables = stored.manifest.to_json()["tables"]
    tables["face"] = {**tables["face"], "bytes": 10**17}
    forged = write_manifest(stored.file, tmp_path / "large.zip", tables=tables)
    with pytest.raises(BackupFailed, match="Make room"):
        restore_backup(people, forged, wanted_in(tmp_path, hours=1))


@pytest.mark.long
def test_decisions_that_wait_and_make_no_sense_are_refused(people: Engine, tmp_path: Path) -> None:
    """Each later session would fail, because it tries to place them."""
    exported = export(people)
    refill(people, [0])
    assert take_in(people, exported).left
    wanted = replace(wanted_in(tmp_path), kind=BackupKind.DECISIONS)
    stored = make_backup(people, wanted)
    restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    with zipfile.ZipFile(stored.file) as archive:
        rows = archive.read(KEPT_MEMBER).replace(b'"photo"', b'"phota"')
    copy = {**stored.manifest.to_json()["tables"]["kept_decision"]}
    copy["sha256"] = hashlib.sha256(rows).hexdigest()
    forged = write_manifest(stored.file, tmp_path / "a.zip", tables={"kept_decision": copy})
    forged = rewrite(forged, tmp_path / "forged.zip", {KEPT_MEMBER: rows})
    with pytest.raises(BadBackup, match="damaged"):
        restore_backup(people, forged, wanted_in(tmp_path, hours=1))
