"""The library's two buttons for names in XMP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from serve.app import AppParts
from tests.browser.access import check_access
from tests.browser.conftest import Open
from tests.tagged_photos import LEFT, RIGHT, SIZE, Tag, index, make_jpeg, write_mwg

PHONE = {"width": 390, "height": 800}


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    return replace(parts, data_dir=tmp_path / "data")


def test_names_are_read_and_written_by_keyboard_on_a_phone(
    api: httpx.Client,
    open_page: Open,
    engine: Engine,
    library: Path,
    tmp_path: Path,
) -> None:
    (library / "one.jpg").unlink()
    sidecar = make_jpeg(library / "a.jpg").with_suffix(".xmp")
    sidecar.write_text(write_mwg([Tag("Ann", LEFT)], SIZE))
    index(engine, library, {"a": [LEFT, RIGHT]})
    page = open_page(f"{api.base_url}/")
    page.set_viewport_size(PHONE)
    names = page.locator("li.library details.names")
    names.locator("summary").press("Enter")
    names.get_by_role("button", name="Read names").press("Enter")
    expect(names.get_by_role("status")).to_have_text("1 face named.")
    expect(page.locator("li.library dl > div", has_text="People").locator("dd").first).to_have_text(
        "1"
    )
    sidecar.write_text(write_mwg([Tag("Bob", LEFT)], SIZE))
    names.get_by_role("button", name="Read names").press("Enter")
    expect(names.get_by_role("listitem")).to_have_text("a.jpg: Bob is Ann here")
    check_access(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    names.get_by_role("button", name="Write names").press("Enter")
    expect(names.get_by_role("status")).to_contain_text("1 sidecar written to")
    assert list((tmp_path / "data" / "xmp").rglob("*.xmp"))
    with begin(engine) as db:
        assert db.execute(text("SELECT name FROM person")).scalars().all() == ["Ann"]
