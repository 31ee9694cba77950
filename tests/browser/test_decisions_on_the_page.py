"""Export and import of decisions on the start page."""

from __future__ import annotations

import json
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
from tests.decided import export, refill
from tests.people import fill_people

PHONE = {"width": 390, "height": 800}


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    """The application with a folder for backups."""
    return replace(parts, backups=policy_in(tmp_path))


@pytest.fixture
def exported(engine: Engine, tmp_path: Path) -> Path:
    """An export of a library with a name; here are some of its photos, and no name."""
    fill_people(engine, 3, 2)
    name_first_person(engine, "Ada")
    file = tmp_path / "theirs.json"
    file.write_bytes(export(engine))
    refill(engine, [0], [0])
    return file


@pytest.mark.parametrize("is_phone", [False, True], ids=["wide", "phone"])
def test_an_import_says_what_changes_is_done_and_lists_what_waits(
    api: httpx.Client,
    open_page: Open,
    engine: Engine,
    exported: Path,
    *,
    is_phone: bool,
) -> None:
    page = open_page(f"{api.base_url}/")
    if is_phone:
        page.set_viewport_size(PHONE)
    page.get_by_text("Names from another Headcount").press("Enter")
    page.get_by_label("Import from a file").set_input_files(exported)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 person named")
    expect(dialog).to_contain_text("The photo is not in this library.")
    check_access(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert names_in(engine) == []
    dialog.get_by_role("button", name="Import").press("Enter")
    expect(page.locator("#notice")).to_contain_text("Imported: 1 person named")
    assert names_in(engine) == ["Ada"]
    page.get_by_text("Names from another Headcount").press("Enter")
    page.get_by_text("1 imported decision waits").press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Ada")).to_be_visible()
    check_access(page)


def test_a_wrong_file_is_told_and_leaving_changes_nothing(
    api: httpx.Client, open_page: Open, engine: Engine, exported: Path, watcher: Watcher
) -> None:
    watcher.expect("422")
    page = open_page(f"{api.base_url}/")
    page.get_by_text("Names from another Headcount").click()
    wrong = exported.with_name("wrong.json")
    wrong.write_text("{}")
    page.get_by_label("Import from a file").set_input_files(wrong)
    expect(page.get_by_role("alert").filter(has_text="not an export")).to_be_visible()
    page.get_by_label("Import from a file").set_input_files(exported)
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert names_in(engine) == []


def test_an_export_is_saved_as_a_file(
    api: httpx.Client, open_page: Open, engine: Engine, tmp_path: Path
) -> None:
    fill_people(engine, 2)
    name_first_person(engine, "Ada")
    page = open_page(f"{api.base_url}/")
    page.get_by_text("Names from another Headcount").click()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Export").press("Enter")
    file = tmp_path / "saved.json"
    begun.value.save_as(file)
    assert begun.value.suggested_filename.startswith("headcount-")
    assert [one["name"] for one in json.loads(file.read_bytes())["people"]] == ["Ada"]
