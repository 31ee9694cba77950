"""A film's file is served over HTTP by ranges, to authorised clients, and only from the library."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from serve import film_streams
from serve.app import build_app
from serve.guards.film_tickets import LIFETIME
from serve.parts import AppParts, utc_now
from tests.api.conftest import Start
from tests.api.running import RunningApp
from tests.api.test_guards import check_problem
from tests.films import make_film
from tests.films_in_tables import FilmInTables, add_film

TOKEN = "a token of the tests"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.webm", [50 + n for n in range(40)])


@pytest.fixture
def film(engine: Engine, path: Path) -> FilmInTables:
    return add_film(engine, path, duration_s=4.0, time_s=2.5)


@pytest.fixture
def address(film: FilmInTables) -> str:
    return f"/api/v1/images/{film.image_id}/film"


def test_a_photo_tells_that_it_is_a_film_and_when_its_faces_are_seen(
    api: httpx.Client, film: FilmInTables, address: str
) -> None:
    photo = api.get(f"/api/v1/images/{film.image_id}").json()
    assert photo["durationSeconds"] == 4.0
    assert photo["filmUrl"].startswith(f"{address}?v=")
    assert [face["timeSeconds"] for face in photo["faces"]] == [2.5]
    other = api.get(f"/api/v1/images/{film.photo_id}").json()
    assert (other["durationSeconds"], other["filmUrl"]) == (None, None)
    faces = api.get(f"/api/v1/people/{film.person_id}/faces").json()["faces"]
    told = [(face["timeSeconds"], face["durationSeconds"]) for face in faces]
    assert told == [(2.5, 4.0), (None, None)]
    listed = api.get("/api/v1/images", params={"people": film.person_id}).json()["photos"]
    assert {photo["durationSeconds"] for photo in listed} == {4.0, None}


def test_a_film_is_given_whole_and_then_known(api: httpx.Client, address: str, path: Path) -> None:
    answer = api.get(address)
    assert answer.status_code == 200
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "video/webm"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, no-cache"
    again = api.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = api.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(path.read_bytes()))


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=5-", 5, -1), ("bytes=-7", -7, -1), ("bytes=3-999999999", 3, -1)],
)
def test_a_player_gets_the_part_that_it_asks_for(
    api: httpx.Client, address: str, path: Path, wanted: str, first: int, last: int
) -> None:
    content = path.read_bytes()
    size = len(content)
    begins, ends = first % size, last % size
    for method in ("GET", "HEAD"):
        answer = api.request(method, address, headers={"Range": wanted})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {begins}-{ends}/{size}"
        assert answer.headers["content-length"] == str(ends + 1 - begins)
    assert api.get(address, headers={"Range": wanted}).content == content[begins : ends + 1]


def test_a_part_is_bounded_and_the_next_one_goes_on(
    api: httpx.Client, address: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_streams, "MOST_BYTES", 1000)
    monkeypatch.setattr(film_streams, "CHUNK_BYTES", 64)
    content, seen = path.read_bytes(), b""
    while len(seen) < len(content):
        answer = api.get(address, headers={"Range": f"bytes={len(seen)}-"})
        assert answer.status_code == 206
        assert len(answer.content) <= 1000
        seen += answer.content
    assert seen == content


def test_a_range_behind_the_end_is_416_and_what_is_none_is_ignored(
    api: httpx.Client, address: str, path: Path
) -> None:
    size = path.stat().st_size
    for wanted in (f"bytes={size}-", "bytes=-0", "bytes=99999999999999999-"):
        answer = api.get(address, headers={"Range": wanted})
        check_problem(answer, 416)
        assert answer.headers["content-range"] == f"bytes */{size}"
    for wanted in ("bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=a-b", "nothing"):
        answer = api.get(address, headers={"Range": wanted})
        assert (answer.status_code, len(answer.content)) == (200, size), wanted
    huge = f"bytes={'9' * 5000}-"
    assert api.get(address, headers={"Range": huge}).status_code == 200


def test_a_range_of_another_version_gets_the_whole_film(api: httpx.Client, address: str) -> None:
    tag = api.head(address).headers["etag"]
    same = api.get(address, headers={"Range": "bytes=1-2", "If-Range": tag})
    other = api.get(address, headers={"Range": "bytes=1-2", "If-Range": '"another"'})
    dated = {"Range": "bytes=1-2", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert [same.status_code, other.status_code] == [206, 200]
    assert api.get(address, headers=dated).status_code == 200


def test_only_the_film_that_was_indexed_is_given(
    api: httpx.Client, film: FilmInTables, address: str, path: Path, tmp_path: Path
) -> None:
    check_problem(api.get(f"/api/v1/images/{film.photo_id}/film"), 404)
    check_problem(api.get("/api/v1/images/4711/film"), 404)
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"a secret" * 100)
    status, content = path.stat(), path.read_bytes()
    path.unlink()
    check_problem(api.get(address), 404)
    path.symlink_to(secret)
    check_problem(api.get(address), 404)
    path.unlink()
    # The same size and time, but no film.
    path.write_bytes(b"a secret".ljust(len(content), b"."))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    check_problem(api.get(address), 404)
    path.write_bytes(content)
    check_problem(api.get(address), 404)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert api.get(address).status_code == 200
    path.unlink()
    os.mkfifo(path)
    assert api.get(address).status_code in (404, 422)


def test_the_preview_of_a_film_is_a_frame_of_it(
    api: httpx.Client, film: FilmInTables, path: Path
) -> None:
    address = f"/api/v1/images/{film.image_id}/preview"
    answer = api.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (160, 96)
    path.write_bytes(b"another")
    check_problem(api.get(address), 404)


@pytest.fixture
def guarded(parts: AppParts, start: Start) -> httpx.Client:
    app = RunningApp(build_app(replace(parts, api_token=TOKEN)))
    return start(app)


def test_with_a_token_a_film_needs_the_token_or_its_ticket(
    guarded: httpx.Client, film: FilmInTables, address: str, engine: Engine
) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    check_problem(guarded.get(address), 401)
    assert guarded.get(address, headers=bearer).status_code == 200
    url = guarded.get(f"/api/v1/images/{film.image_id}", headers=bearer).json()["filmUrl"]
    assert TOKEN not in url
    assert guarded.get(url).status_code == 200
    assert guarded.head(url).status_code == 200
    ticket = url.partition("ticket=")[2]
    other = f"/api/v1/images/{film.photo_id}"
    for elsewhere in (f"{other}/film", f"{other}/thumbnail", other, "/api/v1/people"):
        check_problem(guarded.get(f"{elsewhere}?ticket={ticket}"), 401)
    check_problem(guarded.post(f"{address}?ticket={ticket}"), 401)
    until, _, signature = ticket.partition(".")
    for wrong in (f"{int(until) + 1}.{signature}", f"{until}.{'0' * 64}", "", ".", "é", until):
        check_problem(guarded.get(address, params={"ticket": wrong}), 401)


def test_a_ticket_ends(parts: AppParts, start: Start, film: FilmInTables) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    today = start(RunningApp(build_app(replace(parts, api_token=TOKEN))))
    url = today.get(f"/api/v1/images/{film.image_id}", headers=bearer).json()["filmUrl"]
    later = lambda: utc_now() + LIFETIME + timedelta(seconds=1)  # noqa: E731
    tomorrow = start(RunningApp(build_app(replace(parts, api_token=TOKEN, now=later))))
    assert today.get(url).status_code == 200
    check_problem(tomorrow.get(url), 401)
    other = start(RunningApp(build_app(replace(parts, api_token="another token"))))
    check_problem(other.get(url), 401)


def test_a_film_of_which_the_storage_told_no_size_and_time_is_given(
    api: httpx.Client, engine: Engine, film: FilmInTables, address: str, path: Path
) -> None:
    with begin(engine) as db:
        db.execute(text("UPDATE file SET size = NULL, modified_ns = NULL"))
    assert api.get(address).content == path.read_bytes()
