"""People over HTTP: pages of people, their faces, and the faces that belong to nobody."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from tests.api.test_guards import check_problem
from tests.library import PACK
from tests.people import Grouped, fill_people

PEOPLE = "/api/v1/people"


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def test_people_come_in_pages_most_photos_first(api: httpx.Client, grouped: Grouped) -> None:
    first = api.get(PEOPLE, params={"limit": 2}).json()
    assert [person["personId"] for person in first["people"]] == grouped.ids[:2]
    assert [person["photoCount"] for person in first["people"]] == [4, 3]
    assert (first["total"], first["nextOffset"], first["pack"]) == (3, 2, PACK)
    assert first["ungroupedFaces"] == 3
    second = api.get(PEOPLE, params={"limit": 2, "offset": 2}).json()
    assert [person["personId"] for person in second["people"]] == grouped.ids[2:]
    assert second["nextOffset"] is None
    beyond = api.get(PEOPLE, params={"offset": 100}).json()
    assert (beyond["people"], beyond["total"], beyond["nextOffset"]) == ([], 3, None)


def test_a_person_in_the_list_is_the_person_alone(api: httpx.Client, grouped: Grouped) -> None:
    listed = api.get(PEOPLE).json()["people"][0]
    assert api.get(f"{PEOPLE}/{grouped.ids[0]}").json() == listed
    assert (
        listed.items()
        >= {
            "personId": grouped.ids[0],
            "name": None,
            "isHidden": False,
            "version": 1,
            "faceCount": 4,
            "pack": PACK,
        }.items()
    )
    assert api.get(listed["coverUrl"]).status_code == 200


def test_hidden_people_are_listed_on_demand(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    with begin(engine) as db:
        db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": grouped.ids[0]})
    totals = {hidden: list_total(api, hidden=hidden) for hidden in ("true", "false", "all")}
    assert totals == {"true": 1, "false": 2, "all": 3}
    assert list_total(api, named="true") == 0
    assert api.get(f"{PEOPLE}/{grouped.ids[0]}").json()["isHidden"] is True


def list_total(api: httpx.Client, **params: str) -> int:
    return int(api.get(PEOPLE, params=params).json()["total"])


def test_without_a_session_there_is_nobody(api: httpx.Client) -> None:
    body = api.get(PEOPLE).json()
    assert body == {
        "people": [],
        "total": 0,
        "nextOffset": None,
        "pack": PACK,
        "ungroupedFaces": 0,
        "setAsideFaces": 0,
    }


def test_the_pack_is_that_of_the_newest_session_unless_named(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    fill_people(engine, 3, pack="buffalo_l")
    assert list_total(api) == 1
    assert api.get(PEOPLE).json()["pack"] == "buffalo_l"
    assert list_total(api, pack=PACK) == 3


def test_faces_come_in_pages_with_their_photos(api: httpx.Client, grouped: Grouped) -> None:
    person, faces = next(iter(grouped.people.items()))
    first = api.get(f"{PEOPLE}/{person}/faces", params={"limit": 3}).json()
    assert (first["total"], first["nextAfter"]) == (4, faces[2])
    face = first["faces"][0]
    assert (
        face.items()
        >= {
            "faceId": faces[0],
            "personId": person,
            "path": "/photos/0000.jpg",
            "box": {"left": 1.5, "top": 2.5, "right": 50.0, "bottom": 60.0},
            "imageWidth": 400,
            "imageHeight": 300,
            "isPlacedByUser": False,
            "takenAt": "2020-01-01T00:00:00",
            "duplicates": 0,
        }.items()
    )
    rest = api.get(f"{PEOPLE}/{person}/faces", params={"limit": 3, "after": faces[2]}).json()
    assert [face["faceId"] for face in rest["faces"]] == faces[3:]
    assert rest["nextAfter"] is None


def test_ungrouped_faces_have_a_page_of_their_own(api: httpx.Client, grouped: Grouped) -> None:
    body = api.get(f"{PEOPLE}/ungrouped/faces").json()
    assert [face["faceId"] for face in body["faces"]] == grouped.ungrouped
    assert {face["personId"] for face in body["faces"]} == {None}
    assert (body["total"], body["nextAfter"]) == (3, None)


@pytest.mark.parametrize("path", ["/4711", "/4711/faces"])
def test_a_person_who_is_not_there_is_a_404(api: httpx.Client, path: str) -> None:
    assert check_problem(api.get(PEOPLE + path), 404)["type"] == "urn:headcount:problem:not-found"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "offset=-1", "hidden=maybe", "named=maybe", "pack=../etc"]
)
def test_a_query_that_cannot_be_is_a_422(api: httpx.Client, query: str) -> None:
    check_problem(api.get(f"{PEOPLE}?{query}"), 422)


def test_a_name_part_may_hold_anything(api: httpx.Client, grouped: Grouped) -> None:
    for part in ("%", "\\", "a\0b", "'", "_"):
        assert api.get(PEOPLE, params={"q": part}).json()["total"] == 0
