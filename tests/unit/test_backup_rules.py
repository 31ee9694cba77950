"""When a backup is due, which backups are kept, and what their names and manifests say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cluster.core.decisions.backups import (
    BackupKind,
    BackupName,
    BackupReason,
    Manifest,
    TableCopy,
    Totals,
    choose_surplus,
    is_due,
)

NOW = datetime(2026, 5, 1, 12, 30, 5, tzinfo=UTC)
EVERYTHING, DECISIONS = BackupKind.EVERYTHING, BackupKind.DECISIONS
MANIFEST = Manifest(
    kind=EVERYTHING,
    reason=BackupReason.BEFORE_RESTORE,
    made_at=NOW,
    revision="0010",
    deeds="abc",
    totals=Totals(photos=3, faces=2, people=1, named=1),
    tables={"face": TableCopy(("id", "box"), rows=2, bytes=40, sha256="ff")},
    sequences={"face_id_seq": 2},
)


def name_at(hours: int, reason: BackupReason = BackupReason.DUE, number: int = 0) -> BackupName:
    return BackupName(NOW + timedelta(hours=hours), number, EVERYTHING, reason)


@pytest.mark.parametrize("kind", list(BackupKind))
@pytest.mark.parametrize("reason", list(BackupReason))
@pytest.mark.parametrize("number", [0, 1, 12])
def test_a_name_says_when_why_and_what(kind: BackupKind, reason: BackupReason, number: int) -> None:
    name = BackupName(NOW, number, kind, reason)
    found = BackupName.find(str(name))
    assert found is not None
    expected = BackupReason.ASKED if reason.is_ordinary else reason
    assert found == replace(name, reason=expected)


@pytest.mark.parametrize(
    "text",
    [
        ".partial-1234",
        "headcount.zip",
        "headcount-20260501T123005Z-everything.zip.part",
        "headcount-20261301T123005Z-everything.zip",
        "headcount-20260501T123005Z-nothing.zip",
        "headcount-20260501T123005Z-everything-because.zip",
        "../headcount-20260501T123005Z-everything.zip",
    ],
)
def test_another_name_is_no_backup(text: str) -> None:
    assert BackupName.find(text) is None


def test_a_manifest_survives_json() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_a_newer_format_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="made by a newer Headcount"):
        Manifest.from_json({**MANIFEST.to_json(), "format": 2})


def test_the_newest_of_each_kind_are_kept() -> None:
    names = [name_at(hours) for hours in range(5)]
    assert choose_surplus(names, keep=2) == [name_at(2), name_at(1), name_at(0)]
    other = replace(name_at(0), kind=DECISIONS)
    assert other not in choose_surplus([*names, other], keep=1)


def test_the_last_backup_is_never_surplus() -> None:
    assert choose_surplus([name_at(0)], keep=0) == []


def test_daily_backups_do_not_displace_those_from_before_a_restore() -> None:
    before = name_at(0, BackupReason.BEFORE_RESTORE)
    names = [before, *(name_at(hours) for hours in range(1, 9))]
    assert before not in choose_surplus(names, keep=3)


def test_a_backup_is_due_when_people_did_something_and_the_last_is_old_enough() -> None:
    day = timedelta(hours=24)
    assert is_due(None, digest="abc", now=NOW, every_hours=24)
    assert not is_due(None, digest="", now=NOW, every_hours=0)
    assert not is_due(MANIFEST, digest="abc", now=NOW + 9 * day, every_hours=24)
    assert not is_due(MANIFEST, digest="def", now=NOW + day / 2, every_hours=24)
    assert is_due(MANIFEST, digest="def", now=NOW + day, every_hours=24)
    assert is_due(MANIFEST, digest="def", now=NOW, every_hours=0)
