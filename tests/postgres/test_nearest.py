"""The people nearest to a face, exactly, by the most similar of their faces."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, text

from cluster.core.identity.people import Match
from cluster.store.database.engine import begin
from cluster.store.people.face_vectors import load_vectors
from cluster.store.people.nearest import find_nearest_people
from cluster.store.people.people_list import get_person
from cluster.store.sessions.session_rows import create_session, find_pack_source
from tests.library import NOW, PACK
from tests.people import Grouped, fill_people


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, ungrouped=3)


def ids_of(matches: tuple[Match, ...]) -> list[int]:
    return [match.person.id for match in matches]


def test_the_nearest_people_are_those_of_brute_force(engine: Engine, grouped: Grouped) -> None:
    asked = np.random.default_rng(5).normal(size=(3, 512)).astype("<f4")
    with begin(engine) as db:
        faces = load_vectors(db, pack=PACK, min_quality=0.0)
        found = find_nearest_people(db, [row.tobytes() for row in asked], pack=PACK, limit=2)
    similarity = asked @ faces.vectors.T / np.linalg.norm(asked, axis=1, keepdims=True)
    for row, matches in zip(similarity, found, strict=True):
        best = {one: row[faces.person_ids == one].max() for one in grouped.ids}
        wanted = sorted(best, key=lambda one: -best[one])[:2]
        assert ids_of(matches) == wanted
        expected = [best[one] for one in wanted]
        assert [m.similarity for m in matches] == pytest.approx(expected, abs=1e-6)


def test_a_face_of_the_library_finds_its_person_with_all_that_is_known_of_it(
    engine: Engine, grouped: Grouped
) -> None:
    with begin(engine) as db:
        vector = load_vectors(db, pack=PACK, min_quality=0.0).vectors[5]
        ((match,),) = find_nearest_people(db, [vector.tobytes()], pack=PACK, limit=1)
        assert match.person == get_person(db, grouped.ids[1])
    assert match.similarity == pytest.approx(1.0)


def test_hidden_people_other_packs_and_nobody_are_never_found(
    engine: Engine, grouped: Grouped
) -> None:
    fill_people(engine, 3, pack="other")
    with begin(engine) as db:
        db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": grouped.ids[0]})
        vector = load_vectors(db, pack=PACK, min_quality=0.0).vectors[0]
        (matches,) = find_nearest_people(db, [vector.tobytes()], pack=PACK, limit=10)
        assert set(ids_of(matches)) == set(grouped.ids[1:])
        assert find_nearest_people(db, [vector.tobytes()], pack="none", limit=10) == [()]
        assert find_nearest_people(db, [], pack=PACK, limit=10) == []


def test_a_pack_comes_from_where_its_newest_session_had_it(engine: Engine) -> None:
    with begin(engine) as db:
        for options in ({"pack": "/old/folder"}, {"pack": "/new/folder"}):
            create_session(db, root="/p", name=None, pack="mine", options=options, now=NOW)
        create_session(db, root="/p", name=None, pack="plain", options={}, now=NOW)
        assert find_pack_source(db, "mine") == "/new/folder"
        assert find_pack_source(db, "plain") == "plain"
        assert find_pack_source(db, "unknown") == "unknown"
