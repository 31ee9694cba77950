"""What users decided survives an export and an import into another library of the same photos."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from cluster.store.database.engine import begin
from tests.decided import decide, export, fill_decided, refill, take_in

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
    """Nobody is grouped in the new library, so that all comes from the import."""
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
