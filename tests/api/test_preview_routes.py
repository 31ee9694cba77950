"""The preview of a session: what is new in a folder, what is known, and how long it would take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.errors import PackNotFound
from cluster.core.pictures.photos import FoundPhoto
from cluster.core.time_left.dry_times import TimedPhoto, TimedPhotos
from cluster.store.database.engine import begin
from cluster.vision.sources.library_walk import walk_photos
from serve.app import build_app
from serve.parts import AppParts, PackChoice
from serve.routes import preview_routes
from tests.api.conftest import FakeCluster, Start
from tests.api.running import RunningApp
from tests.library import run_session
from tests.waiting import PATIENT_S

ROUTE = "/api/v1/dry-run"


def look(api: httpx.Client, root: Path | str, **more: object) -> httpx.Response:
    return api.post(ROUTE, json={"rootPath": str(root), **more})


def add_photos(library: Path, *names: str) -> None:
    for name in names:
        (library / name).parent.mkdir(exist_ok=True)
        (library / name).write_bytes(b"\xff\xd8\xff" + name.encode())


def find_photos(library: Path) -> dict[str, FoundPhoto]:
    return {Path(photo.path).stem: photo for photo in walk_photos(str(library))}


@dataclass
class Clock:
    """Gives each photo the same cost, and records what it was asked."""

    read_s: float = 0.5
    asked: list[tuple[list[str], str]] = field(default_factory=list)

    async def time(self, paths: Sequence[str], pack: PackChoice) -> TimedPhotos:
        self.asked.append((list(paths), pack.name))
        costs: dict[str, Any] = {"read_s": self.read_s, "waited_s": 0.0}
        costs |= {"search_s": 0.5, "search_wall_s": 0.5, "faces": 1}
        photos = tuple(TimedPhoto(size_bytes=8, pixels=100, **costs) for _ in paths)
        return TimedPhotos(photos, warm_up_s=1.0, cpus=2, detectors=2)


def test_a_folder_is_looked_at_and_no_session_begins(
    api: httpx.Client, library: Path, jobs: FakeCluster
) -> None:
    names = ("two.jpg", "holiday/three.jpg")
    add_photos(library, *names, "film.wmv", ".hidden.jpg")
    answer = look(api, library, name="Summer")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["photos"], body["photosToRead"], body["photosToSearch"]) == (3, 3, 3)
    assert body["listed"] == {
        "new": 3,
        "changed": 0,
        "unsearched": 0,
        "moved": 0,
        "copies": 0,
        "unchanged": 0,
    }
    assert body["passedOver"] == {"film": 1, "hidden_file": 1}
    assert body["passedOverText"] == "1 film, 1 hidden file"
    assert (
        body["bytes"]
        == body["bytesToRead"]
        == sum(p.stat().st_size for p in library.rglob("*.jpg")) - len(b"\xff\xd8\xff.hidden.jpg")
    )
    assert (body["isComplete"], body["gone"], body["pack"]) == (True, 0, "bundled")
    assert api.get("/api/v1/training").json()["total"] == 0
    assert jobs.submitted == []


def test_what_sessions_know_is_told_from_what_is_new(
    api: httpx.Client, engine: Engine, library: Path
) -> None:
    add_photos(library, "two.jpg", "three.jpg", "four.jpg", "five.jpg")
    with begin(engine) as db:
        run_session(db, find_photos(library), root=str(library))
    (library / "two.jpg").rename(library / "moved.jpg")
    (library / "three.jpg").unlink()
    add_photos(library, "new.jpg")
    body = look(api, library).json()
    assert {kind: count for kind, count in body["listed"].items() if count} == {
        "new": 1,
        "moved": 1,
        "unchanged": 3,
    }
    assert (body["gone"], body["goneUnconfirmed"]) == (1, None)
    assert (body["photosToRead"], body["photosToSearch"]) == (2, 1)


def test_when_most_photos_are_away_the_answer_says_so(
    api: httpx.Client, engine: Engine, library: Path
) -> None:
    add_photos(library, *(f"{n}.jpg" for n in range(4)))
    with begin(engine) as db:
        run_session(db, find_photos(library), root=str(library))
    for number in range(4):
        (library / f"{number}.jpg").unlink()
    assert look(api, library).json()["goneUnconfirmed"] == {"known": 5, "gone": 4}


def test_the_time_comes_from_a_few_photos_of_this_library(
    start: Start, parts: AppParts, library: Path
) -> None:
    add_photos(library, *(f"{n}.jpg" for n in range(99)))
    clock = Clock()
    api = start(RunningApp(build_app(replace(parts, time_photos=clock.time))))
    body = look(api, library).json()
    ((paths, pack),) = clock.asked
    assert (len(set(paths)), pack) == (12, "bundled")
    assert body["isMeasured"]
    assert 0 < body["etaLow"] < body["etaSeconds"] < body["etaHigh"]
    clock.read_s *= 10
    assert look(api, library).json()["etaSeconds"] > 2 * body["etaSeconds"]


def test_without_a_cluster_the_range_is_wide_and_said_to_be_a_guess(
    api: httpx.Client, library: Path
) -> None:
    add_photos(library, *(f"{n}.jpg" for n in range(99)))
    body = look(api, library).json()
    assert not body["isMeasured"]
    assert body["etaHigh"] > 3 * body["etaLow"]


def test_a_library_that_takes_too_long_to_list_is_left_and_said_to_be_larger(
    start: Start, parts: AppParts, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_photos(library, *(f"{n}.jpg" for n in range(1500)))
    monkeypatch.setattr(preview_routes, "MOST_LISTED", 1000)
    clock = Clock()
    api = start(RunningApp(build_app(replace(parts, time_photos=clock.time))))
    body = look(api, library).json()
    assert not body["isComplete"]
    assert 1000 <= body["photos"] <= 1501
    assert (body["etaSeconds"], body["gone"], clock.asked) == (None, None, [])


def test_links_out_of_the_allowed_folders_are_not_followed(
    api: httpx.Client, library: Path
) -> None:
    elsewhere = library.parent / "elsewhere"
    elsewhere.mkdir()
    add_photos(elsewhere, "secret.jpg")
    (library / "link").symlink_to(elsewhere)
    body = look(api, library).json()
    assert (body["photos"], body["passedOver"]) == (1, {"link_out": 1})


def test_a_page_of_another_site_may_not_look(api: httpx.Client, library: Path) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    answer = api.post(ROUTE, json={"rootPath": str(library)}, headers=headers)
    assert (answer.status_code, answer.json()["type"][-10:]) == (403, "other-site")


def test_a_look_needs_the_token(start: Start, parts: AppParts, library: Path) -> None:
    api = start(RunningApp(build_app(replace(parts, api_token="secret"))))
    assert look(api, library).status_code == 401
    headers = {"Authorization": "Bearer secret"}
    assert api.post(ROUTE, json={"rootPath": str(library)}, headers=headers).status_code == 200


def test_a_pack_that_is_not_there_is_named(start: Start, parts: AppParts, library: Path) -> None:
    def choose(wanted: str) -> PackChoice:
        raise PackNotFound(wanted, "its files are not there")

    api = start(RunningApp(build_app(replace(parts, choose_pack=choose))))
    answer = look(api, library, options={"pack": "absent"})
    assert (answer.status_code, answer.json()["type"][-14:]) == (422, "pack-not-found")


def test_other_requests_are_answered_while_photos_are_timed(
    start: Start, parts: AppParts, library: Path
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def probe(paths: Sequence[str], pack: PackChoice) -> TimedPhotos | None:
        asked.set()
        await may_answer.wait()
        return None

    running = RunningApp(build_app(replace(parts, time_photos=probe)))
    api = start(running)

    async def hold() -> int:
        url = f"{api.base_url}"
        async with httpx.AsyncClient(base_url=url, timeout=PATIENT_S) as client:
            looks = asyncio.create_task(client.post(ROUTE, json={"rootPath": str(library)}))
            await asked.wait()
            others = await client.get("/api/v1/training")
            may_answer.set()
            assert (await looks).status_code == 200
            return others.status_code

    assert running.run(hold()) == 200
