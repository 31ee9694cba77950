"""A photo in a store is found by its name, whatever its characters mean in a URL."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from cluster.core.pictures.photos import FoundPhoto
from cluster.vision.photos.previews import draw_preview
from cluster.vision.relations.fingerprints import read_record
from cluster.vision.sources.library_walk import find_gone, walk_photos
from cluster.vision.sources.photo_bytes import read_photo
from tests.unit.test_images import encode, picture

NAMES = [
    "plain.jpg",
    "%41.jpg",
    "100%.jpg",
    "%2541 %zz.jpg",
    "a::b.jpg",
    "zip::memory.jpg",
    "simplecache::x.jpg",
    "a#b.jpg",
    "a?b.jpg",
    "a?versionId=1.jpg",
    "[1].jpg",
    "*.jpg",
    "{a,b}.jpg",
    "with space.jpg",
    " leading and trailing .jpg",
    "a+b&c=d;e@f.jpg",
    "file:x.jpg",
    "~.jpg",
    "日本 写真.jpg",
    "👨‍👩‍👧.jpg",
    "'quoted\".jpg",
    "%E4.jpg",
    "folder %41::b [2]/a#?.jpg",
]

Store = Callable[[dict[str, bytes]], str]


@pytest.fixture(params=["local", "memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    def fill(files: dict[str, bytes]) -> str:
        memory, top = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
        for name, data in files.items():
            if request.param == "memory":
                memory.pipe(f"{top}/{name}", data)
            else:
                (tmp_path / name).parent.mkdir(exist_ok=True)
                (tmp_path / name).write_bytes(data)
        roots = {"memory": f"memory:/{top}", "local": f"local://{tmp_path}"}
        return roots.get(request.param, str(tmp_path))

    return fill


def test_every_name_is_found_and_read(store: Store) -> None:
    data = {name: encode(picture(40 + n, 30), "JPEG") for n, name in enumerate(NAMES)}
    root = store(data)
    found: list[FoundPhoto] = list(walk_photos(root))
    assert len(found) == len(NAMES)
    read = {read_photo(photo.path) for photo in found}
    assert read == set(data.values())
    for photo in found:
        record = read_record(photo.path)
        shown = draw_preview(photo.path, record.sha256, max_bytes=10**6, max_pixels=10**6)
        assert shown.startswith(b"\xff\xd8")


def test_a_file_whose_name_is_a_pattern_is_not_another_file(store: Store) -> None:
    root = store({"[1].jpg": b"pattern", "1.jpg": b"one", "a::b.jpg": b"chain", "a": b"a"})
    contents = {
        photo.path.rpartition("/")[2]: read_photo(photo.path) for photo in walk_photos(root)
    }
    assert contents == {"[1].jpg": b"pattern", "1.jpg": b"one", "a::b.jpg": b"chain"}


def test_a_known_file_of_any_name_does_not_count_as_gone(tmp_path: Path) -> None:
    for name in NAMES[:-1]:
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0\0\x10")
    paths = [photo.path for photo in walk_photos(f"local://{tmp_path}")]
    assert len(paths) == len(NAMES) - 1
    assert find_gone(paths) == []
