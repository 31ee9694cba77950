"""Clients and clustering work at the same time: no change is lost, and nobody waits forever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.errors import FacesElsewhere, NotFound, NotLastChange, StaleVersion
from cluster.core.identity.changes import Elsewhere, PersonEdit
from cluster.core.pictures.photos import TrainingOutcome
from cluster.core.pictures.placements import Likeness, Relation, turning
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending
from cluster.store.locks import lock_people
from cluster.store.people.face_moves import move_faces
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.people_list import get_person, load_people
from cluster.store.people.person_edits import edit_person, merge_people
from cluster.store.people.regrouping import assign_people
from cluster.store.people.undo_log import undo_change
from tests.library import NOW, PACK, found, record, settle_training, start_session
from tests.people import Grouped, fill_people, group, people_of_faces
from tests.waiting import PATIENT_S, wait_until

Work = Callable[[Session], object]


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 30, 20, 10, ungrouped=10)


def run_at_once(engine: Engine, *works: Work) -> list[object]:
    """Run each in a transaction and a thread of its own; return the results, or the errors."""
    start = threading.Barrier(len(works))

    def run(work: Work) -> object:
        start.wait()
        try:
            with begin(engine) as db:
                return work(db)
        except (StaleVersion, NotFound, NotLastChange, FacesElsewhere) as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def name(person_id: int, called: str) -> Work:
    edit = PersonEdit.renaming(called)
    return lambda db: edit_person(db, person_id, edit, version=1, now=NOW)


def test_of_two_clients_that_name_a_person_one_is_told(engine: Engine, grouped: Grouped) -> None:
    person_id = grouped.ids[0]
    names = [f"Name {n}" for n in range(6)]
    answers = run_at_once(engine, *(name(person_id, called) for called in names))
    refused = [answer for answer in answers if isinstance(answer, StaleVersion)]
    assert len(refused) == 5
    with begin(engine) as db:
        person = get_person(db, person_id)
    assert person.version == 2
    assert {error.current for error in refused} == {person}
    assert not isinstance(answers[names.index(str(person.name))], Exception)


def test_two_people_merged_into_each_other_at_once_are_one(
    engine: Engine, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    versions = {one: 1, two: 1}
    answers = run_at_once(
        engine,
        lambda db: merge_people(db, one, [two], versions=versions, now=NOW),
        lambda db: merge_people(db, two, [one], versions=versions, now=NOW),
    )
    assert sum(isinstance(answer, StaleVersion | NotFound) for answer in answers) == 1
    with begin(engine) as db:
        (left,) = load_people(db, [one, two]).values()
    assert left.faces == 50


def test_an_undo_that_is_sent_twice_undoes_once(engine: Engine, grouped: Grouped) -> None:
    one, faces = next(iter(grouped.people.items()))
    with begin(engine) as db:
        change_id = move_faces(db, one, faces[:5], to=Elsewhere.NEW, version=1, now=NOW).change_id
    answers = run_at_once(engine, *[lambda db: undo_change(db, change_id, now=NOW)] * 2)
    assert sum(isinstance(answer, NotLastChange) for answer in answers) == 1
    with begin(engine) as db:
        assert get_person(db, one).faces == 30


class Clustering:
    """A clustering that has read the faces but not yet written the people."""

    def __init__(self, engine: Engine) -> None:
        with begin(engine) as db:
            self.faces = load_vectors(db, pack=PACK, min_quality=0.0)

    def write(self, db: Session, person_ids: list[int] | None = None) -> None:
        """Leave the faces with their people, or give them to `person_ids`."""
        wanted = self.faces.person_ids if person_ids is None else np.array(person_ids)
        assign_people(
            db,
            pack=PACK,
            face_ids=self.faces.face_ids,
            seen_person_ids=self.faces.person_ids,
            person_ids=np.maximum(wanted, 0) if person_ids is None else wanted,
            now=NOW,
        )


def test_changes_that_a_user_makes_while_clustering_runs_are_kept(
    engine: Engine, grouped: Grouped
) -> None:
    one, two, three = grouped.ids
    moved = grouped.people[three][0]
    clustering = Clustering(engine)
    with begin(engine) as db:
        merge_people(db, one, [two], versions={one: 1, two: 1}, now=NOW)
        move_faces(db, three, [moved], to=Elsewhere.NEW, version=1, now=NOW)
        wanted = people_of_faces(db)
    with begin(engine) as db:
        clustering.write(db)
        assert people_of_faces(db) == wanted


def test_an_undo_while_clustering_runs_is_kept(engine: Engine, grouped: Grouped) -> None:
    one, two, _ = grouped.ids
    with begin(engine) as db:
        before = people_of_faces(db)
        versions = {one: 1, two: 1}
        change_id = merge_people(db, one, [two], versions=versions, now=NOW).change_id
    clustering = Clustering(engine)
    with begin(engine) as db:
        assert change_id is not None
        undo_change(db, change_id, now=NOW)
    with begin(engine) as db:
        clustering.write(db)
        assert people_of_faces(db) == before


def test_people_named_or_hidden_while_clustering_runs_stay(
    engine: Engine, grouped: Grouped
) -> None:
    one, two, _ = grouped.ids
    clustering = Clustering(engine)
    with begin(engine) as db:
        name(one, "Anna")(db)
        edit_person(db, two, PersonEdit.hiding(True), version=1, now=NOW)
    with begin(engine) as db:
        clustering.write(db, [0] * 70)
        people = load_people(db, [one, two])
    anna, hidden = people[one], people[two]
    assert (anna.name, anna.faces) == ("Anna", 0)
    assert (hidden.hidden, hidden.faces) == (True, 20)


def merge_first_two(db: Session, grouped: Grouped) -> object:
    one, two, _ = grouped.ids
    return merge_people(db, one, [two], versions={one: 1, two: 1}, now=NOW)


def move_one_face(db: Session, grouped: Grouped) -> object:
    one, faces = next(iter(grouped.people.items()))
    return move_faces(db, one, faces[:1], to=Elsewhere.NEW, version=1, now=NOW)


def name_third(db: Session, grouped: Grouped) -> object:
    return name(grouped.ids[2], "Anna")(db)


def write_clustering(db: Session, grouped: Grouped) -> object:
    return group(db, [-1] * 70)


def turn_pictures(db: Session, grouped: Grouped) -> object:
    """Move the faces of photos that were turned."""
    changed = [found(f"{n:04}", modified_ns=200) for n in reversed(range(40))]
    session_id = start_session(db)
    add_found(db, session_id, changed, pack=PACK)
    relation = Relation(Likeness.EQUAL, turning(6, 400, 300), 6)
    read = [
        TrainingOutcome(
            item.file_id,
            record(item.path, data="turned"),
            relation=relation,
            before=item.image_id,
        )
        for item in list_pending(db, session_id, PhaseName.TRAINING, limit=100)
    ]
    return settle_training(db, session_id, read, pack=PACK)


WORKS = [merge_first_two, move_one_face, name_third, write_clustering, turn_pictures]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_who_changes_people_or_deletes_faces_comes_one_after_the_other(
    engine: Engine, grouped: Grouped, work: Callable[[Session, Grouped], object]
) -> None:
    """Two transactions that locked rows in different orders would wait for each other."""
    with ThreadPoolExecutor(1) as threads:
        with begin(engine) as db:
            lock_people(db)
            done = threads.submit(run_at_once, engine, lambda db: work(db, grouped))
            wait_until_a_transaction_waits(engine)
            assert not done.done()
        (answer,) = done.result(timeout=PATIENT_S)
    assert not isinstance(answer, Exception)


def wait_until_a_transaction_waits(engine: Engine) -> None:
    is_waiting = text(
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database())"
    )

    def is_any_waiting() -> bool:
        with begin(engine) as db:
            return bool(db.execute(is_waiting).scalar_one())

    wait_until(is_any_waiting, "a transaction waits for a lock")


def test_all_of_them_at_once_come_to_an_end(engine: Engine, grouped: Grouped) -> None:
    works = [partial(work, grouped=grouped) for work in WORKS]
    run_at_once(engine, *works)
    with begin(engine) as db:
        count = text("SELECT count(*) FROM face WHERE person_id NOT IN (SELECT id FROM person)")
        assert db.execute(count).scalar_one() == 0
        assert len(people_of_faces(db)) == 70
