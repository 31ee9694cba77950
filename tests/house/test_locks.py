"""Every locked package was decided on: its licence, what it could send, and no dead entries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jobs.audit.__main__ import LOCKS, REQUIREMENTS, find_installed
from jobs.audit.decisions import read_lock, read_table
from jobs.audit.licences import check_licences
from jobs.audit.senders import check_senders, check_sources
from tests.house.sources import PROJECT_DIR, read_text

TABLE = read_table(REQUIREMENTS / "audit.toml")
LOCKED = sorted(
    {package for lock in LOCKS for package in read_lock(lock)}, key=lambda one: one.name
)
INSTALLED = find_installed([Path(place) for place in sys.path])


def test_every_licence_is_one_that_was_decided_on() -> None:
    assert not check_licences(LOCKED, TABLE, installed=INSTALLED).problems


def test_every_package_that_could_send_something_is_kept_from_it() -> None:
    assert not check_senders(LOCKED, TABLE, project_dir=PROJECT_DIR).problems


@pytest.mark.drill
@pytest.mark.long
def test_no_package_holds_a_word_of_telemetry_that_nobody_has_reviewed() -> None:
    assert not check_sources(LOCKED, TABLE, installed=INSTALLED).problems


def test_every_entry_of_the_audit_is_about_a_package_that_is_locked() -> None:
    named = {*TABLE.decided, *TABLE.reviewed, *(sender.package for sender in TABLE.senders)}
    assert named <= {package.name for package in LOCKED}


def test_every_lock_is_audited_and_a_new_lock_is_audited_at_once() -> None:
    assert {lock.name for lock in LOCKS} == {
        path.name for path in REQUIREMENTS.glob("*.txt") if not path.name.startswith("overrides-")
    }
    recipe = read_text("Makefile").partition("\nlock:")[2].partition("\n\n")[0]
    for lock in LOCKS:
        assert f"--output-file {lock.name}" in recipe
    assert recipe.rstrip().endswith("audit")
