"""The film of a live photo is a file of the photo."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.library import record
from tests.postgres.shots import Held, check_named, companions, jpeg, look, name_face, photos, rows

FILM = "IMG_1.MOV"


def film(db: Session, name: str = "film", *, duration_s: float = 2.8) -> None:
    """Record that the photo of the film is a film, as the reader of films does later."""
    db.execute(text(f"UPDATE image SET duration_s = {duration_s} WHERE width = 640"))


def made_film() -> Held:
    return Held(record("film", width=640, data="film"))


def test_the_film_of_a_live_photo_is_a_file_of_the_photo(db: Session) -> None:
    look(db, {FILM: made_film()})
    film(db)
    look(db, {FILM: None, "IMG_1.HEIC": jpeg()})
    kept = name_face(db)
    assert photos(db) == [(400, 300, 2, True)]
    assert companions(db) == [FILM]
    look(db, {FILM: None, "IMG_1.HEIC": None})
    check_named(db, kept)


def test_a_long_film_beside_a_photo_is_a_film(db: Session) -> None:
    look(db, {FILM: made_film()})
    film(db, duration_s=60)
    look(db, {FILM: None, "IMG_1.HEIC": jpeg()})
    assert len(photos(db)) == 2
    assert companions(db) == []


def test_a_film_whose_photo_is_deleted_is_read_as_a_film_by_the_next_session(db: Session) -> None:
    others = {name: jpeg(name, faces=()) for name in ("x.jpg", "y.jpg", "z.jpg")}
    look(db, {FILM: made_film(), **others})
    film(db)
    look(db, {FILM: None, "IMG_1.HEIC": jpeg(), **dict.fromkeys(others)})
    look(db, {FILM: None, **dict.fromkeys(others)})
    assert rows(db, "SELECT is_read, image_id, companion FROM file WHERE path ~ 'MOV'") == [
        (False, None, False)
    ]
    look(db, {FILM: made_film(), **dict.fromkeys(others)})
    assert photos(db)[-1] == (640, 480, 1, True)
