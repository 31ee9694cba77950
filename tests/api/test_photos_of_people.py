"""Photos of people, a person's history, covers and birth dates over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.store.database.engine import begin
from tests.api.test_guards import check_problem
from tests.people import Album, fill_album, set_times

IMAGES, PEOPLE = "/api/v1/images", "/api/v1/people"
ANNA, BEA, CARL = 1, 2, 3


@pytest.fixture
def album(engine: Engine) -> Album:
    album = fill_album(engine, [ANNA, BEA], [ANNA, ANNA], [ANNA, BEA, CARL], [ANNA, BEA, 0])
    with begin(engine) as db:
        set_times(db, album, "2014-05-01 10:00", "2015-01-01", "2016-01-01", None)
    return album


def find(api: httpx.Client, album: Album, *labels: int, **more: object) -> dict[str, Any]:
    people = ",".join(map(str, album.of(*labels)))
    answer = api.get(IMAGES, params={"people": people, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers(album: Album, body: dict[str, Any]) -> list[int]:
    return [album.photo(photo["imageId"]) for photo in body["photos"]]


def test_photos_of_people_are_found_by_all_any_and_only(api: httpx.Client, album: Album) -> None:
    everyone = find(api, album, ANNA, BEA)
    assert numbers(album, everyone) == [2, 0, 3]
    assert (everyone["match"], everyone["total"], everyone["photoCount"]) == ("all", 3, 3)
    assert [person["personId"] for person in everyone["people"]] == album.of(ANNA, BEA)
    assert numbers(album, find(api, album, BEA, CARL, match="any")) == [2, 0, 3]
    assert numbers(album, find(api, album, ANNA, BEA, match="only")) == [0]
    first = find(api, album, ANNA, match="only")["photos"][0]
    assert first["takenAt"] == "2015-01-01T00:00:00"
    assert api.get(first["thumbnailUrl"]).status_code == 200


def test_pages_of_photos_follow_each_other(api: httpx.Client, album: Album) -> None:
    first = find(api, album, ANNA, limit=3)
    rest = find(api, album, ANNA, limit=3, offset=first["nextOffset"])
    assert numbers(album, first) + numbers(album, rest) == [2, 1, 0, 3]
    assert (first["total"], first["nextOffset"], rest["nextOffset"]) == (4, 3, None)


def test_somebody_who_is_not_there_is_404(api: httpx.Client, album: Album) -> None:
    anna = album.people[ANNA]
    for wrong in ("4711", f"{anna},4711"):
        check_problem(api.get(IMAGES, params={"people": wrong}), 404)
    check_problem(api.get(IMAGES, params={"people": anna, "pack": "other"}), 404)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"people": ""},
        {"people": "1,"},
        {"people": "0"},
        {"people": "Anna"},
        {"people": "9" * 30},
        {"people": "1,2", "match": "most"},
        {"people": ",".join(["1"] * 51)},
        {"people": "1", "limit": 0},
    ],
)
def test_a_question_that_makes_no_sense_is_422(
    api: httpx.Client, album: Album, query: dict[str, str]
) -> None:
    check_problem(api.get(IMAGES, params=query), 422)


def test_fifty_people_may_be_asked_for(api: httpx.Client, album: Album) -> None:
    anna = str(album.people[ANNA])
    assert api.get(IMAGES, params={"people": ",".join([anna] * 50)}).json()["total"] == 4


def test_a_person_s_history_tells_years_and_companions(api: httpx.Client, album: Album) -> None:
    body = api.get(f"{PEOPLE}/{album.people[ANNA]}/summary").json()
    assert body["years"] == [{"year": year, "photoCount": 1} for year in (2014, 2015, 2016)]
    assert (body["undated"], body["firstTakenAt"]) == (1, "2014-05-01T10:00:00")
    assert body["lastTakenAt"] == "2016-01-01T00:00:00"
    together = [(one["personId"], one["photoCount"]) for one in body["together"]]
    assert together == list(zip(album.of(BEA, CARL), (3, 1), strict=True))
    assert api.get(body["together"][0]["coverUrl"]).status_code == 200
    check_problem(api.get(f"{PEOPLE}/4711/summary"), 404)


def test_a_photo_tells_every_face_and_whose_it_is(api: httpx.Client, album: Album) -> None:
    body = api.get(f"{IMAGES}/{album.image_ids[3]}").json()
    assert [face["personId"] for face in body["faces"]] == [*album.of(ANNA, BEA), None]
    assert body["faces"][0]["box"] == {"left": 1.5, "top": 2.5, "right": 50.0, "bottom": 60.0}


def put_cover(api: httpx.Client, person_id: int, **body: object) -> httpx.Response:
    return api.put(f"{PEOPLE}/{person_id}/cover", json=body)


def test_a_cover_is_chosen_left_to_headcount_and_undone(api: httpx.Client, album: Album) -> None:
    anna, face = album.people[ANNA], album.face_ids[2][0]
    chosen = put_cover(api, anna, faceId=face, version=1).json()
    assert (chosen["person"]["coverFaceId"], chosen["person"]["isCoverChosen"]) == (face, True)
    left = put_cover(api, anna, faceId=None, version=2).json()
    assert not left["person"]["isCoverChosen"]
    undone = api.post(f"{PEOPLE}/changes/{left['changeId']}/undo").json()
    assert undone["people"][0]["coverFaceId"] == face
    assert api.get(f"{PEOPLE}/{anna}").json()["coverFaceId"] == face


def test_a_cover_that_cannot_be_is_refused(api: httpx.Client, album: Album) -> None:
    anna, of_bea = album.people[ANNA], album.face_ids[0][1]
    other = check_problem(put_cover(api, anna, faceId=of_bea, version=1), 409)
    assert (other["type"], other["faceIds"]) == ("urn:headcount:problem:faces-elsewhere", [of_bea])
    face = album.face_ids[2][0]
    late = check_problem(put_cover(api, anna, faceId=face, version=9), 409)
    assert late["type"] == "urn:headcount:problem:stale-version"
    check_problem(put_cover(api, 4711, faceId=face, version=1), 404)
    check_problem(put_cover(api, anna, version=1), 422)


def set_birth(api: httpx.Client, person_id: int, born: object, *, version: int) -> httpx.Response:
    body = {"birthDate": born, "version": version}
    return api.patch(f"{PEOPLE}/{person_id}", json=body)


def test_a_birth_date_is_set_removed_and_undone(api: httpx.Client, album: Album) -> None:
    anna = album.people[ANNA]
    changed = set_birth(api, anna, "2014-05-03", version=1).json()
    assert changed["person"]["birthDate"] == "2014-05-03"
    assert changed["person"]["faceCount"] == 4, "the face of the first of May is gone"
    api.post(f"{PEOPLE}/changes/{changed['changeId']}/undo")
    person = api.get(f"{PEOPLE}/{anna}").json()
    assert (person["birthDate"], person["faceCount"]) == (None, 5)
    version = person["version"]
    set_birth(api, anna, "2014-04-30", version=version)
    removed = set_birth(api, anna, None, version=version + 1).json()
    assert removed["person"]["birthDate"] is None


def test_a_birth_date_that_is_left_out_stays(api: httpx.Client, album: Album) -> None:
    anna = album.people[ANNA]
    set_birth(api, anna, "2000-02-29", version=1)
    named = api.patch(f"{PEOPLE}/{anna}", json={"name": "Anna", "version": 2}).json()
    assert named["person"]["birthDate"] == "2000-02-29"


@pytest.mark.parametrize(
    "born",
    ["2999-01-01", "1799-12-31", "2015-02-29", "20140503", "3.5.2014", "", 20140503, True, 1.5],
)
def test_what_is_no_birth_date_is_422(api: httpx.Client, album: Album, born: object) -> None:
    anna = album.people[ANNA]
    check_problem(set_birth(api, anna, born, version=1), 422)
    assert api.get(f"{PEOPLE}/{anna}").json()["version"] == 1
