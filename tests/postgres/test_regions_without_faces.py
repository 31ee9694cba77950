"""Regions whose photo is not indexed, or in which no detector found a face, keep their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.core.identity.faces import BoundingBox
from cluster.store.database.engine import begin
from cluster.store.decisions.importing import place_kept
from cluster.store.decisions.kept_list import count_kept, forget_kept_of, list_kept
from cluster.store.decisions.region_placing import place_kept_regions
from cluster.store.people.face_vectors import load_vectors
from cluster.vision.photos.region_crops import cut_from_thumbnail
from tests.library import NOW, PACK
from tests.postgres.xmp_command import Command, names, photos, run, tag_sidecar
from tests.tagged_photos import LEFT, RIGHT, SIZE, Tag, index, make_jpeg

__all__ = ["photos", "run"]  # Fixtures.


def test_a_region_without_a_face_becomes_a_face_without_a_vector(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT))
    index(engine, photos, {"a": [LEFT]})
    answer = run("read")
    assert (answer["placed"], answer["added"]) == (2, 1)
    assert sorted(names(engine).values()) == [("Ann", True), ("Bob", True)]
    with begin(engine) as db:
        added = db.execute(text("SELECT * FROM face WHERE embedding IS NULL")).one()
        assert (added.quality, added.box_left) == (0, pytest.approx(RIGHT.left * SIZE[0]))
        assert bytes(added.crop).startswith(b"\xff\xd8")
        assert len(load_vectors(db, pack=PACK, min_quality=0.0)) == 1
        assert db.execute(text("SELECT faces FROM detection")).scalar_one() == 2


def test_detecting_again_gives_the_vector_to_the_face_that_xmp_named(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg")
    larger = BoundingBox(0.0, 0.05, 0.4, 0.65)  # As Picasa draws it.
    tag_sidecar(path, Tag("Ann", larger))
    index(engine, photos, {"a": []})
    run("read")
    ((face_id, _),) = names(engine).items()
    with begin(engine) as db:
        db.execute(text("DELETE FROM detection"))
        db.execute(text("DELETE FROM session_item"))
    index(engine, photos, {"a": [LEFT, RIGHT]})
    found = names(engine)
    assert found[face_id] == ("Ann", True)
    assert len(found) == 2
    with begin(engine) as db:
        query = text("SELECT count(*) FROM face WHERE embedding IS NULL")
        assert db.execute(query).scalar_one() == 0


@pytest.mark.long
def test_names_wait_for_photos_that_are_not_indexed_yet(
    engine: Engine, photos: Path, run: Command
) -> None:
    path = make_jpeg(photos / "a.jpg", orientation=6)
    tag_sidecar(path, Tag("Ann", LEFT), Tag("Bob", RIGHT), orientation=6)
    for _ in range(2):
        answer = run("read", "--root", photos)
        assert (answer["waiting"], answer["placed"]) == (2, 0)
    path.rename(photos / "b.jpg")
    Path(f"{path}.xmp").unlink()
    (left,) = index(engine, photos, {"b": [LEFT]})["b"]
    with begin(engine) as db:
        placed = place_kept_regions(db, pack=PACK, cut=cut_from_thumbnail, now=NOW)
        assert (placed.placed, placed.added) == (2, 1)
        assert db.execute(text("SELECT count(*) FROM kept_decision")).scalar_one() == 0
        assert place_kept_regions(db, pack=PACK, cut=cut_from_thumbnail, now=NOW).placed == 0
    assert names(engine)[left] == ("Ann", True)


def test_kept_regions_are_listed_with_other_decisions_and_go_with_their_person(
    engine: Engine, photos: Path, run: Command
) -> None:
    tag_sidecar(make_jpeg(photos / "a.jpg"), Tag("Ann", LEFT), Tag("Bob", RIGHT))
    run("read", "--root", photos)
    with begin(engine) as db:
        assert place_kept(db, now=NOW).has_changed is False
        kept = list_kept(db, limit=10)
        assert sorted((one.kind, one.name, one.reason) for one in kept) == [
            (DecisionKind.REGION, "Ann", LeftReason.PHOTO_ABSENT),
            (DecisionKind.REGION, "Bob", LeftReason.PHOTO_ABSENT),
        ]
        forget_kept_of(db, "ann")
        assert count_kept(db) == 1
