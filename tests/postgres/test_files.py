"""What happens to files happens to no person: a photo is its content, a file is where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, PhotoRecord, TrainingOutcome
from cluster.core.pictures.placements import Likeness, Placement, Relation, scaling, turning
from cluster.core.sessions import Move, PhaseName
from cluster.store.erasing import erase_person
from cluster.store.items.census import list_doubtful, settle_files
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.people.people_list import get_person, list_people
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import get_session, move_session
from tests.library import NOW, PACK, found, make_face, record, settle_training, start_session
from tests.people import group

BOX = BoundingBox(100, 60, 180, 160)


@dataclass(frozen=True)
class Held:
    """What a file holds, and how that is related to what it held before."""

    record: PhotoRecord
    relation: Relation | None = None
    faces: tuple[Face, ...] = ()


def picture(name: str, *, faces: Sequence[Face] = (), **changes: Any) -> Held:
    """A file with this picture, in which these faces are found."""
    return Held(replace(record(name), **changes), faces=tuple(faces))


def face_at(box: BoundingBox, number: int = 1) -> Face:
    return replace(make_face(number), box=box)


def look(db: Session, files: dict[str, Held | None], *, times: dict[str, int] | None = None) -> int:
    """Run a session over /photos, which holds these files; None is one that is unchanged.

    `times` are their modification times, 100 unless told. Returns the session's id.
    """
    session_id = start_session(db)
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    times = times or {}
    met = [FoundPhoto(path(name), 10, times.get(name, 100)) for name in files]
    add_found(db, session_id, met, pack=PACK)
    finish_discovery(db, session_id)
    by_path = {path(name): held for name, held in files.items()}
    read = []
    for item in list_pending(db, session_id, PhaseName.TRAINING, limit=10_000):
        held = by_path[item.path]
        assert held is not None, f"{item.path} is unchanged, and was to be read"
        relation = held.relation
        read.append(
            TrainingOutcome(item.file_id, held.record, relation=relation, before=item.image_id)
        )
    settle_training(db, session_id, read, pack=PACK)
    gone = [one.file_id for one in list_doubtful(db, session_id) if one.path not in by_path]
    settle_files(db, session_id, root="/photos", gone=gone, now=NOW)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    skip_known(db, session_id)
    seen = [
        DetectionOutcome(item.file_id, held.faces)
        for item in list_pending(db, session_id, PhaseName.FACE_DETECTION, limit=10_000)
        if (held := by_path[item.path]) is not None
    ]
    settle_detection(db, session_id, seen, pack=PACK, now=NOW)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    check_session(db, session_id)
    return session_id


def path(name: str) -> str:
    return found(name).path


def rows(db: Session, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


def count_detected(db: Session, session_id: int) -> int:
    query = (
        "SELECT count(*) FROM session_item WHERE session_id = {} AND detection_state = 'processed'"
    )
    return int(rows(db, query.format(session_id))[0][0])


def box_of(db: Session, face_id: int) -> BoundingBox:
    query = f"SELECT box_left, box_top, box_right, box_bottom FROM face WHERE id = {face_id}"
    (sides,) = rows(db, query)
    return BoundingBox(*sides)


def name_faces(db: Session) -> tuple[int, int]:
    """Name the person of the only face, which a user has placed; return both ids."""
    (face_id,) = (row[0] for row in rows(db, "SELECT id FROM face"))
    group(db, [-1])
    (person,) = list_people(db, pack=PACK, limit=10)
    db.execute(text("UPDATE person SET name = 'Ada', name_key = 'ada'"))
    db.execute(text("UPDATE face SET placed_by_user = true"))
    return face_id, person.id


def check_kept(db: Session, face_id: int, person_id: int) -> None:
    """Check that the only face is what it was, with its name."""
    assert rows(db, "SELECT id, person_id, placed_by_user FROM face") == [
        (face_id, person_id, True)
    ]
    assert get_person(db, person_id).name == "Ada"
    assert get_person(db, person_id).photos == 1


def test_a_touched_file_is_read_and_nothing_is_detected(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    kept = name_faces(db)
    session_id = look(db, {"a": picture("a")}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, *kept)
    again = look(db, {"a": None}, times={"a": 200})
    assert count_detected(db, again) == 0


def test_written_metadata_changes_nothing_but_itself(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    kept = name_faces(db)
    edited = picture("a", sha256=b"edited" * 5, taken_at=NOW.replace(tzinfo=None))
    session_id = look(db, {"a": edited}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, *kept)
    assert rows(db, "SELECT taken_at FROM image") == [(NOW.replace(tzinfo=None),)]


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_turned_picture_turns_its_faces(db: Session, turn: int) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    face_id, person_id = name_faces(db)
    db.execute(
        text("INSERT INTO erased_face VALUES (DEFAULT, (SELECT id FROM image), 10, 20, 30, 40)")
    )
    before = rows(db, "SELECT id FROM image")
    placement = turning(turn, 400, 300)
    width, height = (300, 400) if turn >= 5 else (400, 300)
    turned = picture("a", sha256=b"turned" * 5, orientation=turn, width=width, height=height)
    held = replace(turned, relation=Relation(Likeness.EQUAL, placement, turn))
    session_id = look(db, {"a": held}, times={"a": 200})
    assert count_detected(db, session_id) == 0
    check_kept(db, face_id, person_id)
    assert rows(db, "SELECT id FROM image") == before
    assert box_of(db, face_id) == placement.place_box(BOX)
    assert bytes(rows(db, "SELECT crop FROM face")[0][0]).endswith(b" turned by %d" % turn)
    erased = placement.place_box(BoundingBox(10, 20, 30, 40))
    query = "SELECT box_left, box_top, box_right, box_bottom FROM erased_face"
    assert rows(db, query) == [(erased.left, erased.top, erased.right, erased.bottom)]


@pytest.mark.parametrize(
    ("likeness", "placement"),
    [
        pytest.param(Likeness.SAME, scaling(0.5, 0.5), id="resized"),
        pytest.param(Likeness.PART, Placement(1, 0, -80, 0, 1, -40), id="cropped"),
    ],
)
def test_a_picture_that_was_saved_again_keeps_its_people(
    db: Session, likeness: Likeness, placement: Placement
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)])})
    kept = name_faces(db)
    before = rows(db, "SELECT id FROM image")
    moved = placement.place_box(BOX)
    shifted = BoundingBox(moved.left + 2, moved.top - 1, moved.right + 1, moved.bottom + 2)
    faces = [face_at(shifted, 1), face_at(BoundingBox(0, 0, 20, 20), 2)]
    saved = picture("a saved", faces=faces, width=200, height=150)
    held = replace(saved, relation=Relation(likeness, placement))
    session_id = look(db, {"a": held}, times={"a": 200})
    assert count_detected(db, session_id) == 1
    assert rows(db, "SELECT id FROM image") == before
    assert rows(db, f"SELECT person_id, placed_by_user FROM face WHERE id = {kept[0]}") == [
        (kept[1], True)
    ]
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]
    assert box_of(db, kept[0]) == shifted


def test_a_face_that_moved_within_its_picture_is_found_again_by_its_vector(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)])})
    kept = name_faces(db)
    elsewhere = BoundingBox(150, 100, 230, 200)
    saved = picture("a saved", faces=[face_at(elsewhere, 1)])
    relation = Relation(Likeness.PART, scaling(1.0, 1.0))
    look(db, {"a": replace(saved, relation=relation)}, times={"a": 200})
    check_kept(db, *kept)
    assert box_of(db, kept[0]) == elsewhere


def test_what_was_erased_stays_erased_when_the_picture_is_cropped(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    crop = Placement(1, 0, -80, 0, 1, -40)
    part = picture("a cropped", faces=[face_at(crop.place_box(BOX))])
    relation = Relation(Likeness.PART, crop)
    look(db, {"a": replace(part, relation=relation)}, times={"a": 200})
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]


def test_a_crop_beside_a_copy_is_a_new_photo_in_which_what_was_erased_stays_so(
    db: Session,
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    crop = Placement(1, 0, -80, 0, 1, -40)
    part = picture("a cropped", faces=[face_at(crop.place_box(BOX))])
    relation = Relation(Likeness.PART, crop)
    look(db, {"a": replace(part, relation=relation), "copy": None}, times={"a": 200})
    assert rows(db, "SELECT count(*), count(missing_since) FROM image") == [(2, 0)]
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]


def test_a_copy_of_the_old_picture_that_comes_back_after_a_crop_is_not_the_crop(
    db: Session,
) -> None:
    others = dict.fromkeys("xyz")
    first = {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")}
    look(db, first | {n: picture(n) for n in others})
    look(db, {"a": None, **others})
    crop = Relation(Likeness.PART, Placement(1, 0, -80, 0, 1, -40))
    part = replace(picture("a cropped", width=200, height=150), relation=crop)
    look(db, {"a": part, **others}, times={"a": 200})
    look(db, {"a": None, "copy": picture("a"), **others}, times={"a": 200})
    query = "SELECT count(DISTINCT image_id) FROM file WHERE path ~ '/(a|copy).jpg'"
    assert rows(db, f"{query} AND NOT superseded") == [(2,)]


def test_another_picture_under_an_old_name_is_a_new_photo_and_the_old_one_is_missing(
    db: Session,
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX, 1)]), "b": picture("b")})
    face_id, person_id = name_faces(db)
    other = replace(
        picture("other", faces=[face_at(BOX, 2)]), relation=Relation(Likeness.OTHER, None)
    )
    session_id = look(db, {"a": other, "b": None}, times={"a": 200})
    assert count_detected(db, session_id) == 1
    assert rows(db, "SELECT count(*) FROM face") == [(2,)]
    assert get_person(db, person_id).photos == 0
    query = f"SELECT missing_since IS NULL FROM image WHERE id IN ({MISSING_OF.format(face_id)})"
    assert rows(db, query) == [(False,)]
    # It comes back, somewhere else, and is whole.
    back = look(db, {"a": None, "b": None, "c": picture("a")}, times={"a": 200})
    assert count_detected(db, back) == 0
    assert get_person(db, person_id).photos == 1


MISSING_OF = "SELECT image_id FROM face WHERE id = {}"


def test_moved_files_are_the_same_photos(db: Session) -> None:
    names = [f"old/{n}" for n in range(5)]
    look(db, {name: picture(name, faces=[face_at(BOX, n)]) for n, name in enumerate(names)})
    before = rows(db, "SELECT id, image_id FROM face ORDER BY id")
    group(db, [-1] * 5)
    (person,) = list_people(db, pack=PACK, limit=10)
    new = {name.replace("old", "new"): picture(name) for name in names}
    session_id = look(db, new)
    assert count_detected(db, session_id) == 0
    census = get_session(db, session_id).census
    assert (census["moved"], census["missing"], census["gone"]) == (5, 0, None)
    assert rows(db, "SELECT id, image_id FROM face ORDER BY id") == before
    assert list_people(db, pack=PACK, limit=10) == [person]
    query = f"SELECT DISTINCT training_reason FROM session_item WHERE session_id = {session_id}"
    assert sorted(rows(db, query))[0] == ("moved from /photos/old/0.jpg",)


def test_exchanged_names_exchange_nothing_else(db: Session) -> None:
    look(db, {n: picture(n, faces=[face_at(BOX, k)]) for k, n in enumerate("ab")})
    before = rows(db, "SELECT id, image_id FROM face ORDER BY id")
    times = {"a": 200, "b": 201}
    session_id = look(db, {"a": picture("b"), "b": picture("a")}, times=times)
    assert count_detected(db, session_id) == 0
    assert rows(db, "SELECT id, image_id FROM face ORDER BY id") == before
    assert rows(db, "SELECT count(*) FROM image WHERE missing_since IS NOT NULL") == [(0,)]


def test_deleted_photos_are_missing_until_they_come_back(db: Session) -> None:
    pictures = {str(n): picture(str(n), faces=[face_at(BOX, n)]) for n in range(8)}
    look(db, pictures)
    group(db, [-1] * 8)
    (person,) = list_people(db, pack=PACK, limit=10)
    session_id = look(db, {str(n): None for n in range(5)})
    assert get_session(db, session_id).census["missing"] == 3
    assert get_person(db, person.id).photos == 5
    assert rows(db, "SELECT count(*) FROM face") == [(8,)]
    look(db, dict.fromkeys(pictures))
    assert get_person(db, person.id) == person


def test_when_most_is_gone_at_once_nothing_is_missing(db: Session) -> None:
    look(db, {str(n): picture(str(n), faces=[face_at(BOX, n)]) for n in range(8)})
    session_id = look(db, {"0": None, "1": None})
    census = get_session(db, session_id).census
    assert (census["known"], census["gone"], census["missing"]) == (8, 6, 0)
    assert rows(db, "SELECT known, gone FROM library") == [(8, 6)]
    assert rows(db, "SELECT count(*) FROM image WHERE missing_since IS NOT NULL") == [(0,)]
    look(db, {str(n): None for n in range(8)})
    assert rows(db, "SELECT known, gone FROM library") == [(None, None)]


def test_a_duplicate_takes_the_place_of_its_representative(db: Session) -> None:
    small = picture("a", sha256=b"small" * 6, content=b"small" * 6, width=200, height=150)
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "small": small, **others}, times={"a": 1})
    face_id, person_id = name_faces(db)
    session_id = look(db, {"small": None, **dict.fromkeys("xyz")})
    assert count_detected(db, session_id) == 0
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == BOX.scaled(0.5)
    # The larger one is its duplicate from now on.
    look(db, {"a": None, "small": None, **dict.fromkeys("xyz")}, times={"a": 1})
    check = "SELECT count(*) FROM detection d JOIN image i ON i.id = d.image_id"
    assert rows(db, f"{check} WHERE i.duplicate_of IS NOT NULL") == [(0,)]
    assert get_person(db, person_id).photos == 2


@pytest.mark.parametrize(
    ("before", "after", "is_read"),
    [
        (("size", None, None), ("size", None, None), True),
        ((10, None, None), (10, None, None), True),
        ((None, 100, None), (None, 100, None), True),
        ((None, None, "x"), (None, None, "x"), False),
        ((None, None, "x"), (None, None, "y"), True),
        ((10, 100, "x"), (10, 100, "y"), True),
        ((10, 100, None), (10, 100, None), False),
        ((10, 100, "x"), (10, 999, "x"), False),
    ],
)
def test_what_a_storage_does_not_tell_is_never_equal(
    db: Session, before: tuple[Any, ...], after: tuple[Any, ...], is_read: bool
) -> None:
    def meet(told: tuple[Any, ...]) -> int:
        session_id = start_session(db)
        size, modified_ns, etag = told
        photo = FoundPhoto("http://x/a.jpg", size if size != "size" else None, modified_ns, etag)
        add_found(db, session_id, [photo], pack=PACK)
        return session_id

    first = meet(before)
    (item,) = list_pending(db, first, PhaseName.TRAINING, limit=2)
    settle_training(db, first, [TrainingOutcome(item.file_id, record("a"))], pack=PACK)
    settle_detection(db, first, [DetectionOutcome(item.file_id)], pack=PACK, now=NOW)
    second = meet(after)
    assert bool(list_pending(db, second, PhaseName.TRAINING, limit=2)) is is_read


def test_a_photo_that_was_forgotten_while_its_file_waits_is_a_failed_item(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("a"), found("b")], pack=PACK)
    pending = list_pending(db, session_id, PhaseName.TRAINING, limit=10)
    read = [TrainingOutcome(item.file_id, record(item.path)) for item in pending]
    settle_training(db, session_id, read, pack=PACK)
    db.execute(text(f"UPDATE file SET image_id = NULL WHERE id = {read[0].file_id}"))
    seen = [DetectionOutcome(one.file_id, (make_face(one.file_id),)) for one in read]
    settled = settle_detection(db, session_id, seen, pack=PACK, now=NOW)
    assert (settled.counts.processed, settled.counts.failed) == (1, 1)
    check_session(db, session_id)


def test_what_is_gone_beside_a_renamed_folder_is_missing(db: Session) -> None:
    """The photos that moved are not gone: two of eight are."""
    names = [f"old/{n}" for n in range(8)]
    look(db, {name: picture(name) for name in names})
    session_id = look(db, {n.replace("old", "new"): picture(n) for n in names[:6]})
    census = get_session(db, session_id).census
    assert (census["moved"], census["missing"], census["gone"]) == (6, 2, None)


def turned(name: str, turn: int, *, faces: Sequence[Face] = ()) -> Held:
    """A file whose EXIF block turns a picture, which therefore has other hashes."""
    size = {"width": 300, "height": 400} if turn >= 5 else {}
    other = record(f"{name} turned")
    hashes = {"phash": other.phash, "sha256": other.sha256}
    return picture(name, faces=faces, orientation=turn, **size, **hashes)


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_copy_that_was_turned_is_a_duplicate_and_takes_the_faces_over(
    db: Session, turn: int
) -> None:
    others = {n: picture(n) for n in "xyz"}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), **others})
    face_id, person_id = name_faces(db)
    copy = {"copy": turned("a", turn, faces=[face_at(BOX, 2)])}
    unchanged: dict[str, Held | None] = dict.fromkeys("xyz")
    both = look(db, {"a": None, **copy, **unchanged})
    assert count_detected(db, both) == 0
    assert get_person(db, person_id).photos == 2
    look(db, {"copy": None, **unchanged})
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == turning(turn, 400, 300).place_box(BOX)
    look(db, {"a": None, **unchanged})
    check_kept(db, face_id, person_id)
    assert box_of(db, face_id) == BOX


@pytest.mark.parametrize("is_there_before", [True, False])
def test_what_was_erased_stays_erased_in_a_copy_that_was_turned(
    db: Session, is_there_before: bool
) -> None:
    copy = {"copy": turned("a", 6)}
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "x": picture("x")})
    if is_there_before:
        look(db, {"a": None, "x": None, **copy})
    _, person_id = name_faces(db)
    erase_person(db, person_id)
    box = turning(6, 400, 300).place_box(BOX)
    if not is_there_before:
        look(db, {"a": None, "x": None, "copy": turned("a", 6, faces=[face_at(box)])})
    look(db, {"copy": None, "x": None})
    assert rows(db, "SELECT count(*) FROM face") == [(0,)]
    query = """
        SELECT box_left, box_top, box_right, box_bottom FROM erased_face
        WHERE image_id = (SELECT image_id FROM file WHERE path LIKE '%copy%')
    """
    assert rows(db, query) == [(box.left, box.top, box.right, box.bottom)]


def orientations(db: Session) -> list[tuple[Any, ...]]:
    return rows(
        db,
        """
        SELECT f.path, i.orientation FROM file f JOIN image i ON i.id = f.image_id
        WHERE f.missing_since IS NULL AND NOT f.superseded ORDER BY f.path
        """,
    )


EQUAL_BUT_TURNED = Relation(Likeness.EQUAL, turning(6, 400, 300), 6)


@pytest.mark.parametrize("order", [("a", "copy"), ("copy", "a")])
def test_a_copy_stays_as_it_is_when_its_original_is_turned_beside_it(
    db: Session, order: tuple[str, str]
) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)])})
    now = {"a": replace(turned("a", 6), relation=EQUAL_BUT_TURNED), "copy": picture("a")}
    look(db, {name: now[name] for name in order}, times={"a": 200})
    assert orientations(db) == [(path("a"), 6), (path("copy"), 1)]


def test_known_bytes_are_read_again_when_their_photo_was_turned_meanwhile(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "x": picture("x")})
    session_id = start_session(db)
    start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    met = [FoundPhoto(path(name), 10, 200) for name in ("a", "copy")]
    add_found(db, session_id, met, pack=PACK)
    a, copy = list_pending(db, session_id, PhaseName.TRAINING, limit=10)
    turned_a = TrainingOutcome(
        a.file_id, turned("a", 6).record, relation=EQUAL_BUT_TURNED, before=a.image_id
    )
    settle_training(db, session_id, [turned_a], pack=PACK)
    known = TrainingOutcome(copy.file_id, known=record("a").sha256)
    settle_training(db, session_id, [known], pack=PACK)
    assert list_pending(db, session_id, PhaseName.TRAINING, limit=10) == [copy]
    settle_training(db, session_id, [TrainingOutcome(copy.file_id, record("a"))], pack=PACK)
    assert orientations(db) == [(path("a"), 6), (path("copy"), 1), (path("x"), 1)]


def test_a_file_that_comes_back_holds_what_is_in_it_though_its_photo_was_turned(
    db: Session,
) -> None:
    look(db, {name: picture("a" if name == "old" else name) for name in ("old", "x", "y", "z")})
    others: dict[str, Held | None] = dict.fromkeys("xyz")
    look(db, {"new": picture("a"), **others})
    again = replace(turned("a", 6), relation=EQUAL_BUT_TURNED)
    look(db, {"new": again, **others}, times={"new": 200})
    look(db, {"new": None, "old": picture("a"), **others}, times={"new": 200})
    assert orientations(db)[:2] == [(path("new"), 6), (path("old"), 1)]


def test_a_known_copy_that_is_turned_is_a_duplicate(db: Session) -> None:
    look(db, {"a": picture("a", faces=[face_at(BOX)]), "copy": picture("a")})
    held = replace(turned("a", 6, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    session_id = look(db, {"a": None, "copy": held}, times={"copy": 200})
    assert count_detected(db, session_id) == 0
    held = replace(turned("a", 3, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    look(db, {"a": None, "copy": held}, times={"copy": 300})
    held = replace(turned("a", 4, faces=[face_at(BOX, 2)]), relation=EQUAL_BUT_TURNED)
    session_id = look(db, {"a": held, "copy": None}, times={"copy": 300, "a": 400})
    assert count_detected(db, session_id) == 0
    assert rows(db, "SELECT count(*) FROM image WHERE duplicate_of IS NULL") == [(1,)]
