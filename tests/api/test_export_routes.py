"""The decisions of users are exported over HTTP to authorised clients."""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import Engine

from serve.app import AppParts
from tests.api.test_guards import check_problem
from tests.decided import export, parse, refill, take_in
from tests.library import PACK
from tests.people import fill_people
from tests.waiting import wait_until

EXPORT = "/api/v1/export"


def test_the_export_is_the_one_of_the_command(api: httpx.Client, engine: Engine) -> None:
    fill_people(engine, 3, 2, ungrouped=1)
    answer = api.get(EXPORT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="headcount-')
    assert without_time(answer.json()) == without_time(parse(export(engine)))
    assert len(api.get(EXPORT, params={"pack": "other"}).json()["faces"]) == 0
    assert len(api.get(EXPORT, params={"pack": PACK}).json()["faces"]) == 6


def without_time(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "exportedAt"}


def test_an_export_over_http_can_be_imported(api: httpx.Client, engine: Engine) -> None:
    fill_people(engine, 2)
    exported = api.get(EXPORT).content
    refill(engine, [0], [0])
    assert take_in(engine, exported).grouped == 2


def test_a_pack_that_cannot_be_one_is_refused(api: httpx.Client) -> None:
    check_problem(api.get(EXPORT, params={"pack": "a\0b"}), 422)


def test_a_few_exports_are_made_at_a_time(api: httpx.Client, parts: AppParts) -> None:
    taken = 0
    while parts.exporting.acquire(blocking=False):
        taken += 1
    assert str(check_problem(api.get(EXPORT), 503)["type"]).endswith("export-busy")
    for _ in range(taken):
        parts.exporting.release()
    for _ in range(taken + 1):
        wait_until(lambda: find_export(api), "there is room for an export")


def test_a_client_that_goes_away_makes_room(api: httpx.Client, engine: Engine) -> None:
    fill_people(engine, 3)
    for _ in range(5):
        with api.stream("GET", EXPORT) as answer:
            next(answer.iter_bytes(10))
    found = wait_until(lambda: find_export(api), "an export can be made again")
    assert len(found["faces"]) == 3


def find_export(api: httpx.Client) -> dict[str, Any]:
    """Return the export, or nothing while others are being made."""
    answer = api.get(EXPORT)
    return parse(answer.content) if answer.status_code == 200 else {}
