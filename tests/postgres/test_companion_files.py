"""A raw file and its JPEG are one photo with two files, whatever happens to either file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import Likeness, Relation, scaling
from cluster.core.sessions import Move, PhaseName
from cluster.store.erasing import erase_person
from cluster.store.items.companion_items import count_companions
from cluster.store.items.new_attempts import restart_session
from cluster.store.photos.photo_details import get_photo
from cluster.store.photos.stored_pictures import get_source
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, record
from tests.people import group
from tests.postgres.shots import (
    BOX,
    HALF,
    JPEG,
    RAW,
    Held,
    check_named,
    companions,
    face,
    go_on,
    items,
    jpeg,
    look,
    name_face,
    photos,
    raw,
    rows,
)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("order", [(JPEG, RAW), (RAW, JPEG)])
def test_a_raw_file_and_its_jpeg_are_one_photo_shown_by_the_jpeg(
    db: Session, order: tuple[str, str], batch: int
) -> None:
    both = {JPEG: jpeg(), RAW: raw()}
    session_id = look(db, {name: both[name] for name in order}, batch=batch)
    assert photos(db) == [(400, 300, 2, True)]
    assert items(db, session_id) == {
        JPEG: ("processed", ""),
        RAW: ("skipped", f"another file of /photos/{JPEG}"),
    }
    assert companions(db) == [RAW]
    assert (count_companions(db, session_id).raw, count_companions(db, session_id).film) == (1, 0)
    assert rows(db, "SELECT box_left, box_bottom FROM face") == [(100.0, 160.0)]


@pytest.mark.parametrize("order", [(JPEG, RAW), (RAW, JPEG)])
def test_a_preview_that_is_the_same_picture_as_its_jpeg_is_the_same(
    db: Session, order: tuple[str, str]
) -> None:
    """Then the two are duplicates first, and either may represent the other."""
    shot = record("shot")
    same = Held(replace(record("shot", width=200, data="raw"), blocks=shot.blocks))
    both = {JPEG: jpeg(), RAW: same}
    for times in ({JPEG: 100, RAW: 101}, {JPEG: 101, RAW: 100}):
        session_id = look(db, {name: both[name] for name in order}, times=times)
        assert photos(db) == [(400, 300, 2, True)]
        assert items(db, session_id)[RAW][0] == "skipped"
        assert rows(db, "SELECT count(*) FROM face") == [(1,)]


def test_unchanged_companions_are_not_read_again(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    again = look(db, {JPEG: None, RAW: None})
    assert set(items(db, again).values()) == {("skipped", "unchanged")}
    assert companions(db) == [RAW]


def test_a_jpeg_that_comes_later_takes_over_what_was_decided_in_the_raw_file(db: Session) -> None:
    look(db, {RAW: raw()})
    kept = name_face(db)
    check_named(db, kept, HALF)
    session_id = look(db, {RAW: None, JPEG: jpeg()})
    check_named(db, kept, BOX)
    assert photos(db) == [(400, 300, 2, True)]
    assert items(db, session_id)[JPEG] == ("skipped", "the picture is unchanged")


def test_a_raw_file_that_comes_later_belongs_to_the_photo(db: Session) -> None:
    look(db, {JPEG: jpeg()})
    kept = name_face(db)
    session_id = look(db, {RAW: raw(), JPEG: None})
    check_named(db, kept)
    assert photos(db) == [(400, 300, 2, True)]
    assert items(db, session_id)[RAW] == ("skipped", f"another file of /photos/{JPEG}")


def test_what_was_erased_in_the_raw_file_stays_erased_when_its_jpeg_comes(db: Session) -> None:
    look(db, {RAW: raw()})
    _, person_id = name_face(db)
    erase_person(db, person_id)
    look(db, {RAW: None, JPEG: jpeg()})
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]


def test_when_the_jpeg_is_deleted_the_raw_file_shows_the_photo(db: Session) -> None:
    others = {name: jpeg(name, faces=()) for name in ("x.jpg", "y.jpg", "z.jpg")}
    there = dict.fromkeys(others)
    look(db, {JPEG: jpeg(), RAW: raw(), **others})
    kept = name_face(db)
    session_id = look(db, {RAW: None, **there})
    check_named(db, kept)
    assert count_companions(db, session_id).raw == 0
    image_id = rows(db, "SELECT image_id FROM face")[0][0]
    assert get_source(db, image_id).path == f"/photos/{RAW}"
    # The JPEG comes back, and shows the photo again.
    session_id = look(db, {RAW: None, JPEG: None, **there})
    check_named(db, kept)
    assert count_companions(db, session_id).raw == 1
    assert companions(db) == [RAW]
    assert get_source(db, image_id).path == f"/photos/{JPEG}"


def test_when_the_raw_file_is_deleted_nothing_is_missing(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    look(db, {JPEG: None})
    check_named(db, kept)
    assert photos(db) == [(400, 300, 1, True)]


def test_touched_files_stay_together(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    for number, files in enumerate(({RAW: raw(), JPEG: None}, {RAW: None, JPEG: jpeg()})):
        times = {RAW: 200, JPEG: 100 + number}
        look(db, files, times=times)
        check_named(db, kept)
        assert photos(db) == [(400, 300, 2, True)]


def test_a_raw_file_whose_tags_were_changed_stays_with_its_jpeg(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    relation = Relation(Likeness.SAME, scaling(0.5, 0.5))
    tagged = replace(raw(sha256=b"tagged" * 5), relation=relation)
    look(db, {JPEG: None, RAW: tagged}, times={RAW: 200})
    check_named(db, kept)
    assert photos(db) == [(400, 300, 2, True)]
    assert companions(db) == [RAW]


def test_a_jpeg_that_is_saved_again_keeps_the_photo_and_its_raw_file(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    saved = record("shot", width=800, data="saved")
    larger = BoundingBox(200, 120, 360, 320)
    held = Held(saved, (face(larger),), Relation(Likeness.SAME, scaling(2, 2)))
    look(db, {JPEG: held, RAW: None}, times={JPEG: 200})
    check_named(db, kept, larger)
    assert photos(db) == [(800, 600, 2, True)]
    assert companions(db) == [RAW]
    look(db, {JPEG: None, RAW: None}, times={JPEG: 200})


def test_another_picture_under_the_name_of_the_jpeg_leaves_the_photo_to_the_raw_file(
    db: Session,
) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    other = jpeg("other", faces=(), taken_at=NOW.replace(tzinfo=None))
    other = replace(other, relation=Relation(Likeness.OTHER, None))
    look(db, {JPEG: other, RAW: None}, times={JPEG: 200})
    check_named(db, kept)
    assert photos(db) == [(400, 300, 1, True), (400, 300, 1, True)]
    assert companions(db) == []


def test_both_files_move_together(db: Session) -> None:
    look(db, {JPEG: jpeg(), RAW: raw()})
    kept = name_face(db)
    moved = {f"2020/{JPEG}": jpeg(), f"2020/{RAW}": raw()}
    session_id = look(db, moved)
    check_named(db, kept)
    assert photos(db) == [(400, 300, 2, True)]
    assert companions(db) == [f"2020/{RAW}"]
    assert items(db, session_id) == {
        f"2020/{name}": ("skipped", f"moved from /photos/{name}") for name in (JPEG, RAW)
    }


def test_a_run_that_was_killed_before_detection_goes_on(db: Session) -> None:
    look(db, {RAW: raw(), JPEG: jpeg()}, kill=lambda: True)
    db.execute(text("UPDATE training_session SET status = 'failed'"))
    session_id = look(db, {RAW: raw(), JPEG: jpeg()})
    assert photos(db) == [(400, 300, 2, True)]
    assert items(db, session_id)[JPEG][0] == "processed"
    assert items(db, session_id)[RAW][0] == "skipped"


def test_a_photo_that_only_its_raw_file_shows_is_searched_there_by_another_pack(
    db: Session,
) -> None:
    """The boxes of faces are in pixels of the photo, although the raw file's picture is smaller."""
    look(db, {JPEG: jpeg(), RAW: raw(), "x.jpg": jpeg("x", faces=())})
    other = "other-pack"
    look(db, {RAW: raw(), "x.jpg": jpeg("x", faces=())}, pack=other)
    boxes = rows(db, f"SELECT box_left, box_bottom FROM face WHERE pack = '{other}'")
    assert boxes == [(100.0, 160.0)]


def test_a_raw_file_and_a_jpeg_with_decisions_of_their_own_stay_two_photos(db: Session) -> None:
    look(db, {f"jpegs/{JPEG}": jpeg(), f"raws/{RAW}": raw()})
    group(db, [-1, -2])
    before = rows(db, "SELECT id, person_id FROM face ORDER BY id")
    look(db, {f"all/{JPEG}": jpeg(), f"all/{RAW}": raw()})
    assert rows(db, "SELECT id, person_id FROM face ORDER BY id") == before
    assert len(photos(db)) == 2


def test_an_edit_that_cannot_be_related_takes_no_decision_away(db: Session) -> None:
    look(db, {RAW: raw()})
    kept = name_face(db)
    crop = Held(replace(record("edited"), width=300, height=300))
    look(db, {RAW: None, JPEG: crop})
    check_named(db, kept, HALF)
    assert len(photos(db)) == 2


def test_a_copy_of_the_shot_elsewhere_is_a_duplicate_of_the_photo(db: Session) -> None:
    session_id = look(db, {RAW: raw(), JPEG: jpeg(), "copy/IMG_1.JPG": jpeg()})
    assert photos(db) == [(400, 300, 3, True)]
    states = [state for state, _ in items(db, session_id).values()]
    assert sorted(states) == ["processed", "skipped", "skipped"]
    assert items(db, session_id)[RAW] == ("skipped", f"another file of /photos/{JPEG}")


def test_companions_are_no_duplicates_on_the_page(db: Session) -> None:
    look(db, {RAW: raw(), JPEG: jpeg()})
    image_id = rows(db, "SELECT image_id FROM face")[0][0]
    files = get_photo(db, image_id, pack=PACK).files
    assert [file.path for file in files] == [f"/photos/{JPEG}", f"/photos/{RAW}"]


@pytest.mark.parametrize("phase", [PhaseName.TRAINING, PhaseName.FACE_DETECTION])
def test_a_phase_that_is_done_again_keeps_the_pair(db: Session, phase: PhaseName) -> None:
    files = {RAW: raw(), JPEG: jpeg()}
    session_id = look(db, files)
    kept = name_face(db)
    restart_session(db, session_id, phase, now=NOW)
    move_session(db, session_id, Move.START, now=NOW)
    go_on(db, session_id, files, first=phase)
    check_named(db, kept)
    assert photos(db) == [(400, 300, 2, True)]
    assert items(db, session_id)[RAW] == ("skipped", f"another file of /photos/{JPEG}")
    assert items(db, session_id)[JPEG][0] == "processed"


@pytest.mark.parametrize("name", ["IMG_1.TIF", "IMG_2.JPG", "sub/IMG_1.JPG"])
def test_a_picture_that_is_no_twin_stays_a_photo_of_its_own(db: Session, name: str) -> None:
    look(db, {RAW: raw(), name: jpeg()})
    assert companions(db) == []
    assert len(photos(db)) == 2
