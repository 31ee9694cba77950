"""A backup is proved before it counts, and a restore gives exactly what was there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from cluster.core.backups import BackupKind, BackupReason, Totals
from cluster.store.backups.making import Wanted, make_backup
from cluster.store.backups.restoring import compare_backup, restore_backup
from cluster.store.database.engine import begin
from tests.library import NOW
from tests.people import fill_people

EVERYTHING = BackupKind.EVERYTHING


def wanted(folder: Path, *, hours: float = 0.0, keep: int = 14) -> Wanted:
    return Wanted(
        folder=folder / "backups",
        kind=EVERYTHING,
        reason=BackupReason.ASKED,
        now=NOW + timedelta(hours=hours),
        keep=keep,
    )


def name_somebody(engine: Engine, name: str) -> None:
    with begin(engine) as db:
        first = db.execute(text("SELECT min(id) FROM person")).scalar_one()
        values = {"name": name, "id": first}
        db.execute(text("UPDATE person SET name = :name, name_key = :name WHERE id = :id"), values)


def names(engine: Engine) -> list[str]:
    with begin(engine) as db:
        found = db.execute(text("SELECT name FROM person WHERE name IS NOT NULL ORDER BY 1"))
        return list(found.scalars())


def test_a_restore_gives_back_what_people_did(engine: Engine, tmp_path: Path) -> None:
    fill_people(engine, 3, 2, ungrouped=1)
    name_somebody(engine, "Ada")
    stored = make_backup(engine, wanted(tmp_path))
    assert stored.manifest.totals == Totals(photos=6, faces=6, people=2, named=1)
    name_somebody(engine, "Somebody else")
    comparison = compare_backup(engine, stored.file)
    assert not comparison.is_same
    restored = restore_backup(engine, stored.file, wanted(tmp_path, hours=1))
    assert names(engine) == ["Ada"]
    assert restored.before is not None
    restore_backup(engine, restored.before.file, wanted(tmp_path, hours=2))
    assert names(engine) == ["Somebody else"]
