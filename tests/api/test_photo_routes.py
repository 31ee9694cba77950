"""One photo over HTTP: its files, its properties, and the people in it."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine, text

from cluster.core.pictures.photos import FoundPhoto
from cluster.store.database.engine import begin
from cluster.store.photos.missing import mark_files_missing
from tests.api.test_guards import check_problem
from tests.library import NOW, run_session
from tests.people import fill_people

ROUTE = "/api/v1/images"


def change(engine: Engine, statement: str, **key: object) -> None:
    with begin(engine) as db:
        db.execute(text(statement), key)


@pytest.fixture
def image_ids(engine: Engine) -> list[int]:
    """Three photos, each with a face of one person."""
    fill_people(engine, 3)
    with begin(engine) as db:
        return list(db.execute(text("SELECT image_id FROM file ORDER BY path")).scalars())


def test_a_photo_shows_its_files_and_who_is_in_it(
    api: httpx.Client, engine: Engine, image_ids: list[int]
) -> None:
    change(engine, "UPDATE person SET name = 'Anna'")
    photo = api.get(f"{ROUTE}/{image_ids[0]}").json()
    assert (photo["imageId"], photo["width"], photo["height"]) == (image_ids[0], 400, 300)
    assert (photo["takenAt"], photo["missingSince"]) == ("2020-01-01T00:00:00", None)
    (file,) = photo["files"]
    assert (file["path"], file["size"]) == ("/photos/0000.jpg", 10)
    assert file["modifiedAt"] == "1970-01-01T00:00:00Z"
    assert (file["present"], file["missingSince"], file["superseded"]) == (True, None, False)
    (person,) = photo["people"]
    assert (person["name"], len(person["faceIds"])) == ("Anna", 1)
    assert api.get(photo["thumbnailUrl"]).headers["cache-control"].endswith("immutable")
    assert photo["previewUrl"].startswith(f"{ROUTE}/{image_ids[0]}/preview?v=")


def test_what_a_store_does_not_say_of_a_file_is_null(api: httpx.Client, engine: Engine) -> None:
    with begin(engine) as db:
        run_session(db, {"a": FoundPhoto("s3://album/a.jpg", None, None)}, root="s3://album")
        image_id = db.execute(text("SELECT id FROM image")).scalar_one()
    (file,) = api.get(f"{ROUTE}/{image_id}").json()["files"]
    assert (file["size"], file["modifiedAt"]) == (None, None)


def test_a_photo_names_its_duplicates_and_what_looks_alike(
    api: httpx.Client, engine: Engine, image_ids: list[int]
) -> None:
    first, second, third = image_ids
    change(engine, "UPDATE image SET duplicate_of = :a WHERE id = :b", a=first, b=second)
    change(engine, "UPDATE image SET similar_to = :a WHERE id = :b", a=first, b=third)
    change(engine, "DELETE FROM face WHERE image_id = :b", b=second)
    shown = {one: api.get(f"{ROUTE}/{one}").json() for one in image_ids}
    assert (shown[first]["duplicates"], shown[first]["similar"]) == ([second], [third])
    assert (shown[second]["duplicateOf"], shown[second]["similarTo"]) == (first, None)
    assert (shown[third]["duplicateOf"], shown[third]["similarTo"]) == (None, first)
    assert shown[second]["people"] == shown[first]["people"]


def test_a_missing_photo_is_shown_and_says_since_when(
    api: httpx.Client, engine: Engine, image_ids: list[int]
) -> None:
    with begin(engine) as db:
        ids = db.execute(text("SELECT id FROM file WHERE path LIKE '%0000.jpg'")).scalars().all()
        mark_files_missing(db, ids, now=NOW)
    photo = api.get(f"{ROUTE}/{image_ids[0]}").json()
    assert photo["missingSince"] is not None
    assert [file["present"] for file in photo["files"]] == [False]


def test_a_hidden_person_is_not_shown_with_a_photo(
    api: httpx.Client, engine: Engine, image_ids: list[int]
) -> None:
    change(engine, "UPDATE person SET hidden = true")
    assert api.get(f"{ROUTE}/{image_ids[0]}").json()["people"] == []


def test_a_photo_that_is_not_there_is_404(api: httpx.Client) -> None:
    check_problem(api.get(f"{ROUTE}/4711"), 404)
