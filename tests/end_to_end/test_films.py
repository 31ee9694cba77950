"""The film of the demo library: the people of the photos are found in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from jobs.demo import IN_FILM
from tests.headcount import FinishedLibrary

pytestmark = pytest.mark.long

_SEEN = text(
    """
    SELECT f.time_s, array_agg(DISTINCT k.path) AS paths
    FROM face f JOIN face g ON g.person_id = f.person_id AND g.time_s IS NULL
        JOIN file k ON k.image_id = g.image_id AND k.path LIKE '%portraits%'
    WHERE f.time_s IS NOT NULL GROUP BY f.id, f.time_s ORDER BY f.time_s
    """
)


@pytest.fixture
def tables(finished_library: FinishedLibrary, tmp_path: Path) -> Iterator[Engine]:
    """The tables of the demo library after its session."""
    data_dir = tmp_path / "data"
    finished_library.copy_to(data_dir)
    engine = build_engine(start_embedded(data_dir))
    yield engine
    engine.dispose()
    stop_embedded(data_dir)


def test_the_people_of_the_photos_are_found_in_the_film_each_in_their_scene(
    tables: Engine,
) -> None:
    with begin(tables) as db:
        seen = db.execute(_SEEN).all()
    assert len(seen) == len(IN_FILM)
    for number, (person, row) in enumerate(zip(IN_FILM, seen, strict=True)):
        assert 4 * number <= row.time_s < 4 * number + 4
        names = {Path(path).name.rsplit(" ", 1)[0] for path in row.paths}
        assert names == {f"person {person + 1}"}
