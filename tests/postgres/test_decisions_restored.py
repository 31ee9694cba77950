"""An import restores all decisions of users, before or after indexing, and with another pack."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from cluster.store.database.engine import begin
from cluster.store.erasing import erase_all
from tests.decided import decide, export, fill_decided, index_more, refill, take_in
from tests.postgres.decided_libraries import PHOTOS, list_decisions, place_later, waiting

NOBODY = tuple([0] * len(labels) for labels in PHOTOS)
OTHER = "other"
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 16))]


def decided_library(engine: Engine, seed: int) -> bytes:
    fill_decided(engine, *PHOTOS)
    with begin(engine) as db:
        decide(db, Random(seed), times=40)
    return export(engine)


@pytest.mark.parametrize("seed", SEEDS)
def test_decisions_that_are_imported_before_indexing_are_placed_when_the_photos_come(
    engine: Engine, seed: int
) -> None:
    before = decided_library(engine, seed)
    with begin(engine) as db:
        erase_all(db)
    take_in(engine, before)
    assert list_decisions(export(engine)).keys() <= list_decisions(before).keys()
    fill_decided(engine, *NOBODY)
    place_later(engine)
    assert list_decisions(export(engine), with_groups=True) == list_decisions(
        before, with_groups=True
    )
    assert waiting(engine) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_decisions_are_restored_in_a_library_that_was_grouped_otherwise(
    engine: Engine, seed: int
) -> None:
    before = decided_library(engine, seed)
    random = Random(seed)
    refill(engine, *([random.randint(0, 5) for _ in labels] for labels in PHOTOS))
    report = take_in(engine, before)
    assert not report.left
    assert list_decisions(export(engine)) == list_decisions(before)
    assert not take_in(engine, before).has_changed


@pytest.mark.parametrize("seed", SEEDS)
def test_decisions_are_restored_in_a_library_that_was_indexed_with_another_pack(
    engine: Engine, seed: int
) -> None:
    before = decided_library(engine, seed)
    refill(engine, *NOBODY, pack=OTHER)
    report = take_in(engine, before)
    assert not report.left
    assert list_decisions(export(engine, OTHER)) == list_decisions(before)
    assert not take_in(engine, before).has_changed


@pytest.mark.parametrize("seed", SEEDS)
def test_what_waits_is_placed_photo_by_photo(engine: Engine, seed: int) -> None:
    """The library is indexed in three parts; the import comes before the second."""
    before = decided_library(engine, seed)
    refill(engine, *NOBODY[:3])
    take_in(engine, before)
    assert waiting(engine)
    for part in (7, len(NOBODY)):
        index_more(engine, *NOBODY[:part])
        place_later(engine)
    assert list_decisions(export(engine), with_groups=True) == list_decisions(
        before, with_groups=True
    )
    assert waiting(engine) == 0


def test_an_import_that_is_repeated_keeps_nothing_twice(engine: Engine) -> None:
    before = decided_library(engine, 3)
    with begin(engine) as db:
        erase_all(db)
    take_in(engine, before)
    kept = waiting(engine)
    take_in(engine, before)
    assert kept
    assert waiting(engine) == kept
