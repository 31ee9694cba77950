"""Faces that only XMP named, and no detector found, survive an export and an import too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.identity.faces import BoundingBox
from cluster.store.database.engine import begin
from cluster.store.decisions.importing import place_kept
from cluster.store.erasing import erase_all, erase_person
from cluster.vision.photos.region_crops import cut_from_thumbnail
from jobs import check
from jobs.decisions.__main__ import main as decisions
from tests.library import NOW, PACK
from tests.postgres.xmp_command import Command, names, photos, run, tag_sidecar
from tests.tagged_photos import LEFT, RIGHT, Tag, index, make_jpeg

__all__ = ["photos", "run"]  # Fixtures.

Output = pytest.CaptureFixture[str]
PLACED = [("Ann", True), ("Bob", True)]


@pytest.fixture
def exported(engine: Engine, photos: Path, run: Command, tmp_path: Path) -> Path:
    """An export with Ann, found by the pack, and Bob, known only from XMP; the library is empty.

    The sidecar is gone, so that only the import knows Bob.
    """
    path = make_jpeg(photos / "a.jpg", orientation=6)
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT), orientation=6)
    index(engine, photos, {"a": [LEFT]})
    run("read")
    assert sorted(names(engine).values()) == PLACED
    file = tmp_path / "people.json"
    assert decisions(["export", str(file)]) == 0
    Path(f"{path}.xmp").unlink()
    with begin(engine) as db:
        erase_all(db)
    return file


@pytest.fixture
def take_in(exported: Path, capsys: Output) -> Callable[[], dict[str, Any]]:
    """Import the export, and return what the command prints as JSON."""

    def run_command() -> dict[str, Any]:
        capsys.readouterr()
        assert decisions(["import", str(exported), "--json"]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run_command


def count_unseen(engine: Engine) -> int:
    with begin(engine) as db:
        query = text("SELECT count(*) FROM face WHERE embedding IS NULL")
        return int(db.execute(query).scalar_one())


def test_they_are_placed_in_a_library_that_is_indexed_anew(
    engine: Engine, photos: Path, take_in: Callable[[], dict[str, Any]], capsys: Output
) -> None:
    index(engine, photos, {"a": [LEFT]})
    report = take_in()
    assert (report["placed"], report["left"], report["kept"]) == (2, [], 0)
    assert sorted(names(engine).values()) == PLACED
    assert count_unseen(engine) == 1
    with begin(engine) as db:
        crop = db.execute(text("SELECT crop FROM face WHERE embedding IS NULL")).scalar_one()
    assert bytes(crop).startswith(b"\xff\xd8")
    assert take_in()["placed"] == 0
    assert count_unseen(engine) == 1
    assert check.main(["--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)["damage"]
    assert not {one["kind"] for one in found} & {"face_counts", "vectors"}


def test_they_wait_for_a_photo_that_is_indexed_later(
    engine: Engine, photos: Path, take_in: Callable[[], dict[str, Any]]
) -> None:
    assert take_in()["kept"] == 2
    index(engine, photos, {"a": [LEFT]})
    with begin(engine) as db:
        assert place_kept(db, now=NOW, cut=cut_from_thumbnail).placed == 2
        assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 0
    assert sorted(names(engine).values()) == PLACED


def test_a_face_that_is_found_here_in_the_rough_place_is_theirs(
    engine: Engine, photos: Path, take_in: Callable[[], dict[str, Any]]
) -> None:
    middle = (RIGHT.left + RIGHT.right) / 2, (RIGHT.top + RIGHT.bottom) / 2
    wide, high = 0.3 * (RIGHT.right - RIGHT.left), 0.3 * (RIGHT.bottom - RIGHT.top)
    inner = BoundingBox(middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
    index(engine, photos, {"a": [LEFT, inner]})
    assert take_in()["placed"] == 2
    assert sorted(names(engine).values()) == PLACED
    assert count_unseen(engine) == 0


@pytest.mark.parametrize("found", [[LEFT], []])
def test_another_pack_takes_them_too_and_those_that_it_does_not_find(
    engine: Engine,
    photos: Path,
    take_in: Callable[[], dict[str, Any]],
    found: list[BoundingBox],
) -> None:
    index(engine, photos, {"a": found}, pack="other")
    assert take_in()["placed"] == 2
    assert sorted(names(engine, pack="other").values()) == PLACED
    assert names(engine, pack=PACK) == {}


def test_where_a_face_was_erased_none_is_added(
    engine: Engine, photos: Path, take_in: Callable[[], dict[str, Any]]
) -> None:
    index(engine, photos, {"a": [LEFT]})
    take_in()
    with begin(engine) as db:
        bob = db.execute(text("SELECT id FROM person WHERE name = 'Bob'")).scalar_one()
        erase_person(db, bob)
    take_in()
    assert sorted(names(engine).values()) == PLACED[:1]
    assert count_unseen(engine) == 0
