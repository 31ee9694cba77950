"""The cover of a person: the best face, or the one that a user chose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import FacesElsewhere, NotFound, StaleVersion
from cluster.core.identity.changes import ChangeKind, Elsewhere
from cluster.core.identity.people import PersonSummary
from cluster.core.pictures.photos import DetectionOutcome
from cluster.core.sessions import PhaseName
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import skip_known
from cluster.store.people.cover_choice import choose_cover
from cluster.store.people.face_moves import move_faces
from cluster.store.people.found_faces import FoundFaces
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import merge_people
from cluster.store.people.redetected_faces import keep_redetected
from cluster.store.people.undo_log import find_last_change, undo_change
from tests.library import NOW, PACK, found, ids_of, make_face, start_session, train
from tests.people import Grouped, fill_people, group


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 2, ungrouped=1)


@pytest.fixture
def anna(grouped: Grouped) -> int:
    return grouped.ids[0]


@pytest.fixture
def faces(grouped: Grouped, anna: int) -> list[int]:
    return grouped.people[anna]


def change_face(db: Session, face_id: int, **values: float) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    db.execute(text(f"UPDATE face SET {columns} WHERE id = :id"), {"id": face_id, **values})


def choose(db: Session, person_id: int, face_id: int | None) -> PersonSummary:
    version = get_person(db, person_id).version
    return choose_cover(db, person_id, face_id, version=version, now=NOW).person


def cover_of(db: Session, person_id: int) -> int | None:
    return get_person(db, person_id).cover_face_id


def test_of_equally_good_faces_the_sharpest_is_the_cover(
    db: Session, anna: int, faces: list[int]
) -> None:
    for face, sharpness in zip(faces, (0.3, 0.9, 0.6, 0.1), strict=True):
        change_face(db, face, sharpness=sharpness)
    assert cover_of(db, anna) == faces[1]


def test_of_equally_sharp_faces_the_largest_is_the_cover(
    db: Session, anna: int, faces: list[int]
) -> None:
    change_face(db, faces[2], box_right=150, box_bottom=150)
    assert cover_of(db, anna) == faces[2]


def test_a_face_of_poor_quality_is_no_cover_however_sharp_and_large(
    db: Session, anna: int, faces: list[int]
) -> None:
    change_face(db, faces[3], quality=0.2, sharpness=1.0, box_right=500, box_bottom=500)
    assert cover_of(db, anna) == faces[0]


def test_a_face_whose_sharpness_nobody_measured_is_of_middling_sharpness(
    db: Session, anna: int, faces: list[int]
) -> None:
    for face, sharpness in zip(faces[1:], (0.4, 0.45, 0.2), strict=True):
        change_face(db, face, sharpness=sharpness)
    assert cover_of(db, anna) == faces[0]


def test_the_chosen_face_is_the_cover_until_it_is_left_to_headcount_again(
    db: Session, anna: int, faces: list[int]
) -> None:
    chosen = choose(db, anna, faces[3])
    assert (chosen.cover_face_id, chosen.is_cover_chosen, chosen.version) == (faces[3], True, 2)
    automatic = choose(db, anna, None)
    assert (automatic.cover_face_id, automatic.is_cover_chosen) == (faces[0], False)


def test_the_chosen_cover_stays_when_the_faces_are_grouped_again(
    db: Session, anna: int, faces: list[int], grouped: Grouped
) -> None:
    choose(db, anna, faces[3])
    group(db, [anna] * 4 + [grouped.ids[1]] * 2 + [anna])
    assert cover_of(db, anna) == faces[3]


def test_a_chosen_face_that_is_moved_away_is_no_cover(
    db: Session, anna: int, faces: list[int]
) -> None:
    choose(db, anna, faces[3])
    move_faces(db, anna, [faces[3]], to=Elsewhere.NEW, version=2, now=NOW)
    person = get_person(db, anna)
    assert (person.cover_face_id, person.is_cover_chosen) == (faces[0], False)


def test_a_chosen_face_that_is_gone_is_no_cover(db: Session, anna: int, faces: list[int]) -> None:
    choose(db, anna, faces[3])
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": faces[3]})
    assert cover_of(db, anna) == faces[0]


def test_merged_people_keep_the_cover_of_the_one_that_stays(
    db: Session, anna: int, faces: list[int], grouped: Grouped
) -> None:
    other = grouped.ids[1]
    choose(db, anna, faces[3])
    merge_people(db, anna, [other], versions={anna: 2, other: 1}, now=NOW)
    assert cover_of(db, anna) == faces[3]


def test_a_choice_is_undone(db: Session, anna: int, faces: list[int]) -> None:
    choose(db, anna, faces[2])
    choose(db, anna, faces[3])
    change = find_last_change(db, pack=PACK)
    assert change is not None
    assert (change.kind, change.summary) == (
        ChangeKind.COVER,
        f"Changed the cover of person {anna}",
    )
    undo_change(db, change.id, now=NOW)
    assert cover_of(db, anna) == faces[2]


def test_an_undo_forgets_a_cover_whose_face_is_gone(
    db: Session, anna: int, faces: list[int]
) -> None:
    choose(db, anna, faces[3])
    version = get_person(db, anna).version
    moved = move_faces(db, anna, faces[:1], to=Elsewhere.NEW, version=version, now=NOW)
    db.execute(text("DELETE FROM face WHERE id = :id"), {"id": faces[3]})
    undo_change(db, moved.change_id, now=NOW)
    assert cover_of(db, anna) == faces[0]


def test_a_choice_without_effect_changes_nothing(db: Session, anna: int, faces: list[int]) -> None:
    assert choose_cover(db, anna, None, version=1, now=NOW).change_id is None
    choose(db, anna, faces[1])
    assert choose_cover(db, anna, faces[1], version=2, now=NOW).change_id is None
    assert get_person(db, anna).version == 2


def test_only_a_face_of_the_person_can_be_its_cover(
    db: Session, anna: int, grouped: Grouped
) -> None:
    for face in (grouped.ungrouped[0], grouped.people[grouped.ids[1]][0], 4711):
        with pytest.raises(FacesElsewhere):
            choose_cover(db, anna, face, version=1, now=NOW)


def test_a_choice_for_a_person_that_has_changed_is_refused(
    db: Session, anna: int, faces: list[int]
) -> None:
    choose(db, anna, faces[1])
    with pytest.raises(StaleVersion):
        choose_cover(db, anna, faces[2], version=1, now=NOW)
    with pytest.raises(NotFound):
        choose_cover(db, 4711, None, version=1, now=NOW)


def test_a_face_that_is_detected_again_gets_its_sharpness(
    db: Session, anna: int, faces: list[int]
) -> None:
    image_id = db.execute(
        text("SELECT image_id FROM face WHERE id = :id"), {"id": faces[0]}
    ).scalar_one()
    seen = replace(make_face(1), sharpness=0.25)
    keep_redetected(db, [FoundFaces(image_id, (seen,))], pack=PACK)
    query = text("SELECT sharpness FROM face WHERE id = :id")
    assert db.execute(query, {"id": faces[0]}).scalar_one() == 0.25


def test_the_sharpness_of_a_found_face_is_stored_and_may_be_unknown(db: Session) -> None:
    session_id = start_session(db)
    add_found(db, session_id, [found("one")], pack=PACK)
    train(db, session_id, {"one": "one"})
    skip_known(db, session_id)
    (file_id,) = ids_of(db, session_id, PhaseName.FACE_DETECTION).values()
    faces = (replace(make_face(1), sharpness=0.5), make_face(2))
    settle_detection(db, session_id, [DetectionOutcome(file_id, faces)], pack=PACK, now=NOW)
    stored = db.execute(text("SELECT sharpness FROM face ORDER BY id")).scalars().all()
    assert stored == [0.5, None]
