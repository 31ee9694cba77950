"""The commands that need only the database."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from cluster.core.sessions import Move, SessionStatus
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import get_session, move_session
from jobs import control, erase, status
from tests.library import NOW, found, run_session, start_session

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: object) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def running(engine: Engine) -> int:
    with begin(engine) as db:
        return start_session(db)


@pytest.fixture
def complete(engine: Engine) -> int:
    with begin(engine) as db:
        return run_session(db, {name: found(name) for name in "abc"})


def count_faces(engine: Engine) -> int:
    with begin(engine) as db:
        return int(db.execute(text("SELECT count(*) FROM face")).scalar_one())


def test_a_session_is_paused_and_cancelled_without_a_server(
    engine: Engine, running: int, capfd: Output
) -> None:
    for move, became in (("pause", SessionStatus.PAUSED), ("cancel", SessionStatus.CANCELLED)):
        assert control.main([move, str(running)]) == 0
        with begin(engine) as db:
            assert get_session(db, running).status is became
    assert capfd.readouterr().out == (
        f"Session {running} is paused.\nSession {running} is cancelled.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resume", "{id}"], "completed cannot resume; legal moves: restart."),
        (["retry", "{id}"], "No photo failed"),
        (["restart", "{id}"], "name the phase"),
        (["retry", "{id}", "--phase", "clustering"], "photos do not fail in clustering"),
        (["pause", "4711"], "There is no session 4711"),
    ],
)
def test_what_is_not_possible_is_told_in_a_sentence_with_exit_code_2(
    complete: int, capfd: Output, arguments: list[str], said: str
) -> None:
    assert control.main([part.format(id=complete) for part in arguments]) == 2
    assert said in capfd.readouterr().err


def test_the_status_is_what_http_says(complete: int, capfd: Output) -> None:
    assert status.main([str(complete), "--json"]) == 0
    body = json.loads(capfd.readouterr().out)
    assert (body["sessionId"], body["overallStatus"]) == (complete, "completed")
    assert body["phases"]["training"]["progress"]["current"] == 3
    assert status.main([str(complete)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"Session {complete}: 100.00 %  completed"
    assert "3 of 3  3 processed, 0 skipped, 0 failed" in lines[1]
    assert status.main(["4711"]) == 2


def test_nothing_is_erased_without_a_yes(
    engine: Engine, complete: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said in ("no", ""):
        monkeypatch.setattr("builtins.input", lambda _, said=said: said)
        assert erase.main(["--session", str(complete)]) == 2
    assert count_faces(engine) == 3
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert erase.main(["--session", str(complete)]) == 0
    assert count_faces(engine) == 0


def test_all_is_erased_and_the_files_are_compact(
    engine: Engine, complete: int, capfd: Output
) -> None:
    assert erase.main(["--all", "--yes", "--compact"]) == 0
    assert "3 photos, 3 faces, 0 people" in capfd.readouterr().out
    with begin(engine) as db:
        assert db.execute(text("SELECT pg_relation_size('image')")).scalar_one() == 0


def test_a_running_session_is_not_erased(engine: Engine, running: int, capfd: Output) -> None:
    assert erase.main(["--session", str(running), "--yes"]) == 1
    assert "cancel it first" in capfd.readouterr().err
    with begin(engine) as db:
        move_session(db, running, Move.CANCEL, now=NOW)
    assert erase.main(["--session", str(running), "--yes"]) == 0
    assert erase.main(["--person", "4711", "--yes"]) == 2
