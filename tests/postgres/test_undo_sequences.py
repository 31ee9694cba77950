"""Any sequence of changes can be undone one by one, which restores each earlier state exactly."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.identity.changes import ChangeKind, Elsewhere, PersonEdit
from cluster.core.identity.faces import FaceVerdict
from cluster.store.people.change_history import find_last_change, list_changes
from cluster.store.people.face_moves import move_faces, move_ungrouped_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.people_list import load_people
from cluster.store.people.person_edits import edit_person, hide_people, merge_people
from cluster.store.people.undo_log import close_change, open_change, undo_change
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people

STEPS = 30
Step = Callable[[Session, Random, int], int | None]


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 5, 4, 4, 3, 3, 2, ungrouped=5)


def state_of(db: Session) -> tuple[list[Any], list[Any], list[Any]]:
    """People, faces and answers, without the versions and times of change."""
    people = text(
        "SELECT id, pack, name, name_key, hidden, birth_date, cover_face_id, created_at"
        " FROM person ORDER BY id"
    )
    faces = text("SELECT id, person_id, placed_by_user, verdict FROM face ORDER BY id")
    answers = text("SELECT first_face_id, answer, change_id FROM face_answer ORDER BY id")
    return list(db.execute(people)), list(db.execute(faces)), list(db.execute(answers))


def versions(db: Session) -> dict[int, int]:
    return {row.id: row.version for row in db.execute(text("SELECT id, version FROM person"))}


def faces_of(db: Session, person_id: int | None) -> list[int]:
    query = text(
        "SELECT id FROM face WHERE person_id IS NOT DISTINCT FROM :id AND verdict IS NULL"
        " ORDER BY id"
    )
    return list(db.execute(query, {"id": person_id}).scalars())


def some(random: Random, things: list[int]) -> list[int]:
    return random.sample(things, random.randint(1, len(things)))


def rename(db: Session, random: Random, step: int) -> int | None:
    person_id, version = random.choice(list(versions(db).items()))
    name = random.choice([None, f"Name {step}"])
    hidden = random.choice([None, True, False])
    edit = PersonEdit.renaming(name, hidden=hidden)
    return edit_person(db, person_id, edit, version=version, now=NOW).change_id


def hide(db: Session, random: Random, step: int) -> int | None:
    wanted = dict.fromkeys(some(random, list(versions(db))))
    seen = {one: versions(db)[one] for one in wanted}
    return hide_people(db, seen, hidden=step % 2 == 0, now=NOW).change_id


def merge(db: Session, random: Random, step: int) -> int | None:
    ids = random.sample(list(versions(db)), 2)
    return merge_people(db, ids[0], ids[1:], versions=versions(db), now=NOW).change_id


def move(db: Session, random: Random, step: int) -> int | None:
    source, *others = random.sample(list(versions(db)), 2)
    to = random.choice([*others, Elsewhere.NEW, Elsewhere.UNGROUPED])
    faces = some(random, faces_of(db, source))
    return move_faces(db, source, faces, to=to, version=versions(db)[source], now=NOW).change_id


def place(db: Session, random: Random, step: int) -> int | None:
    ungrouped = faces_of(db, None)
    if not ungrouped:
        return None
    to = random.choice([*versions(db), Elsewhere.NEW])
    faces = some(random, ungrouped)
    return move_ungrouped_faces(db, faces, to=to, pack=PACK, now=NOW).change_id


def judge(db: Session, random: Random, step: int) -> int | None:
    faces = list(db.execute(text("SELECT id FROM face ORDER BY id")).scalars())
    verdict = random.choice([*FaceVerdict, None, None])
    return judge_faces(db, random.sample(faces, 4), verdict, now=NOW).change_id


def describe(db: Session, random: Random, step: int) -> int | None:
    """Set a birth date and a cover, as their own modules do."""
    person_id = random.choice(list(versions(db)))
    kind = random.choice([ChangeKind.COVER, ChangeKind.BIRTH_DATE])
    change_id = open_change(db, kind, pack=PACK, person_ids=[person_id], now=NOW)
    query = text(
        "UPDATE person SET cover_face_id = :face, birth_date = make_date(2000, 1, :day)"
        " WHERE id = :id"
    )
    db.execute(query, {"id": person_id, "face": faces_of(db, person_id)[0], "day": step % 28 + 1})
    close_change(db, change_id, person_id=person_id)
    return change_id


def answer(db: Session, random: Random, step: int) -> int | None:
    """Answer a question without another effect, as the module of answers does."""
    change_id = open_change(db, ChangeKind.ANSWER, pack=PACK, person_ids=(), now=NOW)
    query = text(
        "INSERT INTO face_answer (pack, first_face_id, answer, answered_at, change_id)"
        " VALUES (:pack, (SELECT min(id) FROM face), 'no', :now, :change)"
    )
    db.execute(query, {"pack": PACK, "now": NOW, "change": change_id})
    close_change(db, change_id, person_id=None)
    return change_id


STEPS_BY_KIND: tuple[Step, ...] = (rename, hide, merge, move, place, judge, judge, describe, answer)


def take_a_step(db: Session, random: Random, number: int) -> int | None:
    """Try one change, which may have no effect. With too few people left, it is a verdict."""
    step = random.choice(STEPS_BY_KIND)
    if len(versions(db)) < 3 and step in (merge, move):
        step = judge
    return step(db, random, number)


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_of_changes_is_undone_step_by_step(
    db: Session, grouped: Grouped, seed: int
) -> None:
    random = Random(seed)
    states: list[Any] = []
    for number in range(10 * STEPS):
        if len(states) == STEPS:
            break
        before = state_of(db)
        if take_a_step(db, random, number) is not None:
            states.append(before)
        if states and random.random() < 0.15:
            undo_last(db)
            assert state_of(db) == states.pop()
    assert len(states) == STEPS, "too few steps had an effect"
    told = [change.id for change in list_changes(db, pack=PACK, limit=100) if not change.undone_at]
    assert len(told) == STEPS
    for change_id in told:
        assert undo_last(db) == change_id
        assert state_of(db) == states.pop()
        check_verdicts(db)
    assert find_last_change(db, pack=PACK) is None


def undo_last(db: Session) -> int:
    last = find_last_change(db, pack=PACK)
    assert last is not None
    assert last.can_undo
    undone = undo_change(db, last.id, now=NOW)
    assert set(load_people(db, undone.person_ids)) <= set(undone.person_ids)
    return undone.change_id


def check_verdicts(db: Session) -> None:
    """Check that no face with a verdict belongs to a person, and that every person has a face."""
    wrong = text("SELECT count(*) FROM face WHERE verdict IS NOT NULL AND person_id IS NOT NULL")
    empty = text(
        "SELECT count(*) FROM person p WHERE NOT EXISTS"
        " (SELECT FROM face f WHERE f.person_id = p.id)"
    )
    assert (db.execute(wrong).scalar_one(), db.execute(empty).scalar_one()) == (0, 0)
