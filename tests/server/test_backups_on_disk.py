"""Backups on a disk that is full, read-only or missing: the failure is told, earlier ones stay."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cluster.core.decisions.backups import BackupKind, BackupReason
from cluster.core.errors import BackupFailed
from cluster.store.backups import making
from cluster.store.backups.backup_folders import list_backups
from cluster.store.backups.routine import back_up, read_state, want
from tests.backups import list_scratch, name_first_person, policy_in
from tests.library import NOW
from tests.people import fill_people


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, in memory."""
    place = tmp_path / "backups"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256m,mode=700", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a small file system, and none can be mounted: {error}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    return engine


def fill(disk: Path) -> None:
    """Fill the disk."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "is_foreseen"),
    [
        (BackupKind.EVERYTHING, True),
        (BackupKind.EVERYTHING, False),
        # Their size is not known beforehand.
        (BackupKind.DECISIONS, False),
    ],
)
def test_a_full_disk_costs_no_earlier_backup(
    disk: Path,
    people: Engine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: BackupKind,
    is_foreseen: bool,
) -> None:
    policy = replace(policy_in(disk.parent), kind=kind)
    wanted = want(policy, reason=BackupReason.ASKED, now=NOW)
    kept = back_up(people, policy, wanted)
    fill(disk)
    if not is_foreseen:
        monkeypatch.setattr(making, "check_room", lambda engine, folder: None)
    said = "MB left, and a backup" if is_foreseen else "No space left on device"
    with pytest.raises(BackupFailed, match=said):
        back_up(people, policy, wanted)
    assert [one.file for one in list_backups(disk)] == [kept.file]
    assert {entry.name for entry in disk.iterdir()} == {"ballast", kept.file.name}
    assert list_scratch(people) == []
    trouble = read_state(people, policy, now=NOW).trouble
    assert trouble is not None
    assert said in trouble


def test_a_disk_smaller_than_the_database_has_room_for_decisions(
    disk: Path, people: Engine
) -> None:
    fill(disk)
    ballast = disk / "ballast"
    os.truncate(ballast, ballast.stat().st_size - (1 << 20))
    policy = replace(policy_in(disk.parent), kind=BackupKind.DECISIONS)
    kept = back_up(people, policy, want(policy, reason=BackupReason.ASKED, now=NOW))
    assert [one.file for one in list_backups(disk)] == [kept.file]


def test_a_disk_that_may_not_be_written_to_is_told(disk: Path, people: Engine) -> None:
    policy = policy_in(disk.parent)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(BackupFailed, match="may not write there"):
        back_up(people, policy, want(policy, reason=BackupReason.ASKED, now=NOW))


def test_a_folder_that_others_opened_keeps_its_rights_and_the_file_is_private(
    people: Engine, tmp_path: Path
) -> None:
    policy = policy_in(tmp_path)
    policy.folder.mkdir()
    policy.folder.chmod(0o755)
    umask = os.umask(0)
    try:
        made = back_up(people, policy, want(policy, reason=BackupReason.ASKED, now=NOW))
    finally:
        os.umask(umask)
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert policy.record.stat().st_mode & 0o777 == 0o600
    assert policy.folder.stat().st_mode & 0o777 == 0o755
