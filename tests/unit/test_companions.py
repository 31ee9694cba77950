"""Which files belong to the photo of another file: by name, time and length."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.files.companions import ShotFile, find_companions

NOON = datetime(2024, 6, 1, 12)


def pair_up(*files: tuple[str, datetime | None, float | None]) -> dict[str, str]:
    """Maps the names of companions to the names of the files that show their photos."""
    shots = [ShotFile(n, f"/photos/{one[0]}", one[1], one[2]) for n, one in enumerate(files)]
    names = [one[0] for one in files]
    return {names[a]: names[b] for a, b in find_companions(shots).items()}


def still(name: str, time: datetime | None = NOON) -> tuple[str, datetime | None, None]:
    return name, time, None


def film(name: str, duration_s: float | None) -> tuple[str, datetime | None, float | None]:
    return name, NOON, duration_s


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("IMG_1.CR2", "IMG_1.JPG"),
        ("IMG_1.nef", "img_1.jpeg"),
        ("DSC1.ARW", "DSC1.HEIC"),
        ("a.b.DNG", "a.b.jpg"),
        ("ÄÖ.RAF", "äö.jpg"),
    ],
)
def test_a_raw_file_belongs_to_the_picture_of_its_name_and_time(raw: str, shown: str) -> None:
    assert pair_up(still(raw), still(shown)) == {raw: shown}


def test_the_time_is_compared_to_the_second() -> None:
    soon = NOON + timedelta(milliseconds=400)
    assert pair_up(still("a.NEF"), still("a.JPG", soon)) == {"a.NEF": "a.JPG"}
    assert not pair_up(still("a.NEF"), still("a.JPG", NOON + timedelta(seconds=1)))


def test_a_picture_of_another_name_folder_or_time_is_another_photo() -> None:
    assert not pair_up(still("a.NEF"), still("b.JPG"))
    assert not pair_up(still("a.NEF"), still("sub/a.JPG"))
    assert not pair_up(still("a.NEF"), still("a.JPG", None))
    assert not pair_up(still("a.NEF", None), still("a.JPG", None))


def test_a_picture_that_no_camera_writes_beside_a_raw_file_shows_none() -> None:
    for name in ("a.TIF", "a.png", "a.psd"):
        assert not pair_up(still("a.NEF"), still(name))


def test_the_jpeg_shows_before_the_heic_and_all_raw_files_of_a_shot_belong_to_it() -> None:
    files = [still(name) for name in ("a.CR2", "a.DNG", "a.HEIC", "a.JPG")]
    assert pair_up(*files) == {"a.CR2": "a.JPG", "a.DNG": "a.JPG"}


def test_a_short_film_belongs_to_the_only_picture_of_its_name() -> None:
    assert pair_up(still("a.HEIC"), film("a.MOV", 2.8)) == {"a.MOV": "a.HEIC"}
    assert not pair_up(still("a.HEIC"), film("a.MOV", 6.5))
    assert not pair_up(still("a.HEIC"), film("a.MOV", None))
    assert not pair_up(still("a.HEIC"), still("a.JPG"), film("a.MOV", 2.8))
    assert not pair_up(still("a.HEIC"), film("a.MOV", 2.8), film("a.mp4", 2.8))
    assert not pair_up(film("a.MOV", 2.8), film("a.mp4", 2.8))


def test_a_film_of_a_shot_with_a_raw_file_belongs_to_the_picture() -> None:
    shot = [still("a.DNG"), still("a.JPG"), film("a.MOV", 2.8)]
    assert pair_up(*shot) == {"a.DNG": "a.JPG", "a.MOV": "a.JPG"}
    assert pair_up(still("a.DNG"), film("a.MOV", 2.8)) == {"a.MOV": "a.DNG"}


def test_a_film_that_was_a_companion_stays_one_without_its_length() -> None:
    files = [ShotFile(1, "/a.HEIC", NOON), ShotFile(2, "/a.MOV", NOON, is_companion=True)]
    assert find_companions(files) == {2: 1}


NAMES = st.sampled_from(
    [f"{stem}.{suffix}" for stem in ("a", "A", "b") for suffix in ("jpg", "HEIC", "nef", "MOV")]
)


@given(names=st.lists(NAMES, unique=True), random=st.randoms())
def test_the_answer_does_not_depend_on_the_order(names: list[str], random: Random) -> None:
    files = [ShotFile(n, f"/photos/{name}", NOON, 2.0) for n, name in enumerate(names)]
    found = find_companions(files)
    random.shuffle(files)
    assert find_companions(files) == found
    assert not set(found) & set(found.values())
