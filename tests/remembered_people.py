"""What must stay true of people while files change: remembers faces, names and decisions."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import connect
from tests.file_changes import Picture
from tests.headcount import Answer, Headcount

SAME_PLACE = 0.08
"""As a share of a picture's sides. No face moves this far, and no two faces are this close."""

FEWEST = 4
"""When fewer people are left, nobody is merged or erased."""

_FACES = """
    SELECT f.id, f.person_id, f.placed_by_user, i.missing_since IS NULL, i.content, i.orientation,
        (f.box_left + f.box_right) / 2 / i.width, (f.box_top + f.box_bottom) / 2 / i.height
    FROM face f JOIN image i ON i.id = f.image_id ORDER BY f.id
"""
_FILES = """
    SELECT f.path, i.content, i.orientation FROM file f JOIN image i ON i.id = f.image_id
    WHERE f.missing_since IS NULL AND NOT f.superseded
"""
_PHOTOS = "SELECT content, orientation FROM image WHERE missing_since IS NULL"


@dataclass(frozen=True)
class SeenFace:
    """A face as the tables have it; `place` is in the stored picture, from 0 to 1."""

    person_id: int | None
    is_placed: bool
    is_there: bool
    content: bytes
    place: tuple[float, float]


def place_in_file(x: float, y: float, orientation: int) -> tuple[float, float]:
    """Return the place in the stored picture of a point in the upright picture."""
    return {
        1: (x, y),
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }[orientation]


@dataclass
class Memory:
    """What a client did and saw; `compare` tells what differs now."""

    run: Headcount
    homes: dict[int, SeenFace] = field(default_factory=dict)
    pictures: dict[bytes, str] = field(default_factory=dict)
    met: set[bytes] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    placed: dict[int, int | None] = field(default_factory=dict)
    owners: dict[int, int | None] = field(default_factory=dict)
    has_decided: bool = False

    def ask_tables(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of the library's database."""
        with connect(ServerFiles.under(self.run.data_dir), database="headcount") as connection:
            return list(connection.execute(query))

    def see_faces(self) -> dict[int, SeenFace]:
        """Return all faces, by id."""
        return {
            one: SeenFace(person_id, is_placed, is_there, content, place_in_file(x, y, turned))
            for one, person_id, is_placed, is_there, content, turned, x, y in self.ask_tables(
                _FACES
            )
        }

    def list_people(self) -> list[dict[str, Any]]:
        """Return the people, by id."""
        answer = self.run.get("/api/v1/people?limit=500&hidden=all")
        return sorted(answer.body["people"], key=lambda person: int(person["personId"]))

    def decide(self, draw: random.Random) -> str:
        """Make one random change to the people as a client, and return it in words."""
        people = self.list_people()
        few = len(people) <= FEWEST
        kinds = [_name, _name, _split, _split] + ([] if few else [_merge, _merge, _erase])
        said, answer = draw.choice(kinds)(self, people, draw)
        self.has_decided = True
        return f"{said}: {answer.status}"

    def send(self, method: str, path: str, body: object) -> Answer:
        """Send one change of people to the server."""
        headers = {"Content-Type": "application/json"}
        return self.run.send(method, f"/api/v1/people/{path}", json.dumps(body).encode(), headers)

    def compare(self, files: Mapping[str, Picture]) -> list[str]:
        """Return what differs from the memory and should not, and remember the present state."""
        faces = self.see_faces()
        for path, content, _ in self.ask_tables(_FILES):
            if path in files:
                self.pictures.setdefault(content, files[path][0])
        found = [
            *self._compare_files(files),
            *self._compare_faces(faces),
            *self._compare_decisions(faces),
            *self._compare_people(faces, files),
        ]
        self.owners = {one: face.person_id for one, face in faces.items()}
        self.has_decided, self.met = False, set(self.pictures)
        return found

    def _compare_files(self, files: Mapping[str, Picture]) -> Iterator[str]:
        rows = self.ask_tables(_FILES)
        known = {path: (self.pictures.get(content), turned) for path, content, turned in rows}
        for path in sorted({*known, *files}):
            if known.get(path) != files.get(path):
                yield f"{path} holds {known.get(path)}, and shows {files.get(path)}"
        photos = Counter(
            (self.pictures.get(one), turned) for one, turned in self.ask_tables(_PHOTOS)
        )
        if photos != Counter(set(files.values())):
            yield f"{photos.total()} photos are known, {len(set(files.values()))} are there"

    def _compare_faces(self, faces: Mapping[int, SeenFace]) -> Iterator[str]:
        for one in sorted(set(self.homes) - set(faces) - self.erased):
            yield f"face {one} is lost, which was person {self.owners.get(one)}'s"
        for one, face in faces.items():
            home = self.homes.get(one)
            if one in self.erased:
                yield f"face {one} is back, which was erased"
            elif home is None:
                there = [other for other, old in self.homes.items() if _is_same_place(face, old)]
                if face.content in self.met or there:
                    yield f"face {one} of person {face.person_id} is new, where {there} were"
                self.homes[one] = face
            elif not _is_same_place(face, home):
                yield f"face {one} was at {home.place} of a picture, and is at {face.place}"

    def _compare_decisions(self, faces: Mapping[int, SeenFace]) -> Iterator[str]:
        for one, person_id in self.placed.items():
            face = faces.get(one)
            if face and (face.person_id, face.is_placed) != (person_id, True):
                yield f"face {one} was placed with {person_id}, and is with {face.person_id}"
        if self.has_decided or set(faces) - set(self.owners):
            return  # Other faces or other decisions may lead to other groups.
        for one, face in faces.items():
            if face.person_id != self.owners.get(one):
                yield f"face {one} went from {self.owners.get(one)} to {face.person_id}"

    def _compare_people(
        self, faces: Mapping[int, SeenFace], files: Mapping[str, Picture]
    ) -> Iterator[str]:
        people = {int(person["personId"]): person for person in self.list_people()}
        for person_id, name in self.names.items():  # Some named people have no face left.
            now = self.run.get(f"/api/v1/people/{person_id}").body.get("name")
            if now != name:
                yield f"person {person_id} was called {name}, and is {now}"
        photos = set(files.values())
        for person_id, person in people.items():
            own = [one for one in faces.values() if one.person_id == person_id and one.is_there]
            shown = {self.pictures.get(one.content) for one in own}
            wanted = len(own), sum(picture in shown for picture, _ in photos)
            told = person["faceCount"], person["photoCount"]
            if told != wanted:
                yield f"person {person_id} has faces and photos {told}, and it should be {wanted}"


def _is_same_place(one: SeenFace, other: SeenFace) -> bool:
    apart = max(abs(a - b) for a, b in zip(one.place, other.place, strict=True))
    return one.content == other.content and apart <= SAME_PLACE


Decision = Callable[[Memory, list[dict[str, Any]], random.Random], tuple[str, Answer]]


def _name(memory: Memory, people: list[dict[str, Any]], draw: random.Random) -> tuple[str, Answer]:
    person = draw.choice(people)
    person_id, name = person["personId"], f"Name {draw.getrandbits(32)}"
    answer = memory.send("PATCH", str(person_id), {"name": name, "version": person["version"]})
    if answer.status == 200:
        memory.names[person_id] = name
    return f"name person {person_id} {name}", answer


def _merge(memory: Memory, people: list[dict[str, Any]], draw: random.Random) -> tuple[str, Answer]:
    kept, other = draw.sample(people, 2)
    ids = kept["personId"], other["personId"]
    versions = {str(one["personId"]): one["version"] for one in (kept, other)}
    body = {"otherIds": [ids[1]], "versions": versions}
    answer = memory.send("POST", f"{ids[0]}/merge", body)
    if answer.status == 200:
        name = memory.names.pop(ids[1], None)
        if name and ids[0] not in memory.names:
            memory.names[ids[0]] = name
        for one, face in memory.see_faces().items():
            if face.person_id == ids[0] and face.is_placed:
                memory.placed[one] = ids[0]
    return f"merge person {ids[1]} into {ids[0]}", answer


def _split(memory: Memory, people: list[dict[str, Any]], draw: random.Random) -> tuple[str, Answer]:
    """Move some faces of a person, at most half of them, to another person, a new one or nobody."""
    person, other = draw.sample(people, 2)
    person_id = person["personId"]
    faces = memory.run.get(f"/api/v1/people/{person_id}/faces?limit=500").body["faces"]
    count = min(len(faces), draw.randint(1, max(1, len(faces) // 2)))
    chosen = [face["faceId"] for face in draw.sample(faces, count)]
    target = draw.choice((None, "nobody", other["personId"]))
    if not chosen:
        return f"nothing of person {person_id}", Answer(0, {}, None)
    body = {"faceIds": chosen, "toPersonId": target, "version": person["version"]}
    answer = memory.send("POST", f"{person_id}/split", body)
    if answer.status == 200:
        moved = answer.body["target"]
        memory.placed |= dict.fromkeys(chosen, moved and moved["personId"])
        if answer.body["person"] is None:
            memory.names.pop(person_id, None)
    return f"move faces {chosen} of person {person_id} to {target}", answer


def _erase(memory: Memory, people: list[dict[str, Any]], draw: random.Random) -> tuple[str, Answer]:
    person_id = draw.choice(people)["personId"]
    if draw.random() < 0.5:
        return f"nothing to person {person_id}", Answer(0, {}, None)
    before = memory.see_faces()
    answer = memory.send("DELETE", str(person_id), None)
    if answer.status == 200:
        gone = set(before) - set(memory.see_faces())
        assert len(gone) == answer.body["faces"], (gone, answer.body)
        memory.erased |= gone
        memory.homes = {one: before[one] for one in gone} | memory.homes
        memory.names.pop(person_id, None)
        for one in gone:
            memory.placed.pop(one, None)
    return f"erase person {person_id}", answer
