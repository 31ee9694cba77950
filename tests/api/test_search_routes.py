"""A photo is sent, an actor finds its faces, and the answer lists the people who look like them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine

from cluster.core.errors import PackNotFound, UnreadableImage
from cluster.core.identity.faces import PhotoFaces
from cluster.store.database.engine import begin
from cluster.store.people.face_vectors import load_vectors
from serve.app import build_app
from serve.parts import AppParts, PackChoice
from serve.problems import SearchUnavailable
from tests.api.conftest import Start
from tests.api.running import RunningApp
from tests.api.test_guards import check_problem
from tests.library import PACK, make_face
from tests.people import Grouped, fill_people

SEARCH = "/api/v1/faces/search"
JPEG = {"Content-Type": "image/jpeg"}
LIMIT = 200_000


@dataclass
class FakeSearch:
    """Finds these faces in every photo, or raises an error."""

    found: PhotoFaces = field(default_factory=lambda: PhotoFaces(640, 480, ()))
    error: Exception | None = None
    asked: list[tuple[bytes, PackChoice]] = field(default_factory=list)

    async def __call__(self, photo: bytes, pack: PackChoice) -> PhotoFaces:
        self.asked.append((photo, pack))
        if self.error is not None:
            raise self.error
        return self.found


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def api(start: Start, parts: AppParts, search: FakeSearch) -> httpx.Client:
    app = build_app(replace(parts, search=search, search_max_bytes=LIMIT))
    return start(RunningApp(app))


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2)


def test_each_face_comes_with_the_people_most_like_it(
    api: httpx.Client, engine: Engine, grouped: Grouped, search: FakeSearch
) -> None:
    with begin(engine) as db:
        vector = load_vectors(db, pack=PACK, min_quality=0.0).vectors[8].astype("<f4")
    known, stranger = replace(make_face(1), embedding=vector.tobytes()), make_face(4711)
    search.found = PhotoFaces(800, 600, (known, stranger))
    answer = api.post(SEARCH, content=b"a photo", headers=JPEG, params={"limit": 2})
    body = answer.json()
    assert answer.status_code == 200
    assert (body["imageWidth"], body["imageHeight"], body["pack"]) == (800, 600, PACK)
    first, second = body["faces"]
    assert first["box"] == {"left": 1.5, "top": 2.5, "right": 50.0, "bottom": 60.0}
    assert first["matches"][0]["similarity"] == pytest.approx(1.0)
    person = first["matches"][0]["person"]
    assert person == api.get(f"/api/v1/people/{grouped.ids[2]}").json()
    for face in (first, second):
        likeness = [match["similarity"] for match in face["matches"]]
        assert len(likeness) == 2
        assert all(a >= b for a, b in itertools.pairwise(likeness))
    assert np.all(np.abs([match["similarity"] for match in second["matches"]]) < 0.5)
    assert search.asked == [(b"a photo", PackChoice(PACK, PACK))]


def test_a_photo_without_a_face_is_an_answer(api: httpx.Client, grouped: Grouped) -> None:
    body = api.post(SEARCH, content=b"a photo", headers=JPEG).json()
    assert body == {"faces": [], "imageWidth": 640, "imageHeight": 480, "pack": PACK}


def test_a_photo_that_cannot_be_read_is_a_422_with_its_reason(
    api: httpx.Client, search: FakeSearch
) -> None:
    search.error = UnreadableImage("The photo", "not a photo: the file holds text")
    body = check_problem(api.post(SEARCH, content=b"text", headers=JPEG), 422)
    assert body["type"] == "urn:headcount:problem:unreadable-image"
    assert body["reason"] == "not a photo: the file holds text"
    assert body["detail"] == "The photo: not a photo: the file holds text"


def test_nothing_sent_is_no_photo(api: httpx.Client, search: FakeSearch) -> None:
    body = check_problem(api.post(SEARCH, content=b"", headers=JPEG), 422)
    assert body["reason"] == "the file is empty"
    assert search.asked == []


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", ""])
def test_a_form_of_another_site_cannot_send_a_photo(
    api: httpx.Client, search: FakeSearch, kind: str
) -> None:
    """These content types need no CORS preflight."""
    headers = {"Content-Type": kind} if kind else {}
    check_problem(api.post(SEARCH, content=b"a photo", headers=headers), 415)
    assert search.asked == []


@pytest.mark.parametrize("kind", ["image/heic", "IMAGE/PNG; q=1", "application/octet-stream"])
def test_any_kind_of_picture_may_be_sent(api: httpx.Client, kind: str) -> None:
    answer = api.post(SEARCH, content=b"a photo", headers={"Content-Type": kind})
    assert answer.status_code == 200


def test_a_photo_may_be_larger_than_json_but_not_than_its_limit(
    api: httpx.Client, search: FakeSearch
) -> None:
    assert api.post(SEARCH, content=b"x" * LIMIT, headers=JPEG).status_code == 200
    too_large = b"x" * (LIMIT + 1)
    check_problem(api.post(SEARCH, content=too_large, headers=JPEG), 413)
    check_problem(api.post(SEARCH, content=iter([too_large]), headers=JPEG), 413)
    assert len(search.asked) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(SearchUnavailable("busy"), 503), (PackNotFound("x", "its files are gone"), 422)],
)
def test_a_search_that_cannot_be_made_says_why(
    api: httpx.Client, search: FakeSearch, error: Exception, status: int
) -> None:
    search.error = error
    body = check_problem(api.post(SEARCH, content=b"a photo", headers=JPEG), status)
    assert body["detail"] == str(error)


def test_the_document_says_that_the_body_is_a_photo(api: httpx.Client) -> None:
    operation = api.get("/openapi.json").json()["paths"][SEARCH]["post"]
    assert "image/*" in operation["requestBody"]["content"]
    assert "$ref" in operation["responses"]["200"]["content"]["application/json"]["schema"]
