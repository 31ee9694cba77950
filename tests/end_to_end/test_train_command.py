"""`python -m jobs.train` as a user types it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from cluster.core.sessions import SessionStatus
from cluster.store.database.engine import begin
from cluster.store.people.regrouping import list_people
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.session_rows import get_session, list_sessions
from jobs.train import main
from tests.commit_slots import slots_taken
from tests.end_to_end.conftest import open_tables
from tests.end_to_end.pictures import make_pictures
from tests.headcount import FinishedLibrary, Headcount, read_figures
from tests.waiting import PATIENT_S


def test_a_folder_of_photos_becomes_people(finished_library: FinishedLibrary) -> None:
    first = read_figures(finished_library.output)
    assert first["photos"] > 50
    assert first["films"] == 1
    assert first["duplicates"] > 0
    assert first["failed"] == 2
    assert first["people"] == 6
    assert "Finding faces" in finished_library.output


@pytest.mark.long
def test_the_same_folder_again_does_no_work_twice(
    headcount: Headcount, finished_library: FinishedLibrary, demo_library: Path
) -> None:
    first = read_figures(finished_library.output)
    finished_library.copy_to(headcount.data_dir)
    code, again = headcount.run("--root", str(demo_library))
    assert code == 0, again
    second = read_figures(again)
    assert second["unchanged"] == first["files"]
    assert "KEEP=1" in again
    summary = again.partition("Session 2 completed")[2]
    assert "http://" not in summary, "the page and the dashboard are gone when it has ended"
    with open_tables(headcount) as engine, begin(engine) as db:
        sessions = list_sessions(db, limit=10)
        assert [session.status for session in sessions] == [SessionStatus.COMPLETED] * 2
        for session in sessions:
            check_session(db, session.id)
        people = list_people(db, pack=sessions[0].pack, limit=100)
    assert len(people) == first["people"]


def test_no_photo_is_changed_moved_or_written(finished_library: FinishedLibrary) -> None:
    """Nor is anything added beside the photos: names, contents, rights and times are as before."""
    assert finished_library.photos_before
    assert finished_library.photos_after == finished_library.photos_before


@pytest.mark.drill
@pytest.mark.long
def test_ctrl_c_pauses_and_the_same_root_goes_on(headcount: Headcount, tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 800)
    with slots_taken(headcount.data_dir):
        process = headcount.start("--root", str(tmp_path / "photos"))
        _wait_for_line(process, "photos: ")
        process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENT_S)
    assert process.returncode == 130, output
    with open_tables(headcount) as engine, begin(engine) as db:
        assert get_session(db, 1).status is SessionStatus.PAUSED
        check_session(db, 1)

    code, output = headcount.run("--root", str(tmp_path / "photos"))
    assert code == 0, output
    with open_tables(headcount) as engine, begin(engine) as db:
        (session,) = list_sessions(db, limit=10)
        assert session.status is SessionStatus.COMPLETED
        check_session(db, session.id)


@pytest.mark.drill
@pytest.mark.long
@pytest.mark.parametrize(
    ("phase", "line"), [("training", "Reading photos: "), ("face_detection", "Finding faces: ")]
)
def test_a_killed_run_continues_with_nothing_lost_and_nothing_twice(
    headcount: Headcount, tmp_path: Path, phase: str, line: str
) -> None:
    make_pictures(tmp_path / "photos", 300, side=160)
    with slots_taken(headcount.data_dir) as slots:
        process = headcount.start("--root", str(tmp_path / "photos"))
        slots.let_through(1, until=phase)
        _wait_for_line(process, line)
        process.kill()
        process.wait()
    code, output = headcount.run("--resume", "1", "--root", str(tmp_path / "photos"))
    assert code == 0, output
    with open_tables(headcount) as engine, begin(engine) as db:
        (session,) = list_sessions(db, limit=10)
        assert session.status is SessionStatus.COMPLETED
        check_session(db, session.id)
    assert read_figures(output)["photos"] == 300


def _wait_for_line(process, text: str) -> None:  # type: ignore[no-untyped-def]
    """Read what the process prints until a line holds `text`."""
    for printed in process.stdout:
        if text in printed:
            return
    raise AssertionError(f"The process ended without a line with {text!r}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--root", "/no/such/folder"], "there is no such folder"),
        (["--root", "{empty}"], "there is no photo"),
        (["--root", "{empty}/file.txt"], "this is a file"),
        (["--root", "{photos}", "--pack", "no_such_pack"], "no_such_pack"),
        (["--root", "{photos}", "--resume", "99"], "no session 99"),
        ([], "name the folder"),
    ],
)
def test_bad_arguments_are_told_in_a_sentence_with_exit_code_2(
    headcount: Headcount,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file.txt").write_text("no photo")
    make_pictures(tmp_path / "photos", 1)
    places = {"empty": tmp_path / "empty", "photos": tmp_path / "photos"}
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(headcount.data_dir))
    assert main([part.format(**places) for part in arguments]) == 2
    assert said in capfd.readouterr().err


def test_a_wrong_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADCOUNT_PROT", "9000")
    assert main(["--root", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert "HEADCOUNT_PROT" in said
    assert "HEADCOUNT_PORT" in said


@pytest.mark.drill
@pytest.mark.long
def test_a_library_in_which_every_photo_fails_ends_as_failed(
    headcount: Headcount, tmp_path: Path
) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_text("this is no photo")
    code, output = headcount.run("--root", str(tmp_path))
    assert code == 1, output
    assert "All 5 photos failed" in output
    with open_tables(headcount) as engine, begin(engine) as db:
        assert get_session(db, 1).status is SessionStatus.FAILED


@pytest.mark.drill
@pytest.mark.long
def test_two_runs_with_their_own_data_and_ports_live_side_by_side(tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 40)
    runs = [Headcount(tmp_path / f"data{n}") for n in range(2)]
    try:
        for run in runs:
            run.start("--root", str(tmp_path / "photos"))
        for run in runs:
            assert run.process is not None
            output, _ = run.process.communicate(timeout=PATIENT_S)
            assert run.process.returncode == 0, output
            assert read_figures(output)["photos"] == 40
    finally:
        for run in runs:
            run.kill()
