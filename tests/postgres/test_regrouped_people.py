"""How a grouping changed the earlier people: gained, lost and split."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.people import PeopleChange
from cluster.store.database.engine import begin
from cluster.store.people.regrouped_people import (
    compare_people,
    find_newest_person,
    list_people_after,
    remember_people,
)
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people, group, people_of_faces

OTHER_PACK = "buffalo_l"


@pytest.fixture
def two_people(engine: Engine) -> Grouped:
    """Two people, with three and two faces, and an ungrouped face."""
    return fill_people(engine, 3, 2, ungrouped=1)


def regroup(db: Session, *person_ids: int) -> PeopleChange:
    """Give the six faces, in order, to these people; -1, -2 … are new people, 0 is nobody."""
    remember_people(db, pack=PACK)
    group(db, list(person_ids))
    return compare_people(db, pack=PACK)


def test_the_first_grouping_gains_its_people(engine: Engine) -> None:
    fill_people(engine, ungrouped=3)
    with begin(engine) as db:
        assert regroup(db, -1, -1, -2) == PeopleChange(gained=2)


def test_a_grouping_that_changes_nothing_counts_nothing(db: Session, two_people: Grouped) -> None:
    a, b = two_people.ids
    assert regroup(db, a, a, a, b, b, 0) == PeopleChange()


def test_faces_that_join_somebody_or_become_ungrouped_gain_and_lose_nobody(
    db: Session, two_people: Grouped
) -> None:
    a, b = two_people.ids
    assert regroup(db, a, a, 0, b, b, b) == PeopleChange()


def test_a_person_whose_last_face_goes_is_lost_also_when_the_name_stays(
    db: Session, two_people: Grouped
) -> None:
    a, b = two_people.ids
    db.execute(text("UPDATE person SET name = 'Anna', name_key = 'anna' WHERE id = :id"), {"id": b})
    assert regroup(db, a, a, a, a, a, a) == PeopleChange(lost=1)
    assert regroup(db, a, a, a, a, a, a) == PeopleChange(), "nobody is lost twice"
    assert regroup(db, a, a, a, b, b, 0) == PeopleChange(), "no old person is gained"


def test_a_person_whose_faces_lie_in_two_people_one_of_them_new_is_split(
    db: Session, two_people: Grouped
) -> None:
    a, b = two_people.ids
    assert regroup(db, a, a, -1, b, b, 0) == PeopleChange(gained=1, split=1)


def test_a_person_whose_faces_went_to_two_new_ones_is_lost_and_split(
    db: Session, two_people: Grouped
) -> None:
    _, b = two_people.ids
    assert regroup(db, -1, -1, -2, b, b, 0) == PeopleChange(gained=2, lost=1, split=1)


def test_a_face_that_goes_to_somebody_who_was_there_splits_nobody(
    db: Session, two_people: Grouped
) -> None:
    a, b = two_people.ids
    assert regroup(db, a, a, b, b, b, 0) == PeopleChange()


def test_a_person_who_became_one_new_person_is_not_split(db: Session, two_people: Grouped) -> None:
    _, b = two_people.ids
    assert regroup(db, -1, -1, 0, b, b, 0) == PeopleChange(gained=1, lost=1)


def test_people_of_other_packs_do_not_count(engine: Engine, two_people: Grouped) -> None:
    fill_people(engine, 4, pack=OTHER_PACK)
    with begin(engine) as db:
        a, b = two_people.ids
        assert regroup(db, a, a, a, b, b, 0) == PeopleChange()


def test_people_that_the_grouping_made_from_another_packs_decisions_are_gained(
    db: Session, two_people: Grouped
) -> None:
    newest = find_newest_person(db)
    made = db.execute(
        text(
            "INSERT INTO person (pack, name, name_key, created_at, updated_at)"
            " VALUES (:pack, 'Anna', 'anna', :now, :now) RETURNING id"
        ),
        {"pack": PACK, "now": NOW},
    ).scalar_one()
    carried = list_people_after(db, newest, pack=PACK)
    assert carried == {made}
    a, b = two_people.ids
    remember_people(db, pack=PACK, carried=carried)
    group(db, [a, a, made, b, b, 0])
    assert compare_people(db, pack=PACK) == PeopleChange(gained=1, split=1)
    assert set(people_of_faces(db).values()) == {a, b, made, None}
