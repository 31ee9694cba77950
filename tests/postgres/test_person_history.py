"""A person's photos by year, the first and the last one, and the most frequent companions."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.store.database.engine import begin
from cluster.store.people.people_list import get_person
from cluster.store.photos.person_history import get_history
from tests.people import Album, fill_album, set_times

ANNA, BEA, CARL = 1, 2, 3


@pytest.fixture
def album(engine: Engine) -> Album:
    album = fill_album(
        engine, [ANNA, BEA], [ANNA, BEA, BEA], [ANNA, CARL], [ANNA, BEA], [ANNA, 0], [CARL, 0]
    )
    with begin(engine) as db:
        times = (
            "2014-05-03 10:00",
            "2012-01-01",
            "2014-12-31",
            None,
            "1980-01-01 00:01",
            "1999-1-1",
        )
        set_times(db, album, *times)
    return album


def test_photos_are_counted_by_year_and_unknown_times_apart(db: Session, album: Album) -> None:
    history = get_history(db, album.people[ANNA])
    assert [(one.year, one.photos) for one in history.years] == [(2012, 1), (2014, 2)]
    assert history.undated == 2
    assert history.first_taken_at == datetime(2012, 1, 1)
    assert history.last_taken_at == datetime(2014, 12, 31)


def test_the_years_and_the_undated_are_all_photos_of_the_person(db: Session, album: Album) -> None:
    db.execute(text("DELETE FROM face WHERE image_id = :id"), {"id": album.image_ids[5]})
    copy = text("UPDATE image SET duplicate_of = :of WHERE id = :id")
    db.execute(copy, {"of": album.image_ids[0], "id": album.image_ids[5]})
    lose = text("UPDATE image SET missing_since = now() WHERE id = :id")
    db.execute(lose, {"id": album.image_ids[2]})
    history = get_history(db, album.people[ANNA])
    counted = sum(one.photos for one in history.years) + history.undated
    assert counted == get_person(db, album.people[ANNA]).photos == 5


def test_those_in_most_photos_with_somebody_come_first_each_photo_once(
    db: Session, album: Album
) -> None:
    companions = get_history(db, album.people[ANNA]).companions
    bea, carl = album.of(BEA, CARL)
    assert [(one.id, one.photos) for one in companions] == [(bea, 3), (carl, 1)]
    assert companions[0].cover_face_id == get_person(db, bea).cover_face_id


def test_hidden_people_are_with_nobody(db: Session, album: Album) -> None:
    db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": album.people[BEA]})
    companions = get_history(db, album.people[ANNA]).companions
    assert [one.id for one in companions] == album.of(CARL)


def test_at_most_five_are_shown(engine: Engine) -> None:
    crowd = fill_album(engine, [1, 2, 3, 4, 5, 6, 7])
    with begin(engine) as db:
        assert len(get_history(db, crowd.people[1]).companions) == 5


def test_a_person_without_a_photo_has_no_history(db: Session, album: Album) -> None:
    db.execute(text("UPDATE image SET missing_since = now()"))
    history = get_history(db, album.people[ANNA])
    assert (history.years, history.undated, history.first_taken_at) == ((), 0, None)
    assert history.companions == ()
    with pytest.raises(NotFound):
        get_history(db, 4711)
