"""Faces that users set aside belong to nobody, appear in no search, and can be taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import FacesElsewhere, ImpossibleChange, NotFound
from cluster.core.identity.changes import Elsewhere
from cluster.core.identity.faces import FaceVerdict
from cluster.store.database.engine import begin
from cluster.store.erasing import erase_person
from cluster.store.people.change_history import find_last_change, list_changes
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.nearest import find_nearest_people
from cluster.store.people.people_list import get_person, list_people, load_people
from cluster.store.people.undo_log import undo_change
from cluster.store.photos.stored_pictures import (
    count_set_aside_faces,
    count_ungrouped_faces,
    list_ungrouped_faces,
)
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces

STRANGER = FaceVerdict.STRANGER


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def judge(db: Session, face_ids: list[int], verdict: FaceVerdict | None = STRANGER) -> int | None:
    return judge_faces(db, face_ids, verdict, now=NOW).change_id


def verdicts(db: Session) -> dict[int, tuple[str, bool]]:
    """The verdict on each face that has one, and whether a user placed the face."""
    query = text("SELECT id, verdict, placed_by_user FROM face WHERE verdict IS NOT NULL")
    return {row.id: (row.verdict, row.placed_by_user) for row in db.execute(query)}


def ungrouped(db: Session, verdict: FaceVerdict | None = None) -> list[int]:
    faces = list_ungrouped_faces(db, pack=PACK, limit=100, verdict=verdict)
    assert count_ungrouped_faces(db, pack=PACK, verdict=verdict) == len(faces)
    return [face.id for face in faces]


@pytest.mark.parametrize("verdict", FaceVerdict)
def test_faces_are_set_aside_grouped_or_not(
    db: Session, grouped: Grouped, verdict: FaceVerdict
) -> None:
    one, two, _ = grouped.ids
    faces = [grouped.people[one][0], grouped.people[two][1], grouped.ungrouped[2]]
    judged = judge_faces(db, faces, verdict, now=NOW)
    assert [(person.id, person.faces, person.version) for person in judged.people] == [
        (one, 3, 2),
        (two, 2, 2),
    ]
    assert judged.faces == 3
    assert verdicts(db) == dict.fromkeys(faces, (verdict, True))
    assert ungrouped(db) == grouped.ungrouped[:2]
    assert ungrouped(db, verdict) == sorted(faces)
    assert count_set_aside_faces(db, pack=PACK) == 3
    others = set(FaceVerdict) - {verdict}
    assert all(ungrouped(db, other) == [] for other in others)


def test_a_verdict_that_is_taken_back_leaves_an_ungrouped_face(
    db: Session, grouped: Grouped
) -> None:
    face = grouped.people[grouped.ids[0]][0]
    judge(db, [face])
    taken = judge_faces(db, [face, *grouped.ungrouped], None, now=NOW)
    assert (taken.people, taken.faces) == ((), 1)
    assert verdicts(db) == {}
    assert sorted(ungrouped(db)) == sorted([face, *grouped.ungrouped])
    placed = text("SELECT placed_by_user FROM face WHERE id = :id")
    assert db.execute(placed, {"id": face}).scalar_one() is False


def test_a_verdict_that_is_given_again_is_no_change(db: Session, grouped: Grouped) -> None:
    judge(db, grouped.ungrouped[:2])
    assert judge(db, grouped.ungrouped[:2]) is None
    assert judge_faces(db, grouped.ungrouped, STRANGER, now=NOW).faces == 1
    assert judge(db, grouped.ungrouped, FaceVerdict.HIDDEN) is not None
    assert set(verdicts(db).values()) == {("hidden", True)}


def test_a_person_whose_faces_are_all_set_aside_is_gone(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    assert judge_faces(db, grouped.people[one], STRANGER, now=NOW).people == ()
    with pytest.raises(NotFound):
        get_person(db, one)


def test_a_verdict_is_one_change_that_can_be_undone(db: Session, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    before = people_of_faces(db)
    faces = [*grouped.people[one], *grouped.people[two][:1], *grouped.ungrouped]
    change_id = judge(db, faces, FaceVerdict.NOT_A_FACE)
    assert change_id is not None
    last = find_last_change(db, pack=PACK)
    assert last is not None
    assert last.summary == "Marked 8 faces as not a face"
    undone = undo_change(db, change_id, now=NOW)
    assert set(undone.person_ids) == {one, two}
    assert people_of_faces(db) == before
    assert verdicts(db) == {}
    judge(db, faces)
    taken = judge(db, faces, None)
    assert taken is not None
    undo_change(db, taken, now=NOW)
    assert set(verdicts(db)) == set(faces)


def test_what_is_not_there_or_of_two_packs_gets_no_verdict(
    engine: Engine, grouped: Grouped
) -> None:
    other = fill_people(engine, 3, pack="other")
    with begin(engine) as db:
        with pytest.raises(NotFound):
            judge(db, [grouped.ungrouped[0], 4711])
        with pytest.raises(ImpossibleChange):
            judge(db, [grouped.ungrouped[0], other.people[other.ids[0]][0]])
        assert verdicts(db) == {}


def test_clustering_leaves_faces_alone_that_were_set_aside(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    faces = grouped.people[one][:2]
    judge(db, faces)
    group(db, [one] * len(load_vectors(db, pack=PACK, min_quality=0.0)))
    now_at = people_of_faces(db)
    assert {face for face, person in now_at.items() if person is None} == set(faces)


def test_a_search_does_not_find_faces_that_were_set_aside(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    vectors = load_vectors(db, pack=PACK, min_quality=0.0)
    asked = vectors.vectors[vectors.face_ids.tolist().index(grouped.people[one][0])].tobytes()
    judge(db, grouped.people[one][:1])
    (found,) = find_nearest_people(db, [asked], pack=PACK, limit=10)
    assert {match.person.id for match in found} == set(grouped.ids)
    assert max(match.similarity for match in found) < 0.9


def test_faces_that_were_set_aside_are_moved_only_when_they_were_taken_back(
    db: Session, grouped: Grouped
) -> None:
    """A client that does not know the verdict cannot overwrite it."""
    face = grouped.ungrouped[0]
    judge(db, [face])
    with pytest.raises(FacesElsewhere):
        move_ungrouped_faces(db, [face], to=grouped.ids[0], pack=PACK, now=NOW)
    judge(db, [face], None)
    move_ungrouped_faces(db, [face], to=grouped.ids[0], pack=PACK, now=NOW)


def test_a_face_that_is_set_aside_is_the_cover_of_nobody(db: Session, grouped: Grouped) -> None:
    one = grouped.ids[0]
    face = grouped.people[one][0]
    query = text("UPDATE person SET cover_face_id = :face WHERE id = :id")
    db.execute(query, {"id": one, "face": face})
    change_id = judge(db, [face])
    assert change_id is not None
    assert get_person(db, one).cover_face_id != face
    cover = text("SELECT cover_face_id FROM person WHERE id = :id")
    assert db.execute(cover, {"id": one}).scalar_one() is None
    undo_change(db, change_id, now=NOW)
    assert db.execute(cover, {"id": one}).scalar_one() == face


def test_the_log_forgets_verdicts_on_faces_of_an_erased_person(
    db: Session, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    db.execute(text("UPDATE person SET name = 'Ada', name_key = 'ada' WHERE id = :id"), {"id": one})
    judge(db, grouped.people[one][:1])
    move_faces(db, one, grouped.people[one][1:2], to=Elsewhere.NEW, version=2, now=NOW)
    judge(db, grouped.people[two][:1], FaceVerdict.HIDDEN)
    erase_person(db, one)
    assert [change.summary for change in list_changes(db, pack=PACK, limit=10)] == ["Hid 1 face"]
    names = text("SELECT count(*) FROM person_change_person WHERE name IS NOT NULL")
    assert db.execute(names).scalar_one() == 0


def test_the_log_forgets_who_was_set_aside_whole_when_anybody_is_erased(
    db: Session, grouped: Grouped
) -> None:
    """An undo must not bring back the name of a person who has been erased since."""
    one, two, _ = grouped.ids
    judge(db, [*grouped.people[one], *grouped.people[two][:1]])
    erase_person(db, two)
    assert list_changes(db, pack=PACK, limit=10) == []
    assert one not in load_people(db, [one])
    assert len(list_people(db, pack=PACK, limit=10)) == 1
