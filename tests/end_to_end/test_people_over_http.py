"""A whole session, then its people: asked for with a photo, named, merged, and clustered again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.test_http_session import poll_to_the_end, start_session
from tests.headcount import Headcount
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

PEOPLE = "/api/v1/people"


@pytest.fixture(scope="module")
def api(server: Headcount) -> Iterator[httpx.Client]:
    """A client of a server that has indexed the demo library."""
    poll_to_the_end(server, 2, every_s=0.3)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENT_S) as client:
        yield client


def search(api: httpx.Client, photo: Path) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return api.post("/api/v1/faces/search", content=photo.read_bytes(), headers=headers)


def list_people(api: httpx.Client) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = api.get(PEOPLE).json()["people"]
    return people


def test_a_photo_finds_who_is_in_it(api: httpx.Client, demo_library: Path) -> None:
    found = search(api, demo_library / "portraits" / "person 2 close.jpg").json()
    (face,) = found["faces"]
    match = face["matches"][0]
    assert match["similarity"] > 0.99
    photos = api.get(f"{PEOPLE}/{match['person']['personId']}/faces").json()["faces"]
    assert {Path(photo["path"]).name[:8] for photo in photos if "portraits" in photo["path"]} == {
        "person 2"
    }


def test_pictures_are_those_of_the_library(api: httpx.Client) -> None:
    person = list_people(api)[0]
    face = api.get(f"{PEOPLE}/{person['personId']}/faces").json()["faces"][0]
    for url in (person["coverUrl"], face["cropUrl"], face["thumbnailUrl"]):
        picture = api.get(url)
        assert picture.content[:3] == b"\xff\xd8\xff"
        assert "immutable" in picture.headers["cache-control"]


def test_what_is_no_photo_is_refused_with_the_reason(api: httpx.Client, demo_library: Path) -> None:
    answer = search(api, demo_library / "damaged" / "shopping list.jpg")
    assert answer.status_code == 422
    assert answer.json()["reason"] == "not a photo: the file holds text"


@pytest.mark.drill
def test_what_users_did_is_kept_when_faces_are_grouped_again(
    api: httpx.Client, server: Headcount, demo_library: Path, tmp_path: Path
) -> None:
    one, two, three = list_people(api)[:3]
    ids = [person["personId"] for person in (one, two, three)]
    merge = {"otherIds": ids[1:2], "versions": {str(i): 1 for i in ids[:2]}}
    assert api.post(f"{PEOPLE}/{ids[0]}/merge", json=merge).status_code == 200
    named = api.patch(f"{PEOPLE}/{ids[0]}", json={"name": "Anna", "version": 2}).json()["person"]
    assert named["faceCount"] == one["faceCount"] + two["faceCount"]
    hidden = api.patch(f"{PEOPLE}/{ids[2]}", json={"isHidden": True, "version": 1})
    assert hidden.status_code == 200
    before = list_people(api)

    shutil.copytree(demo_library / "travel", tmp_path / "travel")
    poll_to_the_end(server, start_session(server, tmp_path), every_s=0.3)

    assert list_people(api) == before
    assert api.get(f"{PEOPLE}/{ids[0]}").json() == named
    assert api.get(f"{PEOPLE}/{ids[2]}").json() == hidden.json()["person"]
