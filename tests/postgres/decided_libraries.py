"""Libraries with decisions of users, and these decisions in words that can be compared."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from cluster.store.database.engine import begin
from cluster.store.decisions.importing import place_kept
from cluster.store.decisions.kept_list import count_kept
from tests.decided import parse
from tests.library import NOW

PHOTOS = ([1], [1, 2], [2, 3], [1, 3, 0], [2], [3, 0], [1, 2, 3, 4], [4], [4, 0], [0], [5, 1])
LATER = NOW + timedelta(days=2)


def list_decisions(exported: bytes, *, with_groups: bool = False) -> Counter[str]:
    """The decisions of users, in words that do not depend on ids and packs.

    `with_groups` also lists the faces that grouping gave to named people whom a user changed.
    """
    document = parse(exported)
    faces = {face["id"]: face for face in document["faces"]}
    people = {one["id"]: one for one in document["people"]}
    photos = {photo["id"]: photo["content"] for photo in document["photos"]}

    def place(face_id: int | None) -> object:
        if face_id is None:
            return None
        return photos[faces[face_id]["photo"]][:8], round(faces[face_id]["box"]["left"], 2)

    members: dict[int, list[Any]] = {}
    for face in faces.values():
        if face["person"] is not None and face["placedBy"] == "user":
            members.setdefault(face["person"], []).append(place(face["id"]))
    said: Counter[str] = Counter()
    for one in people.values():
        placed = sorted(members.get(one["id"], []))
        if placed or one["name"]:
            attributes = (one["name"], one["isHidden"], one["birthDate"], place(one["coverFace"]))
            said[f"person {attributes} has {placed}"] += 1
    for face in faces.values():
        if face["placedBy"] == "user" and face["person"] is None:
            said[f"{place(face['id'])} is {face['verdict']} since {face['placedAt']}"] += 1
        owner = people.get(face["person"], {})
        if with_groups and owner.get("isDecided") and owner["name"]:
            said[f"{place(face['id'])} is with {owner['name']}"] += 1
    for erased in document["erased"]:
        said[f"erased {photos[erased['photo']][:8]} {erased['box']['left']:.2f}"] += 1
    for answer in document["answers"]:
        sides = sorted(str(place(answer[side]["face"])) for side in ("first", "second"))
        said[f"{answer['answer']} {sides} {answer['answeredAt']}"] += 1
    return said


def place_later(engine: Engine) -> None:
    with begin(engine) as db:
        place_kept(db, now=LATER)


def waiting(engine: Engine) -> int:
    with begin(engine) as db:
        return count_kept(db)
