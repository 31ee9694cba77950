"""`jobs.check` finds each kind of damage, changes nothing, and mends what can be derived again."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cluster.core.damage import EXPLANATIONS, DamageKind
from cluster.store.checking.snapshot import open_snapshot
from cluster.store.database.engine import begin
from jobs import check
from tests.library import start_session
from tests.postgres.checked_libraries import (
    Output,
    break_rows,
    damaged,
    photos,
    read_everything,
    run_check,
    settings,
)

__all__ = ["photos", "settings"]  # Fixtures.

DAMAGE: dict[str, tuple[DamageKind, Sequence[str]]] = {
    "counts": (DamageKind.COUNTS, ["UPDATE session_phase SET processed = 2, total = 9"]),
    "law": (
        DamageKind.LAW,
        ["UPDATE session_phase SET status = 'failed' WHERE phase = 'training'"],
    ),
    "numbers": (DamageKind.NUMBERS_USED, ["SELECT setval('face_id_seq', 1)"]),
    "dangling": (DamageKind.DANGLING, ["UPDATE face SET person_id = 99 WHERE id = 1"]),
    "unchecked": (DamageKind.UNCHECKED, ["ALTER TABLE face DISABLE TRIGGER ALL"]),
    "no file": (DamageKind.PHOTO_WITHOUT_FILE, ["UPDATE file SET image_id = NULL WHERE id = 2"]),
    "missing flag": (
        DamageKind.MISSING_FLAG,
        ["UPDATE image SET missing_since = now() WHERE id = 1"],
    ),
    "itself": (DamageKind.OWN_DUPLICATE, ["UPDATE image SET duplicate_of = id WHERE id = 1"]),
    "path": (DamageKind.PATH_DIGEST, [r"UPDATE file SET path_sha256 = '\x00' WHERE id = 1"]),
    "root": (DamageKind.PATH_DIGEST, [r"UPDATE library SET root_sha256 = '\x00'"]),
    "name key": (DamageKind.NAME_KEY, ["UPDATE person SET name_key = 'bob' WHERE id = 1"]),
    "empty person": (
        DamageKind.PERSON_WITHOUT_FACE,
        [
            "INSERT INTO person (pack, created_at, updated_at)"
            " VALUES ('bundled', now() + interval '1 day', now())"
        ],
    ),
    "verdict": (DamageKind.VERDICT_WITH_PERSON, ["UPDATE face SET verdict = 'hidden'"]),
    "other pack": (DamageKind.FACE_OF_OTHER_PACK, ["UPDATE person SET pack = 'other'"]),
    "face count": (DamageKind.FACE_COUNT, ["UPDATE detection SET faces = 7 WHERE image_id = 1"]),
    "loud vector": (
        DamageKind.VECTOR,
        ["UPDATE face SET embedding = embedding + embedding WHERE id = 1"],
    ),
    "empty thumbnail": (DamageKind.THUMBNAIL, ["UPDATE image SET thumbnail = '' WHERE id = 1"]),
    "cut thumbnail": (
        DamageKind.THUMBNAIL,
        ["UPDATE image SET thumbnail = substring(thumbnail for 300)"],
    ),
    "thumbnail that is whole at both ends": (
        DamageKind.THUMBNAIL,
        [r"UPDATE image SET thumbnail = '\xffd80000ffd9' WHERE id = 2"],
    ),
    "crop": (DamageKind.CROP, ["UPDATE face SET crop = 'no picture' WHERE id = 3"]),
    "lost index entry": (
        DamageKind.INDEX,
        [
            "UPDATE pg_index SET indisready = false"
            " WHERE indexrelid = 'ix_face_ungrouped'::regclass",
            "UPDATE face SET person_id = NULL WHERE id = 3",
            "UPDATE pg_index SET indisready = true"
            " WHERE indexrelid = 'ix_face_ungrouped'::regclass",
        ],
    ),
    "invalid index": (
        DamageKind.INDEX,
        ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_image_time'::regclass"],
    ),
}
"""The damage that SQL can do; other tests damage the files on the disk."""


ON_THE_DISK = {
    *(DamageKind.DECODED_LEFT, DamageKind.FILE_GONE, DamageKind.BACKUP),
    DamageKind.UNREADABLE,
}


def test_a_whole_library_is_fine_and_the_numbers_are_said(photos: Path, capfd: Output) -> None:
    assert check.main([]) == 0
    out = capfd.readouterr().out
    assert "photos: 4, files: 4, faces: 4, people: 2" in out
    assert "pictures decoded: 8, files looked for: 4" in out
    assert out.splitlines()[-1] == "Nothing is damaged."


@pytest.mark.long
@pytest.mark.parametrize("name", DAMAGE)
def test_each_kind_of_damage_is_found_and_derived_rows_are_mended(
    engine: Engine, photos: Path, capfd: Output, name: str
) -> None:
    kind, statements = DAMAGE[name]
    break_rows(engine, *statements)
    before = read_everything(engine)
    code, body = run_check(capfd)
    assert (code, body["isFine"]) == (1, False)
    assert kind.value in damaged(body)
    assert read_everything(engine) == before
    code, body = run_check(capfd, "--repair")
    if EXPLANATIONS[kind].is_derived:
        assert kind.value not in damaged(body)
        assert any(line.startswith("repaired ") for line in body["repairs"])
    else:
        assert kind.value in damaged(body)


def test_every_kind_of_damage_has_a_test() -> None:
    assert {kind for kind, _ in DAMAGE.values()} | ON_THE_DISK == set(DamageKind)
    assert set(EXPLANATIONS) == set(DamageKind)


def test_a_check_is_one_in_which_the_database_refuses_every_change(
    engine: Engine, photos: Path
) -> None:
    with pytest.raises(DBAPIError, match="read-only"), open_snapshot(engine) as db:
        db.execute(text("UPDATE face SET person_id = NULL"))


def test_files_that_are_gone_are_found_and_an_absent_disk_is_only_noted(
    photos: Path, capfd: Output
) -> None:
    (photos / "a.jpg").unlink()
    code, body = run_check(capfd, "--repair")
    assert (code, damaged(body)) == (1, {"files_gone": 1})
    assert body["damage"][0]["examples"] == [str(photos / "a.jpg")]
    photos.rename(photos.with_name("elsewhere"))
    code, body = run_check(capfd)
    assert (code, damaged(body)) == (0, {})
    assert any("not looked for" in note for note in body["notes"])


def test_decoded_photos_that_no_session_uses_are_found_and_removed(
    engine: Engine, photos: Path, capfd: Output, tmp_path: Path
) -> None:
    decoded = tmp_path / "data" / "decoded"
    for name in ("session-1", "session-77", "session-2", "mine"):
        (decoded / name).mkdir(parents=True)
    with begin(engine) as db:
        assert start_session(db) == 2
    code, body = run_check(capfd)
    assert (code, damaged(body)) == (1, {"decoded_left": 2})
    assert run_check(capfd, "--repair")[0] == 0
    assert sorted(path.name for path in decoded.iterdir()) == ["mine", "session-2"]


def test_a_backup_that_cannot_be_read_is_found(photos: Path, capfd: Output, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "backups"
    folder.mkdir(parents=True)
    good, bad = (folder / f"headcount-2026010{n}T000000Z-decisions.zip" for n in (1, 2))
    for file in (good, bad):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("manifest.json", "{}" * 100)
    assert run_check(capfd)[0] == 0
    bad.write_bytes(bad.read_bytes().replace(b"{}{}", b"{}[]"))
    code, body = run_check(capfd)
    assert (code, damaged(body)) == (1, {"backups": 1})
    assert body["damage"][0]["examples"] == [bad.name]


def test_a_table_that_cannot_be_read_is_damage_and_the_rest_is_examined(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    break_rows(
        engine,
        "CREATE OR REPLACE FUNCTION lost(int8) RETURNS int8 LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'could not read block 7' USING ERRCODE = 'XX001'; END $$",
        "ALTER TABLE erased_face RENAME TO kept",
        "CREATE VIEW erased_face AS SELECT * FROM kept",
        "ALTER TABLE detection RENAME TO searched",
        "CREATE VIEW detection AS SELECT image_id, pack, lost(faces) AS faces, detected_at"
        " FROM searched",
    )
    code, body = run_check(capfd)
    assert code == 1
    assert "could not read block 7" in body["damage"][0]["examples"][0]
    assert body["examined"]["files looked for"] == 4


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda m, _: m.setenv("HEADCOUNT_DATABASE_URL", "postgresql://x@127.0.0.1:1/x"), "answer"),
        (lambda m, _: m.delenv("HEADCOUNT_DATABASE_URL"), "no library in"),
        (lambda _, e: break_rows(e, "UPDATE alembic_version SET version_num = '0007'"), "earlier"),
        (lambda _, e: break_rows(e, "UPDATE alembic_version SET version_num = '9999'"), "9999"),
        (lambda _, e: break_rows(e, "DROP TABLE alembic_version"), "no tables"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    capfd: Output,
    prepare: Callable[[pytest.MonkeyPatch, Engine], None],
    said: str,
) -> None:
    prepare(monkeypatch, engine)
    assert check.main([]) == 2
    printed = capfd.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
