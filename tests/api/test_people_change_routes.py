"""People are named, hidden, merged and split over HTTP; changes are undone, or refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.api.test_guards import check_problem
from tests.people import Grouped, fill_people

PEOPLE = "/api/v1/people"


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def edit(api: httpx.Client, person_id: int, *, version: int = 1, **more: object) -> httpx.Response:
    return api.patch(f"{PEOPLE}/{person_id}", json={"version": version, **more})


def post(api: httpx.Client, path: str, **body: object) -> dict[str, Any]:
    answer = api.post(f"{PEOPLE}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def last(api: httpx.Client) -> dict[str, Any]:
    change: dict[str, Any] = api.get(f"{PEOPLE}/changes/last").json()
    return change


def test_a_person_is_named_hidden_and_unnamed(api: httpx.Client, grouped: Grouped) -> None:
    anna = grouped.ids[0]
    body = edit(api, anna, name="  Anna ").json()
    assert (body["person"]["name"], body["person"]["version"]) == ("Anna", 2)
    assert api.get(f"{PEOPLE}/{anna}").json() == body["person"]
    assert [p["personId"] for p in api.get(PEOPLE, params={"q": "ANN"}).json()["people"]] == [anna]
    hidden = edit(api, anna, version=2, isHidden=True).json()["person"]
    assert (hidden["name"], hidden["isHidden"]) == ("Anna", True)
    assert edit(api, anna, version=3, name=None).json()["person"]["name"] is None
    same = edit(api, anna, version=4, isHidden=True).json()
    assert (same["changeId"], same["person"]["version"]) == (None, 4)


def test_a_stale_change_is_refused_with_the_person_as_it_is(
    api: httpx.Client, grouped: Grouped
) -> None:
    anna = grouped.ids[0]
    current = edit(api, anna, name="Anna").json()["person"]
    body = check_problem(edit(api, anna, name="Bea"), 409)
    assert body["type"] == "urn:headcount:problem:stale-version"
    assert body["current"] == current


def test_of_two_tabs_that_save_at_once_one_is_told(api: httpx.Client, grouped: Grouped) -> None:
    def save(name: str) -> int:
        return edit(api, grouped.ids[0], name=name).status_code

    with ThreadPoolExecutor(2) as tabs:
        assert sorted(tabs.map(save, ["Anna", "Bea"])) == [200, 409]


def test_a_name_that_is_taken_offers_a_merge(api: httpx.Client, grouped: Grouped) -> None:
    anna, same, _ = grouped.ids
    edit(api, anna, name="Anna")
    body = check_problem(edit(api, same, name="anna"), 409)
    assert body["type"] == "urn:headcount:problem:name-taken"
    assert (body["otherPersonId"], body["otherName"], body["version"]) == (anna, "Anna", 2)
    versions = {str(same): 1, str(anna): body["version"]}
    merged = post(api, f"{same}/merge", otherIds=[anna], versions=versions)["person"]
    assert (merged["personId"], merged["name"], merged["faceCount"]) == (same, "Anna", 7)
    check_problem(api.get(f"{PEOPLE}/{anna}"), 404)
    assert last(api)["summary"] == "Merged 1 person into Anna"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\0b", "a\u2028b", 7])
def test_a_name_that_cannot_be_is_a_422(api: httpx.Client, grouped: Grouped, name: object) -> None:
    body = check_problem(edit(api, grouped.ids[0], name=name), 422)
    assert body["errors"][0]["field"] == "name"  # type: ignore[index]


@pytest.mark.parametrize("name", ["Ñandú", "李小龍", "O'Brien", "👩‍👧", "x" * 200])
def test_any_name_that_people_have_comes_back(
    api: httpx.Client, grouped: Grouped, name: str
) -> None:
    assert edit(api, grouped.ids[0], name=name).json()["person"]["name"] == name


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}),
        ("", {"name": "Anna"}),
        ("", {"version": 1, "cover": 7}),
        ("/merge", {"otherIds": [], "versions": {}}),
        ("/merge", {"otherIds": [2]}),
        ("/merge", {"otherIds": [2], "versions": {"x": 1}}),
        ("/split", {"faceIds": [], "version": 1}),
        ("/split", {"faceIds": [1]}),
        ("/split", {"faceIds": [1], "version": 1, "toPersonId": "somebody"}),
        ("/split", {"faceIds": [2**63], "version": 1}),
    ],
)
def test_a_change_that_is_not_understood_names_the_field(
    api: httpx.Client, grouped: Grouped, path: str, body: dict[str, Any]
) -> None:
    method = "POST" if path else "PATCH"
    answer = api.request(method, f"{PEOPLE}/{grouped.ids[0]}{path}", json=body)
    assert check_problem(answer, 422)["errors"]


def test_merged_people_come_back_with_their_ids_names_and_faces(
    api: httpx.Client, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    edit(api, two, name="Bea")
    before = api.get(PEOPLE).json()["people"]
    versions = {str(one): 1, str(two): 2, str(three): 1}
    change = post(api, f"{one}/merge", otherIds=[two, three], versions=versions)["changeId"]
    assert last(api) | {"createdAt": None} == {
        "changeId": change,
        "kind": "merge",
        "summary": "Merged 2 people into Bea",
        "canUndo": True,
        "createdAt": None,
        "undoneAt": None,
    }
    undone = post(api, f"changes/{change}/undo")
    assert {person["personId"] for person in undone["people"]} == set(grouped.ids)
    after = api.get(PEOPLE).json()["people"]
    assert [p | {"version": 0} for p in after] == [p | {"version": 0} for p in before]
    assert undone["summary"] == "Merged 2 people into Bea"
    assert undone["next"] == last(api)
    assert (last(api)["summary"], last(api)["canUndo"]) == ("Named Bea", True)
    again = check_problem(api.post(f"{PEOPLE}/changes/{change}/undo"), 409)
    assert again["type"] == "urn:headcount:problem:not-last-change"


def test_changes_are_listed_and_undone_one_by_one(api: httpx.Client, grouped: Grouped) -> None:
    for version in range(1, 26):
        edit(api, grouped.ids[0], version=version, name=f"Name {version}")
    assert len(api.get(f"{PEOPLE}/changes/newest", params={"limit": 3}).json()["changes"]) == 3
    told = api.get(f"{PEOPLE}/changes/newest").json()["changes"]
    assert [change["canUndo"] for change in told] == [True] + [False] * 24
    problem = check_problem(api.post(f"{PEOPLE}/changes/{told[1]['changeId']}/undo"), 409)
    assert problem["type"] == "urn:headcount:problem:not-last-change"
    for change, following in zip(told, [*told[1:], None], strict=True):
        undone = post(api, f"changes/{change['changeId']}/undo")
        assert undone["changeId"] == change["changeId"]
        assert undone["next"] == (following and following | {"canUndo": True})
    assert last(api) is None
    after = api.get(f"{PEOPLE}/changes/newest").json()["changes"]
    assert len(after) == 25
    assert all(change["undoneAt"] and not change["canUndo"] for change in after)
    assert api.get(f"{PEOPLE}/{grouped.ids[0]}").json()["name"] is None


def test_people_are_hidden_together_in_one_change(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    versions = {str(one): 1 for one in grouped.ids}
    hidden = post(api, "several/hide", versions=versions, isHidden=True)
    assert [(p["personId"], p["isHidden"]) for p in hidden["people"]] == [
        (one, True) for one in grouped.ids
    ]
    assert last(api)["summary"] == "Hid 3 people"
    assert post(api, "several/hide", versions=versions, isHidden=True)["changeId"] is None
    stale = api.post(f"{PEOPLE}/several/hide", json={"versions": versions, "isHidden": False})
    assert check_problem(stale, 409)["type"] == "urn:headcount:problem:stale-version"
    assert len(post(api, f"changes/{hidden['changeId']}/undo")["people"]) == 3
    assert api.get(PEOPLE).json()["total"] == 3
    other = fill_people(engine, 3, pack="other").ids[0]
    for versions, status in (({"4711": 1}, 404), ({str(other): 1, str(grouped.ids[0]): 3}, 422)):
        answer = api.post(f"{PEOPLE}/several/hide", json={"versions": versions, "isHidden": True})
        check_problem(answer, status)


def test_a_merge_that_makes_no_sense_is_a_422(
    api: httpx.Client, grouped: Grouped, engine: Engine
) -> None:
    one = grouped.ids[0]
    other = fill_people(engine, 3, pack="other").ids[0]
    for others in ([one], [other]):
        body = {"otherIds": others, "versions": {str(one): 1, str(other): 1}}
        problem = check_problem(api.post(f"{PEOPLE}/{one}/merge", json=body), 422)
        assert problem["type"] == "urn:headcount:problem:impossible-change"
    gone = {"otherIds": [4711], "versions": {str(one): 1, "4711": 1}}
    check_problem(api.post(f"{PEOPLE}/{one}/merge", json=gone), 404)


def test_faces_are_moved_to_a_new_person_another_and_none(
    api: httpx.Client, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    faces = grouped.people[one]
    new = post(api, f"{one}/split", faceIds=faces[:1], toPersonId=None, version=1)
    assert (new["person"]["faceCount"], new["target"]["faceCount"]) == (3, 1)
    assert last(api)["summary"] == f"Moved 1 face to person {new['target']['personId']}"
    moved = post(api, f"{one}/split", faceIds=faces[1:2], toPersonId=two, version=2)
    assert moved["target"]["personId"] == two
    rest = post(api, f"{one}/split", faceIds=faces[2:], toPersonId="nobody", version=3)
    assert (rest["person"], rest["target"]) == (None, None)
    assert api.get(PEOPLE).json()["ungroupedFaces"] == 5
    back = post(api, f"changes/{rest['changeId']}/undo")
    assert [person["personId"] for person in back["people"]] == [one]
    placed = api.get(f"{PEOPLE}/{two}/faces").json()["faces"]
    assert [face["faceId"] for face in placed if face["isPlacedByUser"]] == faces[1:2]


def test_ungrouped_faces_are_moved_to_a_person(api: httpx.Client, grouped: Grouped) -> None:
    first, *rest = grouped.ungrouped
    new = post(api, "ungrouped/split", faceIds=[first])
    assert (new["person"], new["target"]["faceCount"]) == (None, 1)
    target = new["target"]["personId"]
    more = post(api, "ungrouped/split", faceIds=rest, toPersonId=target)
    assert more["target"]["faceCount"] == 3
    body = {"faceIds": rest, "toPersonId": target}
    elsewhere = check_problem(api.post(f"{PEOPLE}/ungrouped/split", json=body), 409)
    assert elsewhere["type"] == "urn:headcount:problem:faces-elsewhere"
    assert elsewhere["faceIds"] == rest


def test_without_a_change_there_is_no_last_one(api: httpx.Client, grouped: Grouped) -> None:
    answer = api.get(f"{PEOPLE}/changes/last")
    assert (answer.status_code, answer.json()) == (200, None)
    check_problem(api.post(f"{PEOPLE}/changes/1/undo"), 404)


def test_thousands_of_faces_can_be_moved_in_one_request(
    api: httpx.Client, grouped: Grouped
) -> None:
    """The largest list that is allowed fits into the largest body that is allowed."""
    body = {"faceIds": list(range(10**9, 10**9 + 5000)), "version": 1}
    check_problem(api.post(f"{PEOPLE}/{grouped.ids[0]}/split", json=body), 409)


def test_the_document_types_every_answer_about_people(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if "/people" not in path:
            continue
        for operation in methods.values():
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            body, *rest = schema.get("anyOf", [schema])
            assert "$ref" in body, path
            assert rest in ([], [{"type": "null"}]), path
            assert operation["summary"]
