"""Suggestions over HTTP: the questions, what an answer changes, and how one is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from serve.app import AppParts, build_app
from serve.suggestion_lists import SuggestionLists
from tests.api.running import RunningApp
from tests.api.test_guards import check_problem
from tests.people import half_alike
from tests.suggested import Circle, fill_circle

SUGGESTIONS = "/api/v1/suggestions"
ANSWERS = f"{SUGGESTIONS}/answers"
ANGLES = (0, 1, 2, 20, 21, 100, 101, 120, 200, 220)
PEOPLE = (1, 1, 1, 2, 2, 3, 3, 0, 0, 0)


@pytest.fixture
def running(parts: AppParts) -> RunningApp:
    lists = SuggestionLists(thresholds_of=half_alike)
    return RunningApp(build_app(replace(parts, suggestions=lists)))


@pytest.fixture
def circle(engine: Engine) -> Circle:
    """Two people who look alike, a face that looks like a third person, and two faces alike."""
    return fill_circle(engine, ANGLES, PEOPLE)


def read(api: httpx.Client, **query: object) -> dict[str, Any]:
    answer = api.get(SUGGESTIONS, params={"pack": "bundled", **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def body_of(suggestion: dict[str, Any], answer: str, **more: object) -> dict[str, object]:
    sides = suggestion["first"], suggestion["second"]
    people = [side["person"] for side in sides if side["person"]]
    return {
        "firstFaceId": sides[0]["face"]["faceId"],
        "secondFaceId": sides[1]["face"]["faceId"],
        "answer": answer,
        "versions": {person["personId"]: person["version"] for person in people},
        **more,
    }


def send(api: httpx.Client, suggestion: dict[str, Any], answer: str, **more: object) -> Any:
    sent = api.post(ANSWERS, json=body_of(suggestion, answer, **more))
    assert sent.status_code == 200, sent.text
    return sent.json()


def test_a_suggestion_has_what_a_user_needs_to_answer_it(api: httpx.Client, circle: Circle) -> None:
    body = read(api)
    assert (body["total"], body["isPreparing"], body["pack"]) == (3, False, "bundled")
    assert [one["kind"] for one in body["suggestions"]] == ["people", "place", "pair"]
    people, place, pair = body["suggestions"]
    assert people["first"]["person"]["personId"] == circle.people[0]
    assert people["second"]["face"]["cropUrl"].startswith("/api/v1/faces/")
    assert people["second"]["face"]["thumbnailUrl"].startswith("/api/v1/images/")
    assert people["settles"] == 2
    assert 90 <= people["similarity"] <= 100
    assert people["likelihood"] == 100
    assert place["second"]["person"] is None
    assert pair["first"]["companions"] == []
    assert len(read(api, limit=1)["suggestions"]) == 1


def test_answers_settle_suggestions_until_none_is_left(api: httpx.Client, circle: Circle) -> None:
    people, place, pair = read(api)["suggestions"]
    merged = send(api, people, "yes")
    assert [person["faceCount"] for person in merged["people"]] == [5]
    assert [one["kind"] for one in read(api)["suggestions"]] == ["place", "pair"]
    assert send(api, place, "no")["people"][0]["faceCount"] == 2
    assert send(api, pair, "not_sure")["people"] == []
    assert read(api)["suggestions"] == []
    assert read(api)["total"] == 0


def test_an_undone_answer_is_asked_again(api: httpx.Client, circle: Circle) -> None:
    people = read(api)["suggestions"][0]
    done = send(api, people, "yes")
    last = api.get("/api/v1/people/changes/last", params={"pack": "bundled"}).json()
    assert (last["kind"], last["changeId"]) == ("answer", done["changeId"])
    assert api.post(f"/api/v1/people/changes/{done['changeId']}/undo").status_code == 200
    again = read(api)["suggestions"][0]
    assert (again["kind"], again["settles"]) == ("people", 2)


def test_an_answer_for_people_who_changed_since_is_a_conflict(
    api: httpx.Client, circle: Circle
) -> None:
    people, place, _ = read(api)["suggestions"]
    api.patch(f"/api/v1/people/{circle.people[0]}", json={"name": "Anna", "version": 1})
    stale = check_problem(api.post(ANSWERS, json=body_of(people, "yes")), 409)
    assert stale["type"] == "urn:headcount:problem:stale-version"
    assert stale["current"]["name"] == "Anna"
    send(api, place, "yes")
    late = check_problem(api.post(ANSWERS, json=body_of(place, "yes")), 409)
    assert late["type"] == "urn:headcount:problem:faces-elsewhere"


def test_a_yes_about_two_names_needs_the_name_that_stays(api: httpx.Client, circle: Circle) -> None:
    for person_id, name in zip(circle.people, ("Anna", "Bea"), strict=False):
        api.patch(f"/api/v1/people/{person_id}", json={"name": name, "version": 1})
    people = read(api)["suggestions"][0]
    differ = check_problem(api.post(ANSWERS, json=body_of(people, "yes")), 409)
    assert differ["type"] == "urn:headcount:problem:names-differ"
    assert differ["names"] == ["Anna", "Bea"]
    [person] = send(api, people, "yes", keepName="Bea")["people"]
    assert (person["name"], person["faceCount"]) == ("Bea", 5)


def test_an_answer_about_faces_that_are_gone_is_not_found(
    api: httpx.Client, circle: Circle
) -> None:
    body = {"firstFaceId": circle.face_ids[0], "secondFaceId": 10**12, "answer": "no"}
    check_problem(api.post(ANSWERS, json=body), 404)
    check_problem(api.post(ANSWERS, json=body | {"answer": "perhaps"}), 422)
