"""Raw photos beside JPEGs through whole sessions: one photo each, whatever is deleted."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from bench.made_raw import encode, make_dng, take_jpeg
from cluster.store.database.engine import begin
from tests.end_to_end.conftest import open_tables
from tests.headcount import WITHOUT_PAGE, Headcount, read_figures

pytestmark = [pytest.mark.long, pytest.mark.drill]

PEOPLE = 3
EACH = 4
"""Photos of each person, enough for most of them to become a person."""


def shoot(portraits: Path, folder: Path) -> list[str]:
    """Write a JPEG and a raw file of each portrait of some people; return the names."""
    folder.mkdir()
    names = []
    of_each = (sorted(portraits.rglob(f"person {n + 1} *.jpg"))[:EACH] for n in range(PEOPLE))
    for number, path in enumerate(itertools.chain.from_iterable(of_each)):
        with Image.open(path) as opened:
            picture = opened.convert("RGB").resize((960, 720))
        name, time = f"IMG_{number:04d}", f"2021:06:05 14:30:{number:02d}"
        (folder / f"{name}.JPG").write_bytes(take_jpeg(picture, time=time))
        sideways = picture.transpose(Image.Transpose.ROTATE_90)
        preview = encode(sideways.resize((540, 720)), quality=85)
        raw = make_dng(sideways, preview=preview, orientation=6, time=time)
        (folder / f"{name}.DNG").write_bytes(raw)
        names.append(name)
    return names


def count(run: Headcount, *queries: str) -> list[int]:
    with open_tables(run) as engine, begin(engine) as db:
        return [int(db.execute(text(query)).scalar_one()) for query in queries]


def test_raw_photos_and_their_jpegs_are_one_photo_each_in_every_session(
    headcount: Headcount, demo_library: Path, tmp_path: Path
) -> None:
    headcount.extra |= WITHOUT_PAGE
    root = tmp_path / "photos"
    names = shoot(demo_library / "portraits", root)
    status, output = headcount.run("--root", str(root))
    assert status == 0, output
    figures = read_figures(output)
    assert (figures["photos"], figures["failed"]) == (2 * len(names), 0)
    assert f"{len(names)} raw photos belong to the photos of other files" in output
    photos = "SELECT count(*) FROM image WHERE missing_since IS NULL"
    faces = "SELECT count(*) FROM face f JOIN image i ON i.id = f.image_id AND i.width > i.height"
    found = count(headcount, photos, faces)
    assert found[0] == len(names)
    assert found[1] == figures["faces"] > 0
    assert figures["people"] > 1
    for name in names[::2]:
        (root / f"{name}.JPG").unlink()
    status, output = headcount.run("--root", str(root))
    assert status == 0, output
    again = read_figures(output)
    assert (again["people"], again["faces"]) == (figures["people"], figures["faces"])
    assert count(headcount, photos, faces) == found
