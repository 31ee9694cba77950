"""The photos with all of some people, with any of them, and with only them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import NotFound
from cluster.core.identity.people import PhotoMatch
from cluster.store.database.engine import begin
from cluster.store.people.people_list import get_person
from cluster.store.photos.people_photos import PhotosPage, page_photos
from cluster.store.photos.photo_details import get_photo
from tests.library import PACK
from tests.people import Album, fill_album, set_times

ANNA, BEA, CARL = 1, 2, 3
PHOTOS = (
    [ANNA, BEA],
    [ANNA, ANNA],
    [ANNA, BEA, CARL],
    [BEA],
    [ANNA, BEA, 0],
    [CARL],
    [ANNA],
)


@pytest.fixture
def album(engine: Engine) -> Album:
    """Seven photos, from the oldest to the newest."""
    album = fill_album(engine, *PHOTOS)
    with begin(engine) as db:
        set_times(db, album, *(f"2020-01-0{day}" for day in range(1, 8)))
    return album


def find(db: Session, album: Album, match: PhotoMatch, *labels: int) -> list[int]:
    """The numbers of the photos that are found, in order."""
    page = page_photos(db, album.of(*labels), match=match, limit=100)
    assert page.total == len(page.photos)
    return [album.photo(photo.id) for photo in page.photos]


def test_all_means_every_one_of_them_and_the_newest_photo_comes_first(
    db: Session, album: Album
) -> None:
    assert find(db, album, PhotoMatch.ALL, ANNA, BEA) == [4, 2, 0]
    assert find(db, album, PhotoMatch.ALL, ANNA, BEA, CARL) == [2]
    assert find(db, album, PhotoMatch.ALL, ANNA) == [6, 4, 2, 1, 0]


def test_a_person_twice_in_a_photo_is_not_two_people(db: Session, album: Album) -> None:
    assert 1 not in find(db, album, PhotoMatch.ALL, ANNA, BEA)
    assert find(db, album, PhotoMatch.ONLY, ANNA) == [6, 1]


def test_a_person_who_is_asked_for_twice_counts_once(db: Session, album: Album) -> None:
    assert find(db, album, PhotoMatch.ALL, BEA, ANNA, BEA) == [4, 2, 0]


def test_any_means_at_least_one_of_them(db: Session, album: Album) -> None:
    assert find(db, album, PhotoMatch.ANY, BEA, CARL) == [5, 4, 3, 2, 0]


def test_each_photo_tells_which_of_them_are_in_it(db: Session, album: Album) -> None:
    anna, bea, carl = album.of(ANNA, BEA, CARL)
    page = page_photos(db, [carl, bea], match=PhotoMatch.ANY, limit=3)
    assert [photo.person_ids for photo in page.photos] == [(carl,), (bea,), (bea,)]
    twice = page_photos(db, [anna], match=PhotoMatch.ONLY, limit=3)
    assert [photo.person_ids for photo in twice.photos] == [(anna,), (anna,)]


def test_only_means_nobody_else_and_no_ungrouped_face(db: Session, album: Album) -> None:
    assert find(db, album, PhotoMatch.ONLY, ANNA, BEA) == [0]
    assert find(db, album, PhotoMatch.ONLY, BEA) == [3]
    assert find(db, album, PhotoMatch.ONLY, ANNA, CARL) == []


@pytest.mark.parametrize("verdict", ["not_a_face", "stranger", "hidden"])
def test_a_face_with_a_verdict_is_nobody_else(db: Session, album: Album, verdict: str) -> None:
    db.execute(text("UPDATE face SET verdict = :v WHERE person_id IS NULL"), {"v": verdict})
    assert find(db, album, PhotoMatch.ONLY, ANNA, BEA) == [4, 0]


def test_a_hidden_person_is_nobody_else_but_can_be_asked_for(db: Session, album: Album) -> None:
    hide = text("UPDATE person SET hidden = true WHERE id = :id")
    db.execute(hide, {"id": album.people[CARL]})
    assert find(db, album, PhotoMatch.ONLY, ANNA, BEA) == [2, 0]
    assert find(db, album, PhotoMatch.ONLY, CARL) == [5]


def test_a_missing_photo_is_not_found(db: Session, album: Album) -> None:
    lose = text("UPDATE image SET missing_since = now() WHERE id = :id")
    db.execute(lose, {"id": album.image_ids[4]})
    for match, found in ((PhotoMatch.ALL, [2, 0]), (PhotoMatch.ONLY, [0])):
        assert find(db, album, match, ANNA, BEA) == found
    assert find(db, album, PhotoMatch.ANY, BEA) == [3, 2, 0]


def test_photos_without_a_time_come_last_by_their_ids(db: Session, album: Album) -> None:
    set_times(db, album, None, "2020-01-01", None, None, "2021-01-01", None, "2020-01-01")
    assert find(db, album, PhotoMatch.ALL, ANNA) == [4, 1, 6, 0, 2]


def page_of(db: Session, album: Album, *, limit: int, offset: int) -> PhotosPage:
    ids = album.of(ANNA)
    return page_photos(db, ids, match=PhotoMatch.ALL, limit=limit, offset=offset)


def test_pages_follow_each_other_and_each_knows_the_total(db: Session, album: Album) -> None:
    pages = [page_of(db, album, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [[album.photo(p.id) for p in page.photos] for page in pages] == [[6, 4], [2, 1], [0], []]
    assert {page.total for page in pages} == {5}


def test_a_photo_stands_for_its_duplicates_which_count_as_for_the_person(
    db: Session, album: Album
) -> None:
    copy = text("UPDATE image SET duplicate_of = :of WHERE id = :id")
    db.execute(text("DELETE FROM face WHERE image_id = :id"), {"id": album.image_ids[5]})
    db.execute(copy, {"of": album.image_ids[0], "id": album.image_ids[5]})
    page = page_photos(db, album.of(BEA), match=PhotoMatch.ANY, limit=10)
    assert [(album.photo(p.id), p.duplicates) for p in page.photos] == [
        (4, 0),
        (3, 0),
        (2, 0),
        (0, 1),
    ]
    assert (page.total, page.photo_count) == (4, 5)
    assert get_person(db, album.people[BEA]).photos == 5


def test_somebody_who_is_not_there_is_not_found(db: Session, album: Album) -> None:
    ids = album.of(ANNA)
    for wrong in ([*ids, 4711], [4711]):
        with pytest.raises(NotFound):
            page_photos(db, wrong, match=PhotoMatch.ANY, limit=10)
    with pytest.raises(NotFound):
        page_photos(db, ids, match=PhotoMatch.ANY, limit=10, pack="other")


def test_people_of_two_packs_are_in_no_photo_together(engine: Engine, album: Album) -> None:
    other = fill_album(engine, [ANNA], pack="other")
    with begin(engine) as db, pytest.raises(NotFound):
        page_photos(
            db, [*album.of(ANNA), *other.of(ANNA)], match=PhotoMatch.ANY, limit=10, pack=PACK
        )


def test_a_photo_names_everybody_in_it_and_those_whom_nobody_knows(
    db: Session, album: Album
) -> None:
    photo = get_photo(db, album.image_ids[4], pack=PACK)
    anna, bea = album.of(ANNA, BEA)
    first, second, unknown = album.face_ids[4]
    assert [(p.id, p.face_ids) for p in photo.people] == [(anna, (first,)), (bea, (second,))]
    assert [(f.id, f.person_id) for f in photo.faces] == [
        (first, anna),
        (second, bea),
        (unknown, None),
    ]


def test_a_photo_shows_no_hidden_person_and_nothing_that_is_no_face(
    db: Session, album: Album
) -> None:
    db.execute(text("UPDATE face SET verdict = 'not_a_face' WHERE person_id IS NULL"))
    db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": album.people[BEA]})
    photo = get_photo(db, album.image_ids[4], pack=PACK)
    assert [face.id for face in photo.faces] == album.face_ids[4][:1]


def test_a_photo_shows_a_stranger_as_one(db: Session, album: Album) -> None:
    db.execute(text("UPDATE face SET verdict = 'stranger' WHERE person_id IS NULL"))
    faces = get_photo(db, album.image_ids[4], pack=PACK).faces
    assert [face.id for face in faces if face.is_stranger] == [
        face.id for face in faces if face.person_id is None
    ]
    assert any(face.is_stranger for face in faces)


def test_the_faces_of_a_smaller_copy_are_where_they_are_in_it(db: Session, album: Album) -> None:
    small = text("UPDATE image SET duplicate_of = :of, width = 200, height = 150 WHERE id = :id")
    db.execute(small, {"of": album.image_ids[0], "id": album.image_ids[5]})
    large, copy = (get_photo(db, album.image_ids[n], pack=PACK) for n in (0, 5))
    assert [face.box for face in copy.faces] == [face.box.scaled(0.5) for face in large.faces]


def test_the_faces_of_a_turned_copy_are_where_they_are_in_it(db: Session, album: Album) -> None:
    first, other = album.image_ids[0], album.image_ids[5]
    content = text("SELECT content FROM image WHERE id = :id")
    values = {"of": first, "id": other, "content": db.execute(content, {"id": first}).scalar_one()}
    turn = text(
        """
        UPDATE image SET duplicate_of = :of, content = :content, orientation = 6, width = 300,
            height = 400
        WHERE id = :id
        """
    )
    db.execute(turn, values)
    box = get_photo(db, other, pack=PACK).faces[0].box
    assert (box.left, box.top, box.right, box.bottom) == (240.0, 1.5, 297.5, 50.0)


def test_many_photos_are_in_the_same_order_as_few(db: Session, album: Album) -> None:
    """For more than a thousand photos, another query plan finds them (people_photos.py)."""
    more = text(
        """
        WITH added AS (
            INSERT INTO image (width, height, taken_at, phash, dhash, thumbnail)
            SELECT 400, 300,
                CASE WHEN n % 3 > 0 THEN timestamp '2019-01-01' + n % 50 * interval '1 day' END,
                0, '', 't'
            FROM generate_series(1, 1500) n RETURNING id
        )
        INSERT INTO face (image_id, pack, box_left, box_top, box_right, box_bottom, landmarks,
            score, quality, embedding, crop, person_id)
        SELECT added.id, pack, 0, 0, 1, 1, landmarks, score, quality, embedding, crop, person_id
        FROM added CROSS JOIN face WHERE face.id = :face_id
        """
    )
    db.execute(more, {"face_id": album.face_ids[6][0]})
    times = text(
        """
        SELECT DISTINCT i.id, i.taken_at FROM image i JOIN face f ON f.image_id = i.id
        WHERE f.person_id = :id ORDER BY i.taken_at DESC NULLS LAST, i.id
        """
    )
    wanted = [row.id for row in db.execute(times, {"id": album.people[ANNA]})]
    for match in (PhotoMatch.ALL, PhotoMatch.ANY):
        found = []
        for offset in range(0, 1800, 300):
            page = page_photos(db, album.of(ANNA), match=match, limit=300, offset=offset)
            assert page.total == len(wanted) > 1500
            found += [photo.id for photo in page.photos]
        assert found == wanted
