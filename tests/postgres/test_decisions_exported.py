"""An export holds everything that people did, and equal databases give equal bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine

from cluster.core.decision_format import Section
from cluster.store.decisions.decision_writing import ExportCounts, begin_export, write_decisions
from tests.library import NOW
from tests.people import Grouped, fill_people


@pytest.fixture
def old(engine: Engine) -> Grouped:
    """Two people (4 and 3 faces) and two ungrouped faces, in the order of the photos."""
    return fill_people(engine, 4, 3, ungrouped=2)


def export(engine: Engine, pack: str | None = None) -> tuple[bytes, ExportCounts]:
    stream = io.BytesIO()
    with begin_export(engine) as db:
        counts = write_decisions(db, stream, now=NOW, pack=pack)
    return stream.getvalue(), counts


def read(engine: Engine, pack: str | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(export(engine, pack)[0])
    return document


def test_an_empty_library_gives_a_document_without_records(engine: Engine) -> None:
    document = read(engine)
    assert document["format"] == "headcount-decisions"
    assert not [section for section in Section if document[section]]


def test_two_exports_of_one_library_are_equal_byte_by_byte(engine: Engine, old: Grouped) -> None:
    first, second = export(engine), export(engine)
    assert first == second
    assert (first[1].photos, first[1].people, first[1].faces) == (9, 2, 9)
