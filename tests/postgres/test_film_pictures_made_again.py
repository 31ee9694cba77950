"""The stored pictures of films are made again from their files, by `jobs.check --repair`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from cluster.core.identity.faces import BoundingBox
from cluster.store.database.engine import begin
from cluster.vision.films.film_frames import list_pictures
from cluster.vision.photos.crops import cut_crop
from cluster.vision.relations.remade_frames import remake_film_picture
from cluster.vision.sources.film_files import digest_film
from jobs.check import main
from tests.films import CODECS, RATE, make_film
from tests.films_in_tables import add_film

LEVELS = [20 + 5 * n for n in range(40)]
BOX = BoundingBox(60.0, 40.0, 120.0, 90.0)


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_the_picture_of_a_face_is_cut_from_the_frame_that_was_searched(
    tmp_path: Path, suffix: str
) -> None:
    path = make_film(tmp_path / f"film{suffix}", LEVELS, gop=7)
    digest = digest_film(str(path))
    duration_s = len(LEVELS) / RATE
    searched = list_pictures(str(path), max_pixels=10**8, duration_s=duration_s, frames=5)
    for picture in searched:
        made = remake_film_picture(
            str(path), sha256=digest, box=BOX, time_s=float(np.float32(picture.time_s))
        )
        assert made is not None
        assert made == cut_crop(picture.image.pixels, BOX.scaled(picture.scale))


def test_a_film_that_changed_gives_no_picture(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", LEVELS)
    assert remake_film_picture(str(path), sha256=b"\0" * 32, box=None, time_s=None) is None
    digest = digest_film(str(path))
    assert remake_film_picture(str(path), sha256=digest, box=BOX, time_s=99.0) is None


def test_damaged_pictures_of_a_film_are_mended(
    engine: Engine,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    path = make_film(tmp_path / "film.mp4", LEVELS, gop=7)
    film = add_film(engine, path, duration_s=4.0, time_s=0.7)
    damage = ("UPDATE image SET thumbnail = '' WHERE id = :image", "UPDATE face SET crop = 'x'")
    with begin(engine) as db:
        for statement in damage:
            db.execute(text(statement), {"image": film.image_id} if ":" in statement else {})
    main(["--repair"])
    query = "SELECT thumbnail, crop FROM image i JOIN face f ON f.image_id = i.id WHERE i.id = :id"
    with begin(engine) as db:
        (row,) = db.execute(text(query), {"id": film.image_id})
    for picture in row:
        assert Image.open(io.BytesIO(bytes(picture))).format == "JPEG"
