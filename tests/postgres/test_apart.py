"""People whom users told apart stay apart when faces are grouped again."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.changes import Elsewhere
from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.grouping import Faces, Grouping, group_faces
from cluster.numerics.identities import match_identities
from cluster.numerics.photo_conflicts import Apart
from cluster.store.database.engine import begin
from cluster.store.people.apart import load_apart
from cluster.store.people.face_moves import move_ungrouped_faces
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import merge_people
from cluster.store.people.regrouping import assign_people, count_grouped
from cluster.store.people.undo_log import undo_change
from tests.library import NOW, PACK
from tests.people import people_of_faces
from tests.suggested import NO, NOT_SURE, Circle, answer, fill_circle

ONE_PERSON = Grouping(Thresholds(core=0.9, same=0.8, join=0.7, alike=0.95))
"""All faces within about 30 degrees are one person."""


@pytest.fixture
def twins(engine: Engine) -> Circle:
    """Two people who look nearly alike, with three faces each, and two ungrouped faces."""
    return fill_circle(engine, (0, 2, 4, 6, 8, 10, 3, 5), (1, 1, 1, 2, 2, 2, 0, 0))


def group_again(db: Session) -> dict[int, int | None]:
    """Group the faces as clustering does; return the person of each face."""
    faces = load_vectors(db, pack=PACK, min_quality=0.0)
    told = load_apart(db, faces, pack=PACK)
    seeds = np.ones(len(faces), dtype=bool)
    found = Faces(faces.vectors, faces.image_ids, seeds, Apart(told.sides, told.pairs))
    labels = group_faces(found, ONE_PERSON)
    person_ids = match_identities(labels, faces.person_ids, is_placed=faces.is_placed)
    assign_people(
        db,
        pack=PACK,
        face_ids=faces.face_ids,
        seen_person_ids=faces.person_ids,
        person_ids=person_ids,
        now=NOW,
    )
    return people_of_faces(db)


def test_without_an_answer_they_are_one_person(engine: Engine, twins: Circle) -> None:
    with begin(engine) as db:
        assert len(set(group_again(db).values())) == 1


def test_a_no_binds_every_later_grouping(engine: Engine, twins: Circle) -> None:
    with begin(engine) as db:
        answer(db, twins.face_ids[0], twins.face_ids[3], NO)
    for _ in range(3):
        with begin(engine) as db:
            now_at = group_again(db)
            firsts = {now_at[face] for face in twins.face_ids[:3]}
            seconds = {now_at[face] for face in twins.face_ids[3:6]}
            assert firsts == {twins.people[0]}
            assert seconds == {twins.people[1]}


def test_not_sure_binds_nothing(engine: Engine, twins: Circle) -> None:
    with begin(engine) as db:
        answer(db, twins.face_ids[0], twins.face_ids[3], NOT_SURE)
        assert len(set(group_again(db).values())) == 1


def test_a_face_that_is_not_anna_does_not_join_her_and_another_one_does(
    engine: Engine, twins: Circle
) -> None:
    with begin(engine) as db:
        answer(db, twins.face_ids[0], twins.face_ids[3], NO)
        answer(db, twins.face_ids[0], twins.face_ids[6], NO)
        now_at = group_again(db)
        assert now_at[twins.face_ids[6]] != twins.people[0]
        assert now_at[twins.face_ids[7]] in twins.people


def test_a_no_holds_when_the_face_that_was_shown_is_gone(engine: Engine, twins: Circle) -> None:
    with begin(engine) as db:
        answer(db, twins.face_ids[0], twins.face_ids[3], NO)
        db.execute(text("DELETE FROM face WHERE id = :id"), {"id": twins.face_ids[0]})
        now_at = group_again(db)
        assert {now_at[face] for face in twins.face_ids[1:3]} == {twins.people[0]}
        assert {now_at[face] for face in twins.face_ids[3:6]} == {twins.people[1]}


def test_a_merge_by_hand_is_stronger_than_the_no_until_it_is_undone(
    engine: Engine, twins: Circle
) -> None:
    one, other = twins.people
    with begin(engine) as db:
        answer(db, twins.face_ids[0], twins.face_ids[3], NO)
        versions = {person: get_person(db, person).version for person in (one, other)}
        change_id = merge_people(db, one, [other], versions=versions, now=NOW).change_id
        assert {group_again(db)[face] for face in twins.face_ids[:6]} == {one}
        assert change_id is not None
        undo_change(db, change_id, now=NOW)
        now_at = group_again(db)
        assert now_at[twins.face_ids[0]] == one
        assert now_at[twins.face_ids[3]] == other


def test_the_result_counts_the_people_whom_a_user_made_too(engine: Engine, twins: Circle) -> None:
    with begin(engine) as db:
        group_again(db)
        before = count_grouped(db, pack=PACK)
        two = twins.face_ids[:2]
        db.execute(
            text("UPDATE face SET person_id = NULL WHERE id = ANY(:ids)"), {"ids": list(two)}
        )
        move_ungrouped_faces(db, two, to=Elsewhere.NEW, pack=PACK, now=NOW)
        group_again(db)
        after = count_grouped(db, pack=PACK)
        assert after.people == before.people + 1
        assert after.faces + after.ungrouped == before.faces + before.ungrouped == 8
