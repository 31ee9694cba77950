"""`jobs.check --repair` makes again what can be derived, and touches no decision."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from cluster.store.database.engine import begin
from tests.postgres.checked_libraries import (
    NAMES,
    Output,
    break_rows,
    damaged,
    make_jpeg,
    photos,
    read_everything,
    run_check,
    settings,
)

__all__ = ["photos", "settings"]  # Fixtures.


def test_what_was_made_again_equals_what_was_there(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    """All that can be derived is broken at once, and the repair restores it."""
    before = read_everything(engine)
    changes = [
        "UPDATE image SET thumbnail = ''",
        "UPDATE session_phase SET processed = 1, skipped = 2 WHERE phase = 'training'",
        r"UPDATE file SET path_sha256 = sha256(path_sha256)",
        "UPDATE person SET name_key = NULL WHERE id = 1",
        "UPDATE detection SET faces = 7",
        "UPDATE image SET missing_since = now()",
        "SELECT setval('image_id_seq', 1)",
    ]
    break_rows(engine, *changes)
    code, body = run_check(capfd, "--repair")
    assert (code, damaged(body)) == (0, {})
    after = read_everything(engine)
    for table in before:
        if table not in ("session_phase", "image_id_seq", "person"):
            assert after[table] == before[table], table
    with begin(engine) as db:
        counts = db.execute(
            text("SELECT total, processed, skipped, failed FROM session_phase WHERE total > 0")
        ).all()
    assert [tuple(row) for row in counts] == [(4, 4, 0, 0), (4, 4, 0, 0)]


def test_no_repair_touches_what_people_decided(engine: Engine, photos: Path, capfd: Output) -> None:
    decided = (
        "SELECT (SELECT array_agg(p.name || p.birth_date ORDER BY id) FROM person p),"
        " (SELECT array_agg((id, person_id, placed_by_user, verdict)::text ORDER BY id) FROM face)"
    )
    break_rows(
        engine,
        "UPDATE person SET birth_date = '1990-01-01'",
        "UPDATE face SET person_id = NULL WHERE person_id = 2",
        "UPDATE face SET verdict = 'stranger', placed_by_user = true WHERE id = 1",
        "UPDATE face SET person_id = 77 WHERE id = 2",
    )
    with begin(engine) as db:
        before = [tuple(row) for row in db.execute(text(decided))]
    assert run_check(capfd, "--repair")[0] == 1
    with begin(engine) as db:
        assert [tuple(row) for row in db.execute(text(decided))] == before


def test_a_vector_of_a_wrong_length_has_its_photo_searched_again(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    break_rows(engine, "UPDATE face SET embedding = '[1, 0]' WHERE id = 1")
    code, body = run_check(capfd, "--repair")
    assert (code, damaged(body)) == (1, {"vectors": 1})
    assert "next session searches" in body["repairs"][0]
    with begin(engine) as db:
        searched = db.execute(text("SELECT count(*) FROM detection")).scalar_one()
    assert searched == len(NAMES) - 1


def test_a_picture_whose_photo_has_changed_is_not_made_again(
    engine: Engine, photos: Path, capfd: Output
) -> None:
    for path in photos.iterdir():
        path.write_bytes(make_jpeg(99, side=400))
    break_rows(engine, "UPDATE image SET thumbnail = ''")
    code, body = run_check(capfd, "--repair")
    assert (code, damaged(body)) == (1, {"thumbnails": 4})
    assert "repaired 0 of 4" in body["repairs"][0]
    assert any("4 files have changed" in note for note in body["notes"])
