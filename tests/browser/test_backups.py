"""Backups on the start page: making one, what is wrong, and going back to one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from serve.app import AppParts
from tests.backups import name_first_person, names_in, policy_in
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.browser.watching import Watcher
from tests.people import fill_people

PHONE = {"width": 390, "height": 800}


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    """The application with a folder for backups."""
    return replace(parts, backups=policy_in(tmp_path))


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A library of two people, one of whom has a name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    return engine


@pytest.mark.parametrize("is_phone", [False, True])
def test_a_backup_is_made_and_gone_back_to_after_saying_what_changes(
    people: Engine, api: httpx.Client, open_page: Open, *, is_phone: bool
) -> None:
    page = open_page(f"{api.base_url}/")
    if is_phone:
        page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Back up now").press("Enter")
    expect(page.locator("#notice")).to_contain_text("Backed up and proved: 5 photos")
    page.get_by_text("1 backup", exact=True).click()
    check_access(page)
    name_first_person(people, "Somebody else")
    page.get_by_role("button", name="Restore the backup of").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("All decisions since then are undone")
    check_access(page)
    dialog.get_by_role("button", name="Restore").press("Enter")
    expect(page.locator("#notice")).to_contain_text("Restored.")
    assert names_in(people) == ["Ada"]
    page.get_by_text("2 backups", exact=True).click()
    expect(page.get_by_text("Everything, before a restore")).to_be_visible()


def test_a_failed_backup_is_on_the_page_until_one_is_made(
    people: Engine, api: httpx.Client, parts: AppParts, open_page: Open, watcher: Watcher
) -> None:
    assert parts.backups is not None
    watcher.expect("503")
    parts.backups.folder.write_text("no folder")
    page = open_page(f"{api.base_url}/")
    page.get_by_role("button", name="Back up now").click()
    expect(page.get_by_role("alert").filter(has_text="No backup")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Backups: No backup can be written")).to_be_visible()
    parts.backups.folder.unlink()
    page.get_by_role("button", name="Back up now").click()
    expect(page.get_by_text("Backups: No backup can be written")).to_be_hidden()
