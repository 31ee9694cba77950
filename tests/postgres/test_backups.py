"""A backup is verified before it counts; if anything is wrong, the earlier ones stay."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.backups import BackupReason, Totals
from cluster.core.errors import BackupBusy, BackupFailed
from cluster.store.backups import making
from cluster.store.backups.backup_archives import read_manifest
from cluster.store.backups.backup_folders import list_backups, list_names
from cluster.store.backups.decision_digest import digest_decisions
from cluster.store.backups.making import make_backup
from cluster.store.backups.routine import back_up, back_up_if_due, read_last_try, read_state, want
from cluster.store.backups.scratch_databases import hold_server
from cluster.store.backups.table_copies import reading
from cluster.store.database.engine import begin
from tests.backups import list_scratch, name_first_person, policy_in, wanted_in
from tests.library import NOW
from tests.people import fill_people


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2, ungrouped=1)
    name_first_person(engine, "Ada")
    return engine


def deeds_of(engine: Engine) -> str:
    with reading(engine) as connection:
        return digest_decisions(connection)


def test_a_backup_says_what_it_holds_and_is_private(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    assert stored.manifest.totals == Totals(photos=6, faces=6, people=2, named=1)
    assert stored.manifest.tables["face"].rows == 6
    assert read_manifest(stored.file) == stored.manifest
    assert stat.S_IMODE(stored.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.file.parent.stat().st_mode) == 0o700
    assert list_scratch(people) == []


def test_two_backups_of_one_second_do_not_displace_each_other(
    people: Engine, tmp_path: Path
) -> None:
    first, second = (make_backup(people, wanted_in(tmp_path)) for _ in range(2))
    assert first.file != second.file
    assert [one.file for one in list_backups(first.file.parent)] == [second.file, first.file]


def test_a_backup_whose_copy_differs_does_not_count(
    people: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = make_backup(people, wanted_in(tmp_path))
    load = making.load_tables

    def lose_a_name(backup: object, scratch: Engine) -> None:
        load(backup, scratch)  # type: ignore[arg-type]
        with begin(scratch) as db:
            db.execute(text("UPDATE person SET name = NULL, name_key = NULL"))

    monkeypatch.setattr(making, "load_tables", lose_a_name)
    with pytest.raises(BackupFailed, match=r"restored copy differs in person.*as they were"):
        make_backup(people, wanted_in(tmp_path, hours=1))
    assert [one.file for one in list_backups(good.file.parent)] == [good.file]
    assert [entry.name for entry in good.file.parent.iterdir()] == [good.file.name]
    assert list_scratch(people) == []


def test_only_the_newest_backups_are_kept(people: Engine, tmp_path: Path) -> None:
    files = [make_backup(people, wanted_in(tmp_path, hours=n, keep=2)).file for n in range(3)]
    assert [one.file for one in list_backups(files[0].parent)] == [files[2], files[1]]


def test_what_killed_processes_left_is_gone_after_the_next_backup(
    people: Engine, tmp_path: Path
) -> None:
    with hold_server(people) as server:
        server.connection.execute(f'CREATE DATABASE "{server.prefix}dead"'.encode())
    folder = tmp_path / "backups"
    (folder / ".partial-folder").mkdir(parents=True)
    (folder / ".partial-file").write_bytes(b"half of a backup")
    (folder / ".partial-folder" / "file").write_bytes(b"half of a backup")
    stored = make_backup(people, wanted_in(tmp_path))
    assert list(folder.iterdir()) == [stored.file]
    assert list_scratch(people) == []


@pytest.mark.long
def test_a_scratch_database_that_somebody_looks_at_is_left_alone(
    people: Engine, tmp_path: Path
) -> None:
    with hold_server(people) as server:
        name = f"{server.prefix}used"
        server.connection.execute(f'CREATE DATABASE "{name}"'.encode())
        other = server.engine_of(name)
        with other.connect():
            server.connection.execute(b"SELECT 1")
    with other.connect():
        make_backup(people, wanted_in(tmp_path))
        assert list_scratch(people) == [name]
    other.dispose()
    with hold_server(people):
        assert list_scratch(people) == []


def test_a_second_backup_waits_for_the_first_and_says_so(people: Engine, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    with hold_server(people):
        assert read_state(people, policy, now=NOW).is_at_work
        with pytest.raises(BackupBusy, match="Another process"):
            back_up(people, policy, wanted_in(tmp_path, wait_s=0.0))
    assert not read_state(people, policy, now=NOW).is_at_work
    assert read_last_try(policy.record) is None


def test_a_folder_that_is_a_file_is_told_and_remembered(people: Engine, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    policy.folder.write_text("no folder")
    with pytest.raises(BackupFailed, match="No backup can be written to"):
        back_up(people, policy, want(policy, reason=BackupReason.ASKED, now=NOW))
    trouble = read_state(people, policy, now=NOW).trouble
    assert trouble is not None
    assert "No backup can be written" in trouble
    policy.folder.unlink()
    back_up(people, policy, want(policy, reason=BackupReason.ASKED, now=NOW))
    assert read_state(people, policy, now=NOW).trouble is None


def test_a_backup_is_made_once_for_what_people_did(people: Engine, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    assert back_up_if_due(people, policy, now=NOW) is not None
    day = timedelta(hours=24)
    assert back_up_if_due(people, policy, now=NOW + day) is None
    name_first_person(people, "Grace")
    assert back_up_if_due(people, policy, now=NOW + day / 2) is None
    assert not read_state(people, policy, now=NOW + day).is_overdue
    assert read_state(people, policy, now=NOW + 3 * day).is_overdue
    assert back_up_if_due(people, replace(policy, is_enabled=False), now=NOW + day) is None
    assert back_up_if_due(people, policy, now=NOW + day) is not None
    assert len(list_names(policy.folder)) == 2


def test_what_a_session_found_is_no_reason_for_a_backup(engine: Engine, tmp_path: Path) -> None:
    fill_people(engine, 3)
    assert deeds_of(engine) == ""
    assert back_up_if_due(engine, policy_in(tmp_path), now=NOW) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE person SET hidden = true",
        "UPDATE person SET birth_date = '2001-02-03'",
        "UPDATE person SET cover_face_id = (SELECT min(id) FROM face)",
        "UPDATE face SET placed_by_user = true",
        "UPDATE face SET person_id = NULL, verdict = 'stranger'",
        "INSERT INTO erased_face (image_id, box_left, box_top, box_right, box_bottom)"
        " SELECT min(id), 0, 0, 1, 1 FROM image",
        "INSERT INTO person_change (pack, kind, created_at) VALUES ('bundled', 'merge', now())",
        "INSERT INTO kept_decision (source, kind, decision, reason, kept_at)"
        " VALUES ('a', 'b', '{}', 'c', now())",
    ],
)
def test_everything_that_people_do_is_a_reason_for_a_backup(people: Engine, statement: str) -> None:
    before = deeds_of(people)
    with begin(people) as db:
        db.execute(text(statement))
    assert deeds_of(people) != before


def test_a_damaged_backup_is_no_backup(people: Engine, tmp_path: Path) -> None:
    good = make_backup(people, wanted_in(tmp_path))
    bad = make_backup(people, wanted_in(tmp_path, hours=1))
    bad.file.write_bytes(bad.file.read_bytes()[:-100])
    assert [one.file for one in list_backups(good.file.parent)] == [good.file]
    with zipfile.ZipFile(good.file) as archive:
        assert archive.testzip() is None
