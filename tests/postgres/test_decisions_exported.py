"""An export holds all decisions of users, and equal databases give equal bytes."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from random import Random

import jsonschema_rs
import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.decision_format import Section
from cluster.core.identity.faces import FaceVerdict
from cluster.store.database.engine import begin
from cluster.store.decisions.decision_writing import ExportCounts, begin_export, write_decisions
from cluster.store.people.face_moves import move_faces
from cluster.store.people.face_verdicts import judge_faces
from cluster.store.people.undo_log import undo_change
from tests.conftest import PROJECT_DIR
from tests.decided import decide, export, fill_decided, parse
from tests.library import NOW
from tests.people import Grouped, fill_people


@pytest.fixture
def old(engine: Engine) -> Grouped:
    """Two people (4 and 3 faces) and two ungrouped faces, in the order of the photos."""
    return fill_people(engine, 4, 3, ungrouped=2)


def write(engine: Engine) -> tuple[bytes, ExportCounts]:
    stream = io.BytesIO()
    with begin_export(engine) as db:
        counts = write_decisions(db, stream, now=NOW)
    return stream.getvalue(), counts


def test_an_empty_library_gives_a_document_without_records(engine: Engine) -> None:
    document = parse(export(engine))
    assert document["format"] == "headcount-decisions"
    assert not [section for section in Section if document[section]]


def test_two_exports_of_one_library_are_equal_byte_by_byte(engine: Engine, old: Grouped) -> None:
    first, second = write(engine), write(engine)
    assert first == second
    assert (first[1].photos, first[1].people, first[1].faces) == (9, 2, 9)


SCHEMA = json.loads((PROJECT_DIR / "docs/decisions.schema.json").read_text())


@pytest.mark.parametrize("seed", range(2))
def test_every_export_is_as_the_schema_says(engine: Engine, seed: int) -> None:
    fill_decided(engine, [1], [1, 2], [2, 0], [3], [3, 1], [0])
    with begin(engine) as db:
        decide(db, Random(seed), times=40)
    document = parse(export(engine))
    jsonschema_rs.validator_for(SCHEMA).validate(document)
    assert document["faces"]
    del document["faces"][0]["pack"]
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validator_for(SCHEMA).validate(document)


def test_an_export_holds_no_vector_and_no_picture(engine: Engine) -> None:
    fill_decided(engine, [1], [1, 2])
    exported = export(engine)
    assert b"embedding" not in exported
    assert b"crop" not in exported
    assert len(exported) < 5_000


def test_an_export_of_one_pack_leaves_out_the_faces_and_people_of_others(engine: Engine) -> None:
    fill_people(engine, 2)
    fill_people(engine, 1, ungrouped=1, pack="other")
    document = parse(export(engine, "other"))
    assert {face["pack"] for face in document["faces"]} == {"other"}
    assert [person["pack"] for person in document["people"]] == ["other"]
    assert len(document["photos"]) == 2
    assert len(parse(export(engine))["faces"]) == 4


def test_it_is_told_who_placed_a_face_and_when(engine: Engine) -> None:
    album = fill_decided(engine, [1], [1], [2], [0], [0])
    one, two = album.of(1, 2)
    with begin(engine) as db:
        move_faces(db, one, album.face_ids[0], to=two, version=1, now=NOW)
        judge_faces(db, album.face_ids[3], FaceVerdict.STRANGER, now=NOW)
    told = {
        face["photo"]: (face["placedBy"], face["placedAt"], face["verdict"], face["person"] is None)
        for face in parse(export(engine))["faces"]
    }
    when = "2026-05-01T12:00:00Z"
    assert sorted(told.values(), key=str) == sorted(
        [
            ("user", when, None, False),
            ("grouping", None, None, False),
            ("grouping", None, None, False),
            ("user", when, "stranger", True),
            (None, None, None, True),
        ],
        key=str,
    )


def test_an_undone_change_takes_back_when_a_face_was_placed(engine: Engine) -> None:
    album = fill_decided(engine, [1], [1], [2])
    one, two = album.of(1, 2)
    face = album.face_ids[0]
    with begin(engine) as db:
        moved = move_faces(db, one, face, to=two, version=1, now=NOW)
        back = move_faces(db, two, face, to=one, version=2, now=NOW + timedelta(hours=1))
        undo_change(db, back.change_id, now=NOW)
        query = text("SELECT placed_at FROM face WHERE id = :id")
        assert db.execute(query, {"id": face[0]}).scalar_one() == NOW
        undo_change(db, moved.change_id, now=NOW)
        assert db.execute(query, {"id": face[0]}).scalar_one() is None
