"""Faces are set aside, listed and taken back over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from tests.api.test_guards import check_problem
from tests.library import PACK
from tests.people import Grouped, fill_people

VERDICTS = "/api/v1/faces/verdicts"
PEOPLE = "/api/v1/people"


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, ungrouped=3)


def judge(api: httpx.Client, face_ids: list[int], verdict: str | None) -> dict[str, Any]:
    answer = api.post(VERDICTS, json={"faceIds": face_ids, "verdict": verdict})
    assert answer.status_code == 200, answer.text
    judged: dict[str, Any] = answer.json()
    return judged


def listed(api: httpx.Client, **query: str | int) -> dict[str, Any]:
    page: dict[str, Any] = api.get(f"{PEOPLE}/ungrouped/faces", params=query).json()
    return page


def test_faces_are_set_aside_listed_in_pages_and_taken_back(
    api: httpx.Client, grouped: Grouped
) -> None:
    one = grouped.ids[0]
    faces = [*grouped.people[one][:2], *grouped.ungrouped[:1]]
    judged = judge(api, faces, "stranger")
    assert [(p["personId"], p["faceCount"]) for p in judged["people"]] == [(one, 2)]
    assert judged["faceCount"] == 3
    people = api.get(PEOPLE).json()
    assert (people["ungroupedFaces"], people["setAsideFaces"]) == (2, 3)
    assert listed(api)["total"] == 2
    page = listed(api, verdict="stranger", limit=2)
    assert (page["total"], [f["verdict"] for f in page["faces"]]) == (3, ["stranger"] * 2)
    rest = listed(api, verdict="stranger", limit=2, after=page["nextAfter"])
    assert {f["faceId"] for f in [*page["faces"], *rest["faces"]]} == set(faces)
    assert listed(api, verdict="hidden")["total"] == 0
    assert judge(api, faces, None)["faceCount"] == 3
    assert listed(api)["total"] == 5
    assert {face["verdict"] for face in listed(api)["faces"]} == {None}


def test_a_verdict_is_told_and_undone_like_all_changes(api: httpx.Client, grouped: Grouped) -> None:
    judged = judge(api, grouped.people[grouped.ids[0]], "not_a_face")
    assert judged["people"] == []
    last = api.get(f"{PEOPLE}/changes/last").json()
    assert (last["kind"], last["summary"]) == ("verdict", "Marked 4 faces as not a face")
    undone = api.post(f"{PEOPLE}/changes/{judged['changeId']}/undo").json()
    assert [person["personId"] for person in undone["people"]] == [grouped.ids[0]]
    assert judge(api, grouped.ungrouped, None) == {"people": [], "faceCount": 0, "changeId": None}


def test_a_photo_names_nobody_for_a_face_that_was_set_aside(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    face_id = grouped.people[grouped.ids[0]][0]
    with begin(engine) as db:
        query = text("SELECT image_id FROM face WHERE id = :id")
        image_id = db.execute(query, {"id": face_id}).scalar_one()
    judge(api, [face_id], "hidden")
    assert api.get(f"/api/v1/images/{image_id}").json()["people"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"faceIds": [1]},
        {"faceIds": [], "verdict": "stranger"},
        {"faceIds": [1], "verdict": "ugly"},
        {"faceIds": [1], "verdict": "stranger", "more": 1},
        {"faceIds": list(range(1, 1002)), "verdict": "stranger"},
        {"faceIds": [2**63], "verdict": None},
    ],
)
def test_a_verdict_that_is_not_understood_is_a_422(
    api: httpx.Client, grouped: Grouped, body: dict[str, Any]
) -> None:
    assert check_problem(api.post(VERDICTS, json=body), 422)["errors"]


def test_faces_that_are_not_there_or_of_two_packs_get_no_verdict(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    other = fill_people(engine, 3, pack="other")
    gone = {"faceIds": [grouped.ungrouped[0], 4711], "verdict": "stranger"}
    check_problem(api.post(VERDICTS, json=gone), 404)
    both = [grouped.ungrouped[0], other.people[other.ids[0]][0]]
    mixed = check_problem(api.post(VERDICTS, json={"faceIds": both, "verdict": "hidden"}), 422)
    assert mixed["type"] == "urn:headcount:problem:impossible-change"
    assert listed(api, pack=PACK)["total"] == 3


def test_a_thousand_faces_get_a_verdict_at_once(api: httpx.Client, engine: Engine) -> None:
    faces = fill_people(engine, 400, 300, ungrouped=300)
    ids = [*faces.ungrouped, *(face for of_one in faces.people.values() for face in of_one)]
    assert judge(api, ids, "hidden")["faceCount"] == 1000
    assert api.get(PEOPLE).json()["total"] == 0
