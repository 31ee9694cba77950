"""A raw file and its JPEG are one photo with two files, whatever happens to either of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, PhotoRecord, TrainingOutcome
from cluster.core.pictures.placements import Likeness, Relation, scaling
from cluster.core.sessions import Move, PhaseName
from cluster.store.erasing import erase_person
from cluster.store.items.census import list_doubtful, settle_files
from cluster.store.items.companion_items import (
    count_companions,
    list_companions,
    release_companions,
    settle_companions,
)
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.items.new_attempts import restart_session
from cluster.store.people.people_list import get_person, list_people
from cluster.store.photos.photo_details import get_photo
from cluster.store.photos.stored_pictures import get_source
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, make_face, record, settle_training, start_session
from tests.people import group

BOX = BoundingBox(100, 60, 180, 160)
HALF = BoundingBox(50, 30, 90, 80)
JPEG, RAW = "IMG_1.JPG", "IMG_1.CR2"


@dataclass(frozen=True)
class Held:
    """What a file holds; `size` is that of the picture in it, which detection searches."""

    record: PhotoRecord
    faces: tuple[Face, ...] = ()
    relation: Relation | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.record.width, self.record.height


def face(box: BoundingBox, number: int = 1) -> Face:
    return replace(make_face(number), box=box)


def jpeg(name: str = "shot", *, faces: Sequence[Face] = (face(BOX),), **changes: Any) -> Held:
    """The JPEG of a shot, 400 x 300."""
    return Held(replace(record(name), **changes), tuple(faces))


def raw(name: str = "shot", *, faces: Sequence[Face] = (face(HALF),), **changes: Any) -> Held:
    """The raw file of a shot, whose preview has half the size and looks a little different."""
    made = record(name, width=200, data="raw")
    preview = replace(made, phash=made.phash ^ 0b10101, blocks=b"\x80" * len(made.blocks))
    return Held(replace(preview, **changes), tuple(faces))


Files = Mapping[str, Held | None]


def look(
    db: Session,
    files: Files,
    *,
    times: Mapping[str, int] | None = None,
    pack: str = PACK,
    batch: int = 1,
    kill: Callable[[], bool] = lambda: False,
) -> int:
    """Run a session over /photos, in batches of `batch` files; None is a file that is unchanged.

    `kill` ends it before faces are looked for.
    """
    session_id = start_session(db, pack=pack)
    when = {f"/photos/{name}": time for name, time in (times or {}).items()}
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    places = [f"/photos/{name}" for name in files]
    add_found(
        db, session_id, [FoundPhoto(one, 10, when.get(one, 100)) for one in places], pack=pack
    )
    read_all(db, session_id, files, pack=pack, batch=batch)
    if not kill():
        search_all(db, session_id, files, pack=pack)
    return session_id


def go_on(db: Session, session_id: int, files: Files, *, first: PhaseName) -> None:
    """Do what is pending again, from this phase on."""
    if first is PhaseName.TRAINING:
        start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        read_all(db, session_id, files)
    search_all(db, session_id, files)


def read_all(
    db: Session, session_id: int, files: Files, *, pack: str = PACK, batch: int = 1
) -> None:
    """Read the pending files, batch by batch, and settle them."""
    by_path = {f"/photos/{name}": held for name, held in files.items()}
    finish_discovery(db, session_id)
    pending = list_pending(db, session_id, PhaseName.TRAINING, limit=100)
    for start in range(0, len(pending), batch):
        read = []
        for item in pending[start : start + batch]:
            held = by_path[item.path]
            assert held is not None, f"{item.path} is unchanged, and was to be read"
            relation = held.relation
            read.append(
                TrainingOutcome(item.file_id, held.record, relation=relation, before=item.image_id)
            )
        settle_training(db, session_id, read, pack=pack)
    settle(db, session_id, by_path, pack=pack)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)


def search_all(db: Session, session_id: int, files: Files, *, pack: str = PACK) -> None:
    """Search the pending files for faces, and complete the session."""
    by_path = {f"/photos/{name}": held for name, held in files.items()}
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    skip_known(db, session_id)
    for item in list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=100):
        held = by_path[item.path]
        assert held is not None, f"{item.path} is searched again"
        seen = DetectionOutcome(item.file_id, held.faces, size=held.size)
        settle_detection(db, session_id, [seen], pack=pack, now=NOW)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    check_session(db, session_id)


def settle(db: Session, session_id: int, by_path: Files, *, pack: str = PACK) -> None:
    """What a session does at the end of training; a second time, it changes nothing."""
    for _ in range(2):
        gone = [one.file_id for one in list_doubtful(db, session_id) if one.path not in by_path]
        settle_files(db, session_id, root="/photos", gone=gone, now=NOW)
        settle_companions(
            db, session_id, list_companions(db, session_id, root="/photos").pairs, pack=pack
        )
        release_companions(
            db, session_id, list_companions(db, session_id, root="/photos").loose, pack=pack
        )
        check_session(db, session_id)
    assert not list_companions(db, session_id, root="/photos").loose


def rows(db: Session, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


def items(db: Session, session_id: int) -> dict[str, tuple[str, str | None]]:
    """The state and the reason of each file in face detection."""
    query = (
        "SELECT f.path, detection_state, coalesce(detection_reason, '') FROM session_item s"
        f" JOIN file f ON f.id = s.file_id WHERE session_id = {session_id}"
    )
    return {path.removeprefix("/photos/"): (state, why) for path, state, why in rows(db, query)}


def photos(db: Session) -> list[tuple[int, int, int, bool]]:
    """Each photo's size, number of files that are there, and whether it is there."""
    return rows(
        db,
        "SELECT i.width, i.height, (SELECT count(*) FROM file WHERE image_id = i.id"
        " AND missing_since IS NULL AND NOT superseded), i.missing_since IS NULL"
        " FROM image i ORDER BY i.id",
    )


def companions(db: Session) -> list[str]:
    query = "SELECT path FROM file WHERE companion AND missing_since IS NULL ORDER BY path"
    return [path.removeprefix("/photos/") for (path,) in rows(db, query)]


def name_face(db: Session) -> tuple[int, int]:
    """Name the person of the only face, which a user has placed; return both ids."""
    (face_id,) = (row[0] for row in rows(db, "SELECT id FROM face"))
    group(db, [-1])
    (person,) = list_people(db, pack=PACK, limit=10)
    db.execute(text("UPDATE person SET name = 'Ada', name_key = 'ada'"))
    db.execute(text("UPDATE face SET placed_by_user = true"))
    return face_id, person.id


def check_named(db: Session, kept: tuple[int, int], box: BoundingBox = BOX) -> None:
    """Check that the only face is what it was, with its name, and where it is to be."""
    ((face_id, person_id, left, top, right, bottom),) = rows(
        db, "SELECT id, person_id, box_left, box_top, box_right, box_bottom FROM face"
    )
    assert (face_id, person_id) == kept
    assert get_person(db, kept[1]).name == "Ada"
    assert get_person(db, kept[1]).photos == 1
    assert (left, top, right, bottom) == pytest.approx(
        (box.left, box.top, box.right, box.bottom), abs=0.01
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
    # It comes back, and shows the photo again.
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
    """The faces are in the pixels of the photo, although the raw file's picture is smaller."""
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


FILM = "IMG_1.MOV"


def film(db: Session, name: str = "film", *, duration_s: float = 2.8) -> None:
    """Note that the photo of the film is a film (the reader of films does it in the end)."""
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
