"""Files change, move and disappear between sessions, over HTTP: nothing that a person did is lost.

One library of real photographs: six people with eight photos each, who are named. Each test does
something to the files, looks again, and leaves the library as whole as it was.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cluster.store.server.embedded import stop_embedded
from tests.headcount import Answer, Headcount
from tests.waiting import wait_until

pytestmark = pytest.mark.long

PERSON = "Person %d"
ORIENTATION = 0x0112

State = dict[str, tuple[int, frozenset[int]]]
"""By name: how many photos somebody is in, and the ids of the faces."""


@dataclass
class Living:
    """A library, and the server that looks at it."""

    run: Headcount
    root: Path
    looks: list[int] = field(default_factory=list)
    unchanged: dict[str, Any] = field(default_factory=dict)
    """What a session over the unchanged library came to."""

    def look(self, root: Path | None = None, **headers: str) -> dict[str, Any]:
        """Run a session over the library; return what it came to."""
        started = self.run.post("/api/v1/training", {"rootPath": str(root or self.root)})
        assert started.status == 201, started.body
        session_id = started.body["sessionId"]
        place = f"/api/v1/training/{session_id}/progress/unified"
        wait_until(
            lambda: self.run.get(place).body["overallStatus"] in ("completed", "failed"),
            "the session ends",
        )
        progress: dict[str, Any] = self.run.get(place).body
        assert progress["overallStatus"] == "completed", self.run.get(place).body
        assert progress["overallProgress"]["percentage"] == 100
        self.looks.append(session_id)
        return progress

    def state(self) -> State:
        """Return who is there."""
        people = self.run.get("/api/v1/people?limit=100").body["people"]
        return {
            person["name"]: (
                person["photoCount"],
                frozenset(face["faceId"] for face in self.faces(person["personId"])),
            )
            for person in people
            if person["name"] is not None
        }

    def faces(self, person_id: int) -> list[dict[str, Any]]:
        """Return the faces of a person."""
        found: list[dict[str, Any]] = self.run.get(
            f"/api/v1/people/{person_id}/faces?limit=100"
        ).body["faces"]
        return found

    def photos(self) -> list[Path]:
        """Return the files of the library."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())


def count_seen(progress: dict[str, Any]) -> int:
    """Return how many photos a session looked for faces in."""
    return int(progress["phases"]["faceDetection"]["progress"]["processed"])


def change(run: Headcount, method: str, path: str, body: object) -> Answer:
    """Send a change."""
    headers = {"Content-Type": "application/json"}
    return run.send(method, path, json.dumps(body).encode(), headers)


@pytest.fixture(scope="module")
def living(demo_library: Path) -> Iterator[Living]:
    folder = Path(tempfile.mkdtemp(prefix="headcount-living-"))
    root = folder / "photos"
    shutil.copytree(demo_library / "portraits", root / "portraits")
    run = Headcount(folder / "data", extra={"HEADCOUNT_ALLOWED_ROOTS": str(folder)})
    run.start("--root", str(root), "--keep")
    run.wait_until_ready()
    library = Living(run, root)
    wait_until(lambda: run.get("/api/v1/training/1").body["status"] == "completed", "it is whole")
    library.unchanged = library.look()
    people = run.get("/api/v1/people?limit=100").body["people"]
    for number, person in enumerate(people):
        body = {"name": PERSON % number, "version": person["version"]}
        assert change(run, "PATCH", f"/api/v1/people/{person['personId']}", body).status == 200
    yield library
    run.end()
    stop_embedded(run.data_dir)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def before(living: Living) -> State:
    """Who was there before anything was done."""
    state = living.state()
    assert len(state) >= 6
    return state


@pytest.mark.drill
def test_touched_files_are_read_and_nothing_is_detected(living: Living, before: State) -> None:
    for photo in living.photos():
        os.utime(photo)
    assert count_seen(living.look()) == 0
    assert living.state() == before


def test_a_library_that_is_unchanged_is_only_listed(living: Living) -> None:
    assert count_seen(living.unchanged) == 0
    assert living.unchanged["phases"]["training"]["progress"]["processed"] == 0


def test_a_renamed_folder_moves_its_photos(living: Living, before: State) -> None:
    folder = next(path for path in living.root.iterdir() if path.is_dir())
    renamed = folder.rename(folder.with_name("Renamed, ä"))
    assert count_seen(living.look()) == 0
    assert living.state() == before
    session = living.run.get(f"/api/v1/training/{living.looks[-1]}").body
    assert session["moved"] == len([path for path in renamed.rglob("*") if path.is_file()])
    person = living.run.get("/api/v1/people?limit=1").body["people"][0]
    for face in living.faces(person["personId"]):
        assert living.run.get(face["previewUrl"]).status == 200


@pytest.mark.drill
def test_a_root_that_is_elsewhere_holds_the_same_photos(living: Living, before: State) -> None:
    living.root = living.root.rename(living.root.with_name("mounted elsewhere"))
    assert count_seen(living.look()) == 0
    assert living.state() == before


def test_deleted_photos_are_missing_and_whole_when_they_come_back(
    living: Living, before: State, tmp_path: Path
) -> None:
    name = max(before, key=lambda one: before[one][0])
    photos, _ = before[name]
    people = living.run.get("/api/v1/people?limit=100").body["people"]
    person = next(one for one in people if one["name"] == name)
    gone = sorted({face["path"] for face in living.faces(person["personId"])})[:5]
    for number, path in enumerate(gone):
        shutil.move(path, tmp_path / str(number))
    living.look()
    now = living.state()
    assert now[name][0] == photos - 5
    assert {one: now[one] for one in now if one != name} == {
        one: before[one] for one in before if one != name
    }
    assert living.run.get(f"/api/v1/training/{living.looks[-1]}").body["missing"] == 5
    for number, path in enumerate(gone):
        shutil.move(tmp_path / str(number), path)
    assert count_seen(living.look()) == 0
    assert living.state() == before


@pytest.mark.drill
def test_when_most_photos_are_gone_nothing_is_missing(
    living: Living, before: State, tmp_path: Path
) -> None:
    photos = living.photos()
    for number, path in enumerate(photos[1:]):
        shutil.move(path, tmp_path / str(number))
    living.look()
    assert living.state() == before
    session = living.run.get(f"/api/v1/training/{living.looks[-1]}").body
    assert session["goneUnconfirmed"] == {"known": len(photos), "gone": len(photos) - 1}
    for number, path in enumerate(photos[1:]):
        shutil.move(tmp_path / str(number), path)
    living.look()
    assert living.state() == before


def rewrite(path: Path, picture: Image.Image, *, orientation: int = 1) -> None:
    """Save a picture under a name that it has already."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    out = io.BytesIO()
    picture.save(out, Image.registered_extensions()[path.suffix], quality=92, exif=exif)
    path.write_bytes(out.getvalue())


def read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def jpegs_of(living: Living, count: int) -> list[Path]:
    return [path for path in living.photos() if path.suffix == ".jpg"][:count]


@pytest.mark.drill
def test_written_metadata_changes_no_face(living: Living, before: State) -> None:
    for photo in jpegs_of(living, 4):
        data = photo.read_bytes()
        comment = b"taken on a sunny day"
        length = (len(comment) + 2).to_bytes(2, "big")
        photo.write_bytes(data[:2] + b"\xff\xfe" + length + comment + data[2:])
    assert count_seen(living.look()) == 0
    assert living.state() == before


@pytest.mark.drill
def test_pictures_that_were_saved_again_keep_their_people(living: Living, before: State) -> None:
    photos = jpegs_of(living, 3)
    originals = {photo: photo.read_bytes() for photo in photos}
    for photo in photos:
        picture = read(photo)
        rewrite(photo, picture.resize((picture.width * 4 // 5, picture.height * 4 // 5)))
    living.look()
    assert living.state() == before
    for photo, data in originals.items():
        photo.write_bytes(data)
    living.look()
    assert living.state() == before


@pytest.mark.drill
def test_an_orientation_that_is_written_turns_the_faces(living: Living, before: State) -> None:
    photo = jpegs_of(living, 1)[0]
    original, state = photo.read_bytes(), living.state()
    at = original.index(b"Exif\0\0")
    with Image.open(photo) as picture:
        size, exif = picture.size, picture.getexif()
    exif[ORIENTATION] = 6
    block = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    length = int.from_bytes(original[at - 2 : at], "big")
    photo.write_bytes(
        original[: at - 2]
        + (len(block) + 2).to_bytes(2, "big")
        + block
        + original[at - 2 + length :]
    )
    with Image.open(photo) as picture:
        assert picture.size == size
        assert picture.getexif()[ORIENTATION] == 6
    assert count_seen(living.look()) == 0
    assert living.state() == state
    photo.write_bytes(original)
    assert count_seen(living.look()) == 0
    assert living.state() == before


def test_an_erased_person_does_not_come_back_when_files_are_touched_or_cropped(
    living: Living, before: State
) -> None:
    """The last test: it erases somebody."""
    name = min(before, key=lambda one: before[one][0])
    people = living.run.get("/api/v1/people?limit=100").body["people"]
    person = next(one for one in people if one["name"] == name)
    paths = sorted({face["path"] for face in living.faces(person["personId"])})
    assert living.run.delete(f"/api/v1/people/{person['personId']}").status == 200
    others = {one: before[one] for one in before if one != name}
    for path in paths:
        os.utime(path)
    cropped = Path(next(path for path in paths if path.endswith(".jpg")))
    picture = read(cropped)
    edge = picture.width // 20
    rewrite(cropped, picture.crop((edge, edge, picture.width - edge, picture.height - edge)))
    living.look()
    assert living.state() == others
    nobody = living.run.get("/api/v1/people/ungrouped/faces?limit=100").body
    assert not [face for face in nobody["faces"] if face["path"] in paths]
