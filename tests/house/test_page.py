"""The linters of the page are pinned, and the running page needs none of them."""

from __future__ import annotations

import json
import re

from tests.house.page_types import FILE, describe_types
from tests.house.sources import project_files, read_text

LOCK = json.loads(read_text("package-lock.json"))
LOCKED = {path: package for path, package in LOCK["packages"].items() if path}
PAGE = [path for path in project_files() if re.match(r"serve/web/.*\.js$", path)]

SWITCHED_OFF: dict[str, str] = {
    # "path: rule": why this line is right and the rule is not
}


def test_the_linters_of_the_page_are_exact_versions() -> None:
    wanted = json.loads(read_text("package.json"))
    assert wanted["private"]
    assert "dependencies" not in wanted, "a browser gets the files of serve/web, and no others"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", one) for one in wanted["devDependencies"].values())


def test_what_npm_installs_is_locked_by_hash_and_runs_nothing_at_its_install() -> None:
    assert LOCKED
    assert not [path for path, one in LOCKED.items() if not one["integrity"].startswith("sha512-")]
    assert not [path for path, one in LOCKED.items() if "resolved" in one]
    assert not [path for path, one in LOCKED.items() if one.get("hasInstallScript")]


def test_ray_does_not_upload_what_npm_installs() -> None:
    # Without a trailing slash, so that a link to a folder is ignored too.
    assert "node_modules" in read_text(".gitignore").splitlines()


def test_no_rule_of_the_page_is_switched_off_without_a_reason() -> None:
    switch = re.compile(r"(?:ox|es)lint-disable|@ts-(?:ignore|nocheck|expect-error)")
    found = {
        f"{path}: {line.strip()}"
        for path in PAGE
        for line in read_text(path).splitlines()
        if switch.search(line)
    }
    assert found == set(SWITCHED_OFF), "each needs its reason here"


def test_the_page_is_checked_against_what_the_server_answers_today() -> None:
    assert read_text(FILE) == describe_types(), "run: python -m tests.house.page_types"
