"""Names from XMP over HTTP: read from a library, and written into a folder of data_dir only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from serve.app import AppParts
from tests.api.test_guards import check_problem
from tests.tagged_photos import LEFT, RIGHT, SIZE, Tag, index, make_jpeg, write_mwg

ROUTE = "/api/v1/libraries"


@pytest.fixture
def parts(parts: AppParts, tmp_path: Path) -> AppParts:
    return replace(parts, data_dir=tmp_path / "data")


@pytest.fixture
def tagged(engine: Engine, library: Path) -> Path:
    """A photo with two faces; its sidecar names one of them, and a third place without a face."""
    (library / "one.jpg").unlink()
    path = make_jpeg(library / "a.jpg")
    place = replace(LEFT, left=0.85, right=0.95)
    sidecar = write_mwg([Tag("Zoë", LEFT), Tag("Bob", place)], SIZE)
    path.with_suffix(".xmp").write_text(sidecar)
    index(engine, library, {"a": [LEFT, RIGHT]})
    return library


def test_names_are_read_once_and_written_beside_no_photo(
    api: httpx.Client, tagged: Path, tmp_path: Path
) -> None:
    (library,) = api.get(ROUTE).json()["libraries"]
    place = f"{ROUTE}/{library['libraryId']}"
    body = api.post(f"{place}/read-names").json()
    assert (body["placed"], body["added"], body["created"]) == (2, 1, 2)
    assert (body["conflicts"], body["failed"]) == ([], [])
    again = api.post(f"{place}/read-names").json()
    assert (again["placed"], again["unchanged"]) == (0, 2)
    people = api.get("/api/v1/people").json()["people"]
    assert sorted(one["name"] for one in people) == ["Bob", "Zoë"]
    before = sorted(tagged.rglob("*"))
    body = api.post(f"{place}/write-names").json()
    assert (body["written"], body["failed"]) == (1, [])
    assert sorted(tagged.rglob("*")) == before
    assert (tmp_path / "data" / "xmp" / tagged.name / "a.jpg.xmp").is_file()


def test_a_link_out_of_the_library_is_not_followed(
    api: httpx.Client, tagged: Path, tmp_path: Path
) -> None:
    outside = make_jpeg(tmp_path / "outside.jpg", seed=1)
    (tmp_path / "outside.xmp").write_text(write_mwg([Tag("Eve", LEFT)], SIZE))
    (tagged / "b.jpg").symlink_to(outside)
    make_jpeg(tagged / "c.jpg", seed=2)
    (tagged / "c.xmp").symlink_to(tmp_path / "outside.xmp")
    (library,) = api.get(ROUTE).json()["libraries"]
    body = api.post(f"{ROUTE}/{library['libraryId']}/read-names").json()
    assert (body["placed"], body["waiting"]) == (2, 0)


def test_a_library_that_is_not_there_is_a_problem(api: httpx.Client, tagged: Path) -> None:
    check_problem(api.post(f"{ROUTE}/77/read-names"), 404)
    (library,) = api.get(ROUTE).json()["libraries"]
    tagged.rename(tagged.with_name("away"))
    answer = api.post(f"{ROUTE}/{library['libraryId']}/read-names")
    assert answer.json()["type"].endswith("root-not-found")
