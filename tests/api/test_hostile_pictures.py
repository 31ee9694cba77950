"""A photo that keeps its decoder busy is answered with a problem; later photos are still read."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import Engine, text

from cluster.actors.search_actor import start_face_search
from cluster.store.database.engine import begin
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import BUNDLED, resolve_pack
from cluster.vision.photos import scans
from cluster.vision.photos.previews import load, make_preview
from cluster.vision.photos.subprocesses import ProcessLost, SideProcesses
from cluster.vision.sources.deadlines import is_overloaded
from serve.app import build_app
from serve.parts import PREVIEWS_AT_ONCE, AppParts, PackChoice
from serve.ray_search import RaySearch
from tests.api.conftest import Start
from tests.api.running import RunningApp
from tests.api.test_guards import check_problem
from tests.conftest import PROJECT_DIR
from tests.hostile import MANY_SCANS, Unlimited, make_many_scans, make_photo
from tests.local_ray import local_ray
from tests.people import fill_people
from tests.waiting import PATIENT_S, wait_until

SEARCH = "/api/v1/faces/search"
JPEG = {"Content-Type": "image/jpeg"}
SEARCH_S = 5.0
SLOW_S = 0.2
"""The time-out for the photo with the most scans allowed, which takes twenty times as long."""


def find_side_processes() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "do_work" in " ".join(child.cmdline())]


@pytest.fixture
def slow_photo() -> bytes:
    return make_many_scans(scans.MAX_SCANS)


@pytest.fixture
def photos(
    api: httpx.Client, engine: Engine, slow_photo: bytes, tmp_path: Path
) -> Callable[[str], str]:
    """Maps the name of a photo to the address of its preview."""
    grouped = fill_people(engine, 2)
    faces = api.get(f"/api/v1/people/{grouped.ids[0]}/faces").json()["faces"]
    contents = {"slow": slow_photo, "good": make_photo()}
    addresses = {}
    for (name, content), face in zip(contents.items(), faces, strict=False):
        file = tmp_path / f"{name}.jpg"
        file.write_bytes(content)
        found = {"path": str(file), "sha256": hashlib.sha256(content).digest()}
        with begin(engine) as db:
            row = text("UPDATE file SET path = :path, sha256 = :sha256 WHERE image_id = :id")
            db.execute(row, {**found, "id": face["imageId"]})
        addresses[name] = f"/api/v1/images/{face['imageId']}/preview"
    return addresses.__getitem__


def make_in_time(path: str, sha256: bytes) -> bytes:
    timeout_s = SLOW_S if path.endswith("slow.jpg") else PATIENT_S
    return make_preview(path, sha256, timeout_s=timeout_s)


@pytest.fixture
def previews(start: Start, parts: AppParts) -> httpx.Client:
    return start(RunningApp(build_app(replace(parts, make_preview=make_in_time))))


@pytest.mark.long
def test_a_photo_that_takes_too_long_is_a_problem_and_the_next_previews_are_made(
    previews: httpx.Client, photos: Callable[[str], str]
) -> None:
    for _ in range(PREVIEWS_AT_ONCE + 1):
        body = check_problem(previews.get(photos("slow"), timeout=PATIENT_S), 404)
        assert body["reason"] == f"it could not be read within {SLOW_S:g} seconds"
    for _ in range(2):
        answer = previews.get(photos("good"), timeout=PATIENT_S)
        assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.long
def test_previews_asked_for_together_are_all_answered(
    previews: httpx.Client, photos: Callable[[str], str]
) -> None:
    names = ["slow", "good"] * (PREVIEWS_AT_ONCE + 1)

    def ask(name: str) -> int:
        return previews.get(photos(name), timeout=PATIENT_S).status_code

    with ThreadPoolExecutor(len(names)) as threads:
        statuses = list(threads.map(ask, names))
    assert statuses == [404, 200] * (PREVIEWS_AT_ONCE + 1)


def test_nothing_goes_on_decoding_what_took_too_long(
    previews: httpx.Client, photos: Callable[[str], str]
) -> None:
    before = find_side_processes()
    check_problem(previews.get(photos("slow"), timeout=PATIENT_S), 404)
    assert set(find_side_processes()) <= set(before)
    assert not is_overloaded()


def test_work_that_ends_its_process_is_lost_and_the_next_is_done() -> None:
    """A decoder may crash, or be killed when memory runs out; its caller goes on."""
    processes = SideProcesses(load)
    with pytest.raises(ProcessLost):
        processes.run(partial(os._exit, 3), timeout_s=PATIENT_S)
    first = processes.run(os.getpid, timeout_s=PATIENT_S)
    assert first != os.getpid()
    assert processes.run(os.getpid, timeout_s=PATIENT_S) == first


START_AND_END = """
import os, sys
from cluster.vision.photos.subprocesses import SideProcesses
from cluster.vision.photos.previews import load

print(SideProcesses(load).run(os.getpid, timeout_s=float(sys.argv[1])), flush=True)
os._exit(1)
"""


@pytest.mark.long
def test_a_side_process_ends_with_the_one_that_it_works_for() -> None:
    command = [sys.executable, "-c", START_AND_END, str(PATIENT_S)]
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
    wait_until(lambda: not psutil.pid_exists(pid), "the side process has ended")


@pytest.fixture
def running_ray() -> Iterator[None]:
    with local_ray(num_cpus=1, include_dashboard=False):
        yield


@pytest.fixture
def search(
    running_ray: None, start: Start, parts: AppParts, engine: Engine, tmp_path: Path
) -> httpx.Client:
    """A server that accepts photos with any number of scans, and gives each a short time."""
    fill_people(engine, 1)
    options: Any = Unlimited(DetectorOptions(timeout_s=SEARCH_S), tmp_path / "log")

    def start_search(choice: PackChoice) -> Any:
        return start_face_search(resolve_pack(BUNDLED), options)

    return start(RunningApp(build_app(replace(parts, search=RaySearch(start_search).find_faces))))


@pytest.mark.long
def test_a_photo_that_is_sent_and_takes_too_long_is_a_422_and_the_next_search_works(
    search: httpx.Client, tmp_path: Path
) -> None:
    post = partial(search.post, SEARCH, headers=JPEG, timeout=PATIENT_S)
    body = check_problem(post(content=make_many_scans(MANY_SCANS)), 422)
    assert body["reason"] == f"it could not be read within {SEARCH_S:g} seconds"
    assert post(content=make_photo(side_px=64)).status_code == 200
    first, second = [int(line) for line in (tmp_path / "log").read_text().split()]
    assert first != second
    wait_until(lambda: not psutil.pid_exists(first), "the actor that decodes has ended")
