"""A backup of decisions is verified too, and restores them when the photos are indexed again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.backups import BackupKind
from cluster.core.errors import BackupFailed
from cluster.store.backups import decision_copies
from cluster.store.backups.making import Wanted, make_backup
from cluster.store.backups.restoring import restore_backup
from cluster.store.database.engine import begin
from tests.backups import list_scratch, wanted_in
from tests.decided import decide, export, fill_decided, parse, refill
from tests.library import NOW

PHOTOS = ([1], [1, 2], [2, 3], [1, 3, 0], [2], [3, 0], [4], [4, 0], [0])


def decisions_in(folder: Path, *, hours: float = 0.0) -> Wanted:
    return replace(wanted_in(folder, hours=hours), kind=BackupKind.DECISIONS)


@pytest.fixture
def decided(engine: Engine) -> Engine:
    """A library with many decisions of users."""
    fill_decided(engine, *PHOTOS)
    with begin(engine) as db:
        decide(db, Random(7), times=40)
    return engine


def test_decisions_come_back_to_the_same_photos_indexed_anew(
    decided: Engine, tmp_path: Path
) -> None:
    stored, before = make_backup(decided, decisions_in(tmp_path)), export(decided)
    assert list_scratch(decided) == []
    assert not (set(stored.manifest.tables) - {"kept_decision"})
    refill(decided, *([0] * len(labels) for labels in PHOTOS))
    restored = restore_backup(decided, stored.file, decisions_in(tmp_path, hours=1))
    assert export(decided) == before
    assert restored.report is not None
    assert not restored.report.left
    assert restored.before is not None
    restore_backup(decided, restored.before.file, decisions_in(tmp_path, hours=2))
    assert export(decided) != before


def add_waiting(engine: Engine, **known: object) -> None:
    """Add a decision about a face in an absent photo; `known` holds notes of earlier placements."""
    document = parse(export(engine))
    faces = (one for one in document["faces"] if one["person"] is not None)
    face = next(faces)
    person = next(one for one in document["people"] if one["id"] == face["person"])
    (photo,) = (one for one in document["photos"] if one["id"] == face["photo"])
    absent = {**photo, "content": "00" * 32, "files": []}
    decision = {"photo": absent, "face": face, "person": {**person, **known}}
    insert = text(
        "INSERT INTO kept_decision (source, kind, decision, reason, kept_at)"
        " VALUES ('file', 'face', CAST(:decision AS jsonb), 'photo_absent', :now)"
    )
    with begin(engine) as db:
        db.execute(insert, {"decision": json.dumps(decision), "now": NOW})


@pytest.mark.long
def test_decisions_that_wait_are_kept_too_and_come_once(decided: Engine, tmp_path: Path) -> None:
    add_waiting(decided)
    stored = make_backup(decided, decisions_in(tmp_path))
    for hours in (1, 2):
        refill(decided, *([0] * len(labels) for labels in PHOTOS))
        restore_backup(decided, stored.file, decisions_in(tmp_path, hours=hours))
        restore_backup(decided, stored.file, decisions_in(tmp_path, hours=hours))
        with begin(decided) as db:
            assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 1


@pytest.mark.long
def test_decisions_that_wait_do_not_name_people_of_the_library_that_they_come_from(
    decided: Engine, tmp_path: Path
) -> None:
    """In another library the id may belong to another person, who would get the faces."""
    add_waiting(decided, here=1, isApplied=True)
    stored = make_backup(decided, decisions_in(tmp_path))
    refill(decided, *([0] * len(labels) for labels in PHOTOS))
    restore_backup(decided, stored.file, decisions_in(tmp_path, hours=1))
    with begin(decided) as db:
        (kept,) = db.execute(text("SELECT decision -> 'person' FROM kept_decision")).scalars()
    assert not {"here", "isApplied"} & kept.keys()


def test_decisions_that_do_not_come_back_are_no_backup(
    decided: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = decision_copies.give_decisions

    def lose_a_name(*given: object, **options: object) -> object:
        report = give(*given, **options)  # type: ignore[arg-type]
        with begin(given[1]) as db:  # type: ignore[arg-type]
            db.execute(text("UPDATE face SET person_id = NULL"))
        return report

    monkeypatch.setattr(decision_copies, "give_decisions", lose_a_name)
    with pytest.raises(BackupFailed, match="restored decisions differ"):
        make_backup(decided, decisions_in(tmp_path))
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.long
def test_a_backup_of_decisions_holds_no_picture_and_no_vector(
    decided: Engine, tmp_path: Path
) -> None:
    everything = make_backup(decided, wanted_in(tmp_path))
    decisions = make_backup(decided, decisions_in(tmp_path))
    assert "face" in everything.manifest.tables
    assert "face" not in decisions.manifest.tables
    assert b"\xff\xd8" in everything.file.read_bytes()
