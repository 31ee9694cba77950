"""What the doctor says of the folders that must be private, and of their file systems."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.doctor.checks import Level
from jobs.doctor.private_places import Found, Place, find_kind, judge, parse_mounts

PLACE = Place("data_dir", Path("/d"), True, True, holds_database=True, needs_bytes=5_000_000_000)


GOOD = Found(
    exists=True,
    is_folder=True,
    mode=0o700,
    owner=os.geteuid(),
    kind="ext4",
    is_read_only=False,
    is_writable=True,
    is_readable=True,
    is_reachable=True,
    free_bytes=10_000_000_000,
    free_inodes=1_000_000,
)


def test_a_folder_of_ours_alone_with_room_is_all_well() -> None:
    assert not list(judge(PLACE, GOOD))
    assert not list(judge(PLACE, replace(GOOD, exists=False, mode=0o777, owner=4321)))


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"owner": 4321}, Level.PROBLEM, "another user"),
        ({"mode": 0o755}, Level.WARNING, "others may enter"),
        ({"is_read_only": True, "is_writable": False}, Level.PROBLEM, "read-only"),
        ({"is_writable": False}, Level.PROBLEM, "may not write"),
        ({"exists": False, "is_writable": False}, Level.PROBLEM, "cannot be created"),
        ({"is_readable": False}, Level.PROBLEM, "may not read"),
        ({"kind": "nfs4"}, Level.PROBLEM, "not suitable for PostgreSQL"),
        ({"kind": "fuse.sshfs"}, Level.PROBLEM, "not suitable for PostgreSQL"),
        ({"kind": "exfat"}, Level.PROBLEM, "no owners and modes"),
        ({"free_bytes": 1_000}, Level.PROBLEM, "full"),
        ({"free_bytes": 1_000_000_000}, Level.WARNING, "may need up to 5.0 GB"),
        ({"free_inodes": 3}, Level.PROBLEM, "inodes"),
        ({"is_folder": False}, Level.PROBLEM, "not a folder"),
        ({"is_folder": False, "exists": False}, Level.PROBLEM, "in its way"),
    ],
)
def test_what_is_wrong_with_a_folder_is_told_with_its_cure(
    change: dict[str, object], level: Level, said: str
) -> None:
    (found,) = judge(PLACE, replace(GOOD, **change))  # type: ignore[arg-type]
    assert (found.level, said in found.says) == (level, True), found
    assert found.cure


def test_what_must_be_private_is_a_problem_when_it_is_open() -> None:
    (found,) = judge(Place("Ray's token", Path("/d/t"), True, True), replace(GOOD, mode=0o640))
    assert found.level is Level.PROBLEM


def test_a_folder_that_nobody_gets_to_is_not_open() -> None:
    assert not list(judge(PLACE, replace(GOOD, mode=0o755, is_reachable=False)))


@pytest.mark.parametrize("kind", ["ext4", "fuse.fuse-overlayfs", "overlay", "tmpfs", "xfs"])
def test_file_systems_of_this_machine_are_for_a_database(kind: str) -> None:
    assert not list(judge(PLACE, replace(GOOD, kind=kind)))


def test_code_that_everybody_may_change_is_a_problem() -> None:
    (found,) = judge(Place("checkout", Path("/c")), replace(GOOD, mode=0o777))
    assert found.level is Level.PROBLEM


def test_the_innermost_and_latest_mount_holds_a_path() -> None:
    mounts = parse_mounts(
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        "2 1 0:5 / /srv/my\\040photos rw shared:1 - nfs4 server:/x rw\n"
        "3 1 0:6 / /srv/my\\040photos rw - tmpfs none rw\n"
    )
    assert find_kind("/srv/my photos/a", mounts) == "tmpfs"
    assert find_kind("/srv/my photosets", mounts) == "ext4"
    assert find_kind("/x", []) == "unknown"
