"""Finds what keeps people from using a page, with axe-core."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}
CONTRAST = {"runOnly": ["color-contrast"]}


def check_access(page: Page, *, within: str | None = None, least: set[str] = SERIOUS) -> None:
    """Check that axe-core finds no violation of the impacts in `least`, in light and dark mode.

    With `within`, only in the elements of this selector. The modes differ in colours alone, so all
    other rules are checked once. The page is in light mode afterwards.
    """
    page.emulate_media(color_scheme="light")
    violations = Axe().run(page, context=within).response["violations"]
    page.emulate_media(color_scheme="dark")
    violations += Axe().run(page, context=within, options=CONTRAST).response["violations"]
    page.emulate_media(color_scheme="light")
    found = [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in least
        for node in violation["nodes"]
    ]
    assert not found
