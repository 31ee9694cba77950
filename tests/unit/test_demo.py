"""The demo library has the same files each time, and some of every kind."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from jobs.demo import PEOPLE_BOXES, RECIPES, make_demo_library


@pytest.mark.long
def test_a_second_call_leaves_files_and_times_alone(demo_library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo_library.rglob("*")}
    assert make_demo_library(demo_library) == 0
    assert before == {path: path.stat().st_mtime_ns for path in demo_library.rglob("*")}


@pytest.mark.long
def test_a_file_that_was_lost_or_changed_is_made_again(demo_library: Path, tmp_path: Path) -> None:
    copied = tmp_path / "a library's copy"
    shutil.copytree(demo_library, copied)
    (copied / "party" / "everybody.jpg").unlink()
    (copied / "travel" / "sky.png").write_bytes(b"rain")
    assert make_demo_library(copied) == 2
    for path in (path for path in demo_library.rglob("*") if path.is_file()):
        assert (copied / path.relative_to(demo_library)).read_bytes() == path.read_bytes()


def test_the_library_has_some_sixty_files(demo_library: Path) -> None:
    assert 55 <= sum(path.is_file() for path in demo_library.rglob("*")) <= 65


def test_each_of_six_people_is_alone_in_at_least_five_photos(demo_library: Path) -> None:
    names = [path.name for path in (demo_library / "portraits").iterdir()]
    photos = Counter(name.split()[1] for name in names)
    assert len(photos) == len(PEOPLE_BOXES) == 6
    assert set(photos.values()) == {len(RECIPES)}
    assert len(RECIPES) >= 5


def test_there_are_exact_copies_and_they_are_younger(demo_library: Path) -> None:
    for copy in demo_library.glob("copies/copy of *"):
        original = demo_library / "portraits" / copy.name.removeprefix("copy of ")
        assert copy.read_bytes() == original.read_bytes()
        assert copy.stat().st_mtime > original.stat().st_mtime


def test_only_two_files_are_no_photos_and_one_of_them_is_a_text(demo_library: Path) -> None:
    damaged = {path.name: path.read_bytes() for path in (demo_library / "damaged").iterdir()}
    assert len(damaged) == 2
    assert damaged["cut in half.jpg"].startswith(b"\xff\xd8")
    assert not damaged["cut in half.jpg"].endswith(b"\xff\xd9")
    assert damaged["shopping list.jpg"].isascii()
