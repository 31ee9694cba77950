"""Thumbnails and crops over HTTP: from the rows, asked for once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from cluster.store.engine import begin
from tests.api.test_guards import check_problem
from tests.people import fill_people


@pytest.fixture
def face(api: httpx.Client, engine: Engine) -> dict[str, Any]:
    """A face as the API shows it."""
    grouped = fill_people(engine, 3)
    page = api.get(f"/api/v1/people/{grouped.ids[0]}/faces").json()
    first: dict[str, Any] = page["faces"][0]
    return first


@pytest.mark.parametrize("url", ["cropUrl", "thumbnailUrl"])
def test_a_picture_is_given_once_and_then_known(
    api: httpx.Client, face: dict[str, Any], url: str
) -> None:
    answer = api.get(face[url])
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    tag = answer.headers["etag"]
    again = api.get(face[url], headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag


def test_an_address_that_does_not_name_the_picture_is_asked_again(
    api: httpx.Client, face: dict[str, Any], engine: Engine
) -> None:
    """A photo that changes keeps its id, and the ids of a new library begin anew."""
    path = f"/api/v1/images/{face['imageId']}/thumbnail"
    assert api.get(path).headers["cache-control"] == "private, no-cache"
    with begin(engine) as db:
        db.execute(text("UPDATE image SET thumbnail = 'other'"))
    answer = api.get(face["thumbnailUrl"])
    assert answer.content == b"other"
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["images/4711/thumbnail", "faces/4711/crop"])
def test_a_picture_that_is_not_there_is_a_404(api: httpx.Client, path: str) -> None:
    check_problem(api.get(f"/api/v1/{path}"), 404)
