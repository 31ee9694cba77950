"""Decisions survive an export and an import into another library of the same photos."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from cluster.store.database.engine import begin
from cluster.store.decisions import kept_rows
from cluster.store.decisions.importing import place_kept
from cluster.store.erasing import erase_all
from tests.decided import decide, export, fill_decided, refill, take_in
from tests.library import NOW

PHOTOS = (
    [1],
    [1, 2],
    [2, 3],
    [1, 3, 0],
    [2],
    [3, 0],
    [1, 2, 3, 4],
    [4],
    [4, 0],
    [0],
    [5, 1],
    [5, 2],
)

SEEDS = [4, 8, 12, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(20, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_export_of_the_library_that_it_was_imported_into_is_equal(
    engine: Engine, seed: int
) -> None:
    """The new library is not grouped, so that all its people come from the import."""
    fill_decided(engine, *PHOTOS)
    with begin(engine) as db:
        decide(db, Random(seed), times=40)
    before = export(engine)
    refill(engine, *([0] * len(labels) for labels in PHOTOS))
    report = take_in(engine, before)
    assert not report.left
    assert export(engine) == before
    assert not take_in(engine, before).has_changed
    assert export(engine) == before


@pytest.mark.parametrize("lot", [3, 50_000])
def test_what_waited_is_placed_in_lots_as_all_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, lot: int
) -> None:
    """A million decisions may wait, too many to be in memory at once."""
    monkeypatch.setattr(kept_rows, "MOST_AT_ONCE", lot)
    fill_decided(engine, *PHOTOS)
    with begin(engine) as db:
        decide(db, Random(4), times=40)
    before = export(engine)
    with begin(engine) as db:
        erase_all(db)
    left = take_in(engine, before).left_count
    assert left > lot or lot > 100
    fill_decided(engine, *([0] * len(labels) for labels in PHOTOS))
    with begin(engine) as db:
        placed = place_kept(db, now=NOW)
    assert not placed.left
    assert export(engine) == before
