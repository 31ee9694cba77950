"""A restore gives back the exact state, keeps what it replaces, and refuses the impossible."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cluster.core.errors import BackupFailed, BadBackup, SessionBusy
from cluster.store.backups import restoring
from cluster.store.backups.making import make_backup
from cluster.store.backups.remote_backups import fetch_backup, send_backup
from cluster.store.backups.restoring import compare_backup, restore_backup
from cluster.store.backups.routine import back_up_before_upgrade, back_up_to_url, read_last_try
from cluster.store.backups.scratch_databases import hold_server, scratch_database
from cluster.store.backups.table_copies import copy_out, list_tables, reading
from cluster.store.database.engine import begin, build_engine
from cluster.store.database.schema import create_schema, find_revision, upgrade_schema
from cluster.store.sessions.session_locks import lock_session
from tests.backups import list_scratch, name_first_person, names_in, policy_in, wanted_in
from tests.library import NOW
from tests.people import fill_people


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2, ungrouped=1)
    name_first_person(engine, "Ada")
    return engine


def digests(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {
            shape.name: copy_out(connection, shape, lambda _: None).sha256
            for shape in list_tables(connection)
        }


def test_a_restore_gives_back_every_row(people: Engine, tmp_path: Path) -> None:
    stored, before = make_backup(people, wanted_in(tmp_path)), digests(people)
    name_first_person(people, "Somebody else")
    with begin(people) as db:
        db.execute(text("DELETE FROM face WHERE id = (SELECT max(id) FROM face)"))
    comparison = compare_backup(people, stored.file)
    assert (comparison.now.faces, comparison.manifest.totals.faces) == (5, 6)
    assert not comparison.is_same
    restored = restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    assert digests(people) == before
    assert compare_backup(people, stored.file).is_same
    assert list_scratch(people) == []
    assert restored.before is not None
    restore_backup(people, restored.before.file, wanted_in(tmp_path, hours=2))
    assert names_in(people) == ["Somebody else"]


def test_ids_that_were_given_since_then_are_not_given_again(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    insert = text(
        "INSERT INTO person (pack, created_at, updated_at) VALUES ('x', now(), now()) RETURNING id"
    )
    with begin(people) as db:
        newest = db.execute(insert).scalar_one()
    restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    with begin(people) as db:
        assert db.execute(insert).scalar_one() > newest


def test_clients_are_disconnected_and_find_the_restored_library(
    people: Engine, tmp_path: Path
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    name_first_person(people, "Somebody else")
    url = people.url.render_as_string(hide_password=False)
    client = build_engine(url)
    with client.connect() as idle:
        idle.execute(text("SELECT 1"))
        restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
        with pytest.raises(DBAPIError):
            idle.execute(text("SELECT 1"))
    assert names_in(client) == ["Ada"]
    client.dispose()


def test_nothing_is_restored_while_a_session_runs(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    name_first_person(people, "Somebody else")
    with lock_session(people, 1), pytest.raises(SessionBusy):
        restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    assert names_in(people) == ["Somebody else"]


def test_a_session_that_begins_meanwhile_is_not_replaced(
    people: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    name_first_person(people, "Somebody else")
    upgrade, other = (
        restoring.upgrade_schema,
        build_engine(people.url.render_as_string(hide_password=False)),
    )
    locks = []

    def begin_session(scratch: Engine) -> None:
        upgrade(scratch)
        lock = lock_session(other, 1)
        lock.__enter__()
        locks.append(lock)

    monkeypatch.setattr(restoring, "upgrade_schema", begin_session)
    with pytest.raises(SessionBusy):
        restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    locks[0].__exit__(None, None, None)
    assert names_in(people) == ["Somebody else"]
    assert list_scratch(people) == []
    other.dispose()


def test_tables_of_others_are_not_lost(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    with begin(people) as db:
        db.execute(text("CREATE TABLE accounts (n int)"))
    with pytest.raises(BackupFailed, match="also holds accounts"):
        restore_backup(people, stored.file, wanted_in(tmp_path, hours=1))
    assert make_backup(people, wanted_in(tmp_path, hours=2)).manifest.totals.named == 1


@pytest.mark.long
def test_an_empty_library_takes_a_backup_and_keeps_nothing_before(
    people: Engine, tmp_path: Path
) -> None:
    stored, before = make_backup(people, wanted_in(tmp_path)), digests(people)
    with hold_server(people) as server, scratch_database(server) as fresh:
        upgrade_schema(fresh)
        restored = restore_backup(fresh, stored.file, wanted_in(tmp_path, hours=1))
        assert restored.before is None
        assert digests(fresh) == before


def rewrite(file: Path, target: Path, change: dict[str, bytes]) -> Path:
    """Copy a zip, and replace the content of some members."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, old.read(name)))
    return target


def test_a_changed_row_is_found_and_nothing_is_restored(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    with zipfile.ZipFile(stored.file) as archive:
        rows = archive.read("tables/person.copy")
    forged = rewrite(
        stored.file, tmp_path / "forged.zip", {"tables/person.copy": rows.replace(b"Ada", b"Eve")}
    )
    with pytest.raises((BadBackup, BackupFailed), match="damaged: the rows of person"):
        restore_backup(people, forged, wanted_in(tmp_path, hours=1))
    assert names_in(people) == ["Ada"]
    assert list_scratch(people) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_file_is_no_backup(people: Engine, tmp_path: Path, share: float) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    content = stored.file.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadBackup, match="cannot be restored"):
        restore_backup(people, cut, wanted_in(tmp_path, hours=1))


def test_a_backup_of_a_newer_version_is_refused_in_a_sentence(
    people: Engine, tmp_path: Path
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    manifest = {**stored.manifest.to_json(), "revision": "9999"}
    newer = rewrite(
        stored.file, tmp_path / "newer.zip", {"manifest.json": json.dumps(manifest).encode()}
    )
    with pytest.raises(BadBackup, match=r"made by a newer Headcount \(revision 9999; this one"):
        compare_backup(people, newer)


@pytest.fixture
def old_library(people: Engine) -> Engine:
    """The tables as they were in revision 0007, with a person who has a name."""
    name = f"old_{people.url.database}"
    with hold_server(people) as server:
        server.connection.execute(f"CREATE DATABASE {name}".encode())
        old = server.engine_of(name)
    try:
        create_schema(old, "0007")
        statement = """
            INSERT INTO person (name, name_key, pack, created_at, updated_at)
            VALUES ('Old', 'old', 'bundled', now(), now())
        """
        with begin(old) as db:
            db.execute(text(statement))
        yield old
    finally:
        old.dispose()
        with hold_server(people) as server:
            server.connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.long
def test_tables_of_an_earlier_version_are_kept_before_they_are_upgraded(
    old_library: Engine, people: Engine, tmp_path: Path
) -> None:
    policy = policy_in(tmp_path)
    made = []
    upgrade_schema(
        old_library,
        before=lambda: made.append(back_up_before_upgrade(old_library, policy, now=NOW)),
    )
    assert find_revision(old_library) != "0007"
    assert made[0].manifest.revision == "0007"
    assert made[0].file.name.endswith("-everything-before-upgrade.zip")
    restore_backup(people, made[0].file, wanted_in(tmp_path, hours=1))
    assert names_in(people) == ["Old"]
    assert find_revision(people) == find_revision(old_library)


def test_tables_are_not_upgraded_when_they_cannot_be_kept(
    old_library: Engine, tmp_path: Path
) -> None:
    policy = policy_in(tmp_path)
    policy.folder.write_text("no folder")
    with pytest.raises(BackupFailed, match=r"were not upgraded.*HEADCOUNT_BACKUPS_ENABLED=false"):
        upgrade_schema(
            old_library, before=lambda: back_up_before_upgrade(old_library, policy, now=NOW)
        )
    assert find_revision(old_library) == "0007"


def test_a_backup_travels_through_a_url_and_is_read_back(people: Engine, tmp_path: Path) -> None:
    policy = policy_in(tmp_path)
    _, place = back_up_to_url(people, policy, wanted_in(tmp_path), "memory://bucket/headcount")
    last = read_last_try(policy.record)
    assert last is not None
    assert last.file == place
    assert list(policy.folder.iterdir()) == []
    copy = tmp_path / "copy.zip"
    fetch_backup(place, copy)
    name_first_person(people, "Somebody else")
    restore_backup(people, copy, wanted_in(tmp_path, hours=1))
    assert names_in(people) == ["Ada"]


def test_a_storage_that_keeps_other_bytes_is_not_relied_on(
    people: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    shorten = shutil.copyfileobj
    monkeypatch.setattr(
        "cluster.store.backups.remote_backups.shutil.copyfileobj",
        lambda source, target, size: (source.read(10), shorten(source, target, size)),
    )
    with pytest.raises(BackupFailed, match="differs from the backup"):
        send_backup(stored.file, "memory://bucket/bad")


def test_a_url_that_nobody_answers_is_told(people: Engine, tmp_path: Path) -> None:
    stored = make_backup(people, wanted_in(tmp_path))
    with pytest.raises(BackupFailed, match="nosuch://bucket"):
        send_backup(stored.file, "nosuch://bucket")
    with pytest.raises(BadBackup, match="cannot be read"):
        fetch_backup("memory://bucket/absent.zip", tmp_path / "absent.zip")
