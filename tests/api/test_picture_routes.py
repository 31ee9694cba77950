"""Thumbnails and crops over HTTP come from the database, and a client asks for each only once."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from cluster.core.identity.people import TAG_CHARACTERS
from cluster.store.database.engine import begin
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
    """A photo that changes keeps its id, and a new library counts its ids from 1 again."""
    path = f"/api/v1/images/{face['imageId']}/thumbnail"
    assert api.get(path).headers["cache-control"] == "private, no-cache"
    with begin(engine) as db:
        db.execute(text("UPDATE image SET thumbnail = 'other'"))
    answer = api.get(face["thumbnailUrl"])
    assert answer.content == b"other"
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path", ["images/4711/thumbnail", "images/4711/preview", "faces/4711/crop"]
)
def test_a_picture_that_is_not_there_is_a_404(api: httpx.Client, path: str) -> None:
    check_problem(api.get(f"/api/v1/{path}"), 404)


@pytest.fixture
def photo(face: dict[str, Any], engine: Engine, tmp_path: Path) -> Path:
    """The file of the face's photo: 2,000 pixels wide, stored with a quarter turn."""
    file = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2000, 1000), "navy").save(file, exif=exif)
    found = {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).digest()}
    with begin(engine) as db:
        row = text("UPDATE file SET path = :path, sha256 = :sha256 WHERE image_id = :id")
        db.execute(row, {**found, "id": face["imageId"]})
    return file


def test_a_photo_is_shown_upright_and_as_large_as_a_screen(
    api: httpx.Client, face: dict[str, Any], photo: Path
) -> None:
    address = f"/api/v1/images/{face['imageId']}/preview"
    answer = api.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (800, 1600)
    tag = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert answer.headers["etag"] == f'"{tag}"'
    named = api.get(f"{address}?v={tag[:TAG_CHARACTERS]}")
    assert named.headers["cache-control"] == "private, max-age=31536000, immutable"
    photo.unlink()
    again = api.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_that_is_gone_or_another_is_not_shown(
    api: httpx.Client, face: dict[str, Any], photo: Path, tmp_path: Path
) -> None:
    """Only the file that was indexed is read over HTTP, not another one at its path."""
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (8, 8)).save(secret)
    photo.unlink()
    address = f"/api/v1/images/{face['imageId']}/preview"
    assert "no longer there" in str(check_problem(api.get(address), 404)["reason"])
    photo.symlink_to(secret)
    assert "has changed" in str(check_problem(api.get(address), 404)["reason"])
