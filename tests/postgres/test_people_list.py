"""Pages of the people of a pack, filters, their faces with the photos, and the pictures."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import Engine, text

from cluster.core.errors import NotFound
from cluster.core.identity.people import fold_name
from cluster.store.database.engine import begin
from cluster.store.people.people_list import (
    EVERYBODY,
    PeopleFilter,
    get_person,
    load_people,
    page_people,
)
from cluster.store.photos.stored_pictures import (
    count_faces_of_person,
    count_ungrouped_faces,
    get_crop,
    get_thumbnail,
    list_faces_of_person,
    list_ungrouped_faces,
)
from tests.library import PACK
from tests.people import Grouped, fill_people


@pytest.fixture
def grouped(engine: Engine) -> Grouped:
    return fill_people(engine, 4, 3, 2, 1, ungrouped=3)


def name(engine: Engine, person_id: int, called: str) -> None:
    rename = text("UPDATE person SET name = :name, name_key = :key WHERE id = :id")
    with begin(engine) as db:
        db.execute(rename, {"name": called, "key": fold_name(called), "id": person_id})


def hide(engine: Engine, person_id: int) -> None:
    with begin(engine) as db:
        db.execute(text("UPDATE person SET hidden = true WHERE id = :id"), {"id": person_id})


def ids_that_pass(engine: Engine, wanted: PeopleFilter) -> tuple[int, list[int]]:
    with begin(engine) as db:
        page = page_people(db, pack=PACK, limit=10, wanted=wanted)
    return page.total, [person.id for person in page.people]


def test_pages_follow_each_other_and_each_knows_the_total(engine: Engine, grouped: Grouped) -> None:
    seen = []
    with begin(engine) as db:
        for offset in (0, 3, 6):
            page = page_people(db, pack=PACK, limit=3, offset=offset)
            assert page.total == 4
            seen.append([person.id for person in page.people])
        assert page_people(db, pack="other", limit=3).total == 0
    assert seen == [grouped.ids[:3], grouped.ids[3:], []]


def test_filters_ask_for_hidden_for_named_and_for_a_part_of_the_name(
    engine: Engine, grouped: Grouped
) -> None:
    anna, eva, stranger, _ = grouped.ids
    name(engine, anna, "Anna  Müller")
    name(engine, eva, "ÉVA")
    hide(engine, stranger)
    assert ids_that_pass(engine, EVERYBODY) == (4, grouped.ids)
    assert ids_that_pass(engine, PeopleFilter(hidden=True)) == (1, [stranger])
    assert ids_that_pass(engine, PeopleFilter(is_named=True)) == (2, [anna, eva])
    assert ids_that_pass(engine, PeopleFilter(is_named=False))[0] == 1
    assert ids_that_pass(engine, PeopleFilter(part="a mÜ")) == (1, [anna])
    assert ids_that_pass(engine, PeopleFilter(part="e\u0301va")) == (1, [eva])
    assert ids_that_pass(engine, PeopleFilter(part="%")) == (0, [])


def test_a_single_person_counts_as_in_the_list(engine: Engine, grouped: Grouped) -> None:
    with begin(engine) as db:
        listed = page_people(db, pack=PACK, limit=10).people
        assert dict(load_people(db, [*grouped.ids, 4711])) == {p.id: p for p in listed}
        assert get_person(db, grouped.ids[0]).faces == 4
        with pytest.raises(NotFound):
            get_person(db, 4711)


def test_a_person_without_faces_is_shown_but_not_listed(engine: Engine, grouped: Grouped) -> None:
    first = grouped.ids[0]
    with begin(engine) as db:
        db.execute(text("UPDATE face SET person_id = NULL WHERE person_id = :id"), {"id": first})
        alone = get_person(db, first)
        assert (alone.faces, alone.photos, alone.cover_face_id, alone.cover_tag) == (
            0,
            0,
            None,
            None,
        )
        assert page_people(db, pack=PACK, limit=10).total == 3


def test_the_face_of_best_quality_is_the_cover(engine: Engine, grouped: Grouped) -> None:
    first, faces = next(iter(grouped.people.items()))
    with begin(engine) as db:
        assert get_person(db, first).cover_face_id == faces[0]
        db.execute(text("UPDATE face SET quality = 0.99 WHERE id = :id"), {"id": faces[2]})
        person = get_person(db, first)
        assert person.cover_face_id == faces[2]
        assert (
            hashlib.sha256(get_crop(db, faces[2])).hexdigest().startswith(person.cover_tag or "?")
        )


def test_faces_come_by_id_with_their_photos(engine: Engine, grouped: Grouped) -> None:
    first, faces = next(iter(grouped.people.items()))
    with begin(engine) as db:
        db.execute(
            text("UPDATE image SET duplicate_of = (SELECT image_id FROM face WHERE id = :a)"
                 " WHERE id = (SELECT image_id FROM face WHERE id = :b)"),
            {"a": faces[0], "b": grouped.ungrouped[0]},
        )  # fmt: skip
        listed = list_faces_of_person(db, first, limit=3)
        rest = list_faces_of_person(db, first, limit=3, after=listed[-1].id)
        assert [face.id for face in [*listed, *rest]] == faces
        assert count_faces_of_person(db, first) == 4
        assert [face.duplicates for face in listed] == [1, 0, 0]
        one = listed[0]
        assert (one.path, one.width, one.height) == ("/photos/0000.jpg", 400, 300)
        assert (one.person_id, one.is_placed_by_user) == (first, False)
        thumbnail = get_thumbnail(db, one.image_id)
        assert hashlib.sha256(thumbnail).hexdigest().startswith(one.thumbnail_tag or "?")


def test_ungrouped_faces_are_those_of_the_pack(engine: Engine, grouped: Grouped) -> None:
    with begin(engine) as db:
        listed = list_ungrouped_faces(db, pack=PACK, limit=10, after=grouped.ungrouped[0])
        assert [face.id for face in listed] == grouped.ungrouped[1:]
        assert count_ungrouped_faces(db, pack=PACK) == 3
        assert list_ungrouped_faces(db, pack="other", limit=10) == []
        assert count_ungrouped_faces(db, pack="other") == 0


def test_a_picture_that_is_not_there_is_not_found(engine: Engine) -> None:
    with begin(engine) as db:
        for get_picture in (get_thumbnail, get_crop):
            with pytest.raises(NotFound):
                get_picture(db, 4711)
