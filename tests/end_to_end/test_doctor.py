"""`python -m jobs.doctor`, run as a user does when something is wrong."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cluster.core.sessions import Move
from cluster.store.database.engine import Engine, begin, build_engine
from cluster.store.database.schema import upgrade_schema
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles, is_lock_held
from cluster.store.sessions.session_rows import create_session, move_session
from jobs.doctor.report import TITLES
from tests.headcount import PROJECT_DIR, Headcount

pytestmark = pytest.mark.long

ALL_WELL, PROBLEMS, BAD_ARGUMENTS = 0, 1, 2
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

PERSON, TITLE, FOLDER = "Rosalinde Abendroth", "Grandmothers eightieth", "Abendroth family"
TOKEN, PASSWORD = "tok3n-that-nobody-sees", "passw0rd-that-nobody-sees"
TELLING = (PERSON, TITLE, FOLDER, "Rosalinde", "Abendroth", TOKEN, PASSWORD)

Findings = dict[str, list[dict[str, str | None]]]


def ask_doctor(run: Headcount, *options: str) -> tuple[int, Findings]:
    """Run the doctor with `--json`; return its exit status and what it found."""
    code, output = run_doctor(run.environment, "--json", *options)
    assert "Traceback" not in output, output
    return code, json.loads(output)


def run_doctor(environment: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Run the doctor; return its exit status and what it wrote to its standard output."""
    ran = subprocess.run(
        [sys.executable, "-m", "jobs.doctor", *options],
        cwd=PROJECT_DIR,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout


def find(found: Findings, section: str, word: str) -> dict[str, str | None]:
    """Return the first finding of a section that holds a word in its text or its cure."""
    for one in found[section]:
        if word in f"{one['subject']} {one['says']} {one['cure']}":
            return one
    raise AssertionError(f"{word!r} is not among {found[section]}")


def fill(engine: Engine, root: Path) -> None:
    """Make sessions and a person whose names tell who is in the photos."""
    upgrade_schema(engine)
    session: dict[str, Any] = {"root": str(root), "name": TITLE, "pack": "bundled", "options": {}}
    with begin(engine) as db:
        failed = create_session(db, **session, now=NOW)
        move_session(db, failed.id, Move.START, now=NOW)
        error = f"{root}/{PERSON}: 1.jpg: it could not be read ('{PERSON}')"
        move_session(db, failed.id, Move.FAIL, now=NOW, error=error)
        lost = create_session(db, **session, now=NOW)
        move_session(db, lost.id, Move.START, now=NOW)
        db.execute(
            text(
                "INSERT INTO person (name, name_key, pack, created_at, updated_at) "
                "VALUES (:name, :name, 'bundled', now(), now())"
            ),
            {"name": PERSON},
        )


@pytest.fixture
def telling(headcount: Headcount, tmp_path: Path, engine: Engine, database_url: str) -> Headcount:
    """A library with a token and a database's password, in which every name tells something."""
    root = tmp_path / FOLDER
    root.mkdir()
    fill(engine, root)
    url = database_url.replace("postgres@", f"postgres:{PASSWORD}@")
    assert PASSWORD in url
    headcount.extra = {
        "HEADCOUNT_DATABASE_URL": url,
        "HEADCOUNT_API_TOKEN": TOKEN,
        "HEADCOUNT_ALLOWED_ROOTS": str(root),
    }
    return headcount


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_that_it_prints_names_a_person_a_photo_or_a_secret(
    telling: Headcount, options: tuple[str, ...]
) -> None:
    _, output = run_doctor(telling.environment, *options)
    assert "session 1" in output
    assert "it could not be read" in output, "the error is told, without its path"
    assert not [word for word in TELLING if word in output], output


def test_with_paths_it_names_folders_and_sessions_and_no_secret(telling: Headcount) -> None:
    _, output = run_doctor(telling.environment, "--paths", "--json")
    assert FOLDER in output
    assert TITLE in output
    assert TOKEN not in output
    assert PASSWORD not in output


def test_a_session_of_a_killed_driver_and_a_failed_one_are_told_with_the_command_that_helps(
    telling: Headcount,
) -> None:
    _, found = ask_doctor(telling)
    assert find(found, "sessions", "no process runs it")["level"] == "warning"
    assert find(found, "next", "no process runs it")["cure"]
    assert "--resume 2" in (find(found, "sessions", "no process runs it")["cure"] or "")
    assert find(found, "sessions", "is there")["level"] == "ok"


def test_a_folder_of_photos_that_is_gone_is_told(telling: Headcount) -> None:
    Path(telling.extra["HEADCOUNT_ALLOWED_ROOTS"]).rmdir()
    _, found = ask_doctor(telling)
    assert find(found, "sessions", "is not there")["level"] == "warning"


def test_a_database_of_a_newer_version_is_a_problem(telling: Headcount, engine: Engine) -> None:
    with begin(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    code, found = ask_doctor(telling)
    assert code == PROBLEMS
    assert find(found, "database", "9999")["level"] == "problem"


def test_where_there_is_no_library_nothing_is_made(headcount: Headcount, tmp_path: Path) -> None:
    private = tmp_path / "tmp"
    private.mkdir()
    headcount.extra = {"TMPDIR": str(private)}
    code, found = ask_doctor(headcount)
    assert list(found) == list(TITLES)
    assert code == ALL_WELL, found["next"]
    assert find(found, "database", "no library yet")["level"] == "note"
    assert find(found, "pack", "they can be opened")["level"] == "ok"
    assert not headcount.data_dir.exists()
    assert not list(private.glob("headcount-*"))


def test_an_embedded_database_is_started_asked_and_stopped(
    headcount: Headcount, tmp_path: Path
) -> None:
    engine = build_engine(start_embedded(headcount.data_dir))
    fill(engine, tmp_path)
    engine.dispose()
    stop_embedded(headcount.data_dir)
    _, found = ask_doctor(headcount)
    assert find(found, "database", "it does not run")["level"] == "ok"
    assert find(found, "database", "PostgreSQL 18")["level"] == "ok"
    assert find(found, "sessions", "session 2")["level"] == "ok"
    assert not is_lock_held(ServerFiles.under(headcount.data_dir).server_lock)


def test_offline_no_database_is_started(headcount: Headcount, tmp_path: Path) -> None:
    start_embedded(headcount.data_dir)
    stop_embedded(headcount.data_dir)
    log = ServerFiles.under(headcount.data_dir).log
    before = log.read_bytes()
    _, found = ask_doctor(headcount, "--offline")
    assert find(found, "database", "--offline")["level"] == "note"
    assert log.read_bytes() == before


def test_a_database_whose_files_are_damaged_is_a_problem_that_names_its_log(
    headcount: Headcount,
) -> None:
    start_embedded(headcount.data_dir)
    stop_embedded(headcount.data_dir)
    files = ServerFiles.under(headcount.data_dir)
    (files.data / "global/pg_control").write_bytes(b"damaged")
    code, found = ask_doctor(headcount)
    assert code == PROBLEMS
    assert str(files.log) in (find(found, "database", "did not start")["cure"] or "")
    assert find(found, "next", "database: ")["level"] == "problem"


def test_everything_that_is_wrong_is_told_at_once(headcount: Headcount, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with socket.create_server(("127.0.0.1", headcount.port)):
        headcount.extra = {
            "HEADCOUNT_DATA_DIR": str(tmp_path / "file" / "data"),
            "HEADCOUNT_DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1:1/x",
            "HEADCOUNT_MIN_SCORE": "many",
            "HEADCOUNT_PACK": "none-such",
            "ORT_DISABLE_TELEMETRY": "0",
        }
        code, found = ask_doctor(headcount)
    assert code == PROBLEMS
    for section, word in (
        ("settings", "min_score"),
        ("pack", "none-such"),
        ("folders", "in its way"),
        ("ports", f"{headcount.port} is taken by process {os.getpid()}"),
        ("database", "127.0.0.1:1"),
    ):
        assert find(found, section, word)["level"] in ("problem", "ok")
        assert find(found, "next", word)["level"] == "problem"
    assert find(found, "next", "ORT_DISABLE_TELEMETRY")["level"] == "warning"


def test_a_cluster_that_does_not_answer_is_a_problem(headcount: Headcount) -> None:
    headcount.extra = {"RAY_ADDRESS": "127.0.0.1:1"}
    code, found = ask_doctor(headcount)
    assert code == PROBLEMS
    assert find(found, "ray", "127.0.0.1:1")["level"] == "problem"


def test_a_file_of_settings_that_is_no_yaml_is_a_problem(
    headcount: Headcount, tmp_path: Path
) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(f"api_token: {TOKEN}\na: [1")
    code, output = run_doctor(headcount.environment, "--json", "--config", str(config))
    assert code == PROBLEMS
    assert find(json.loads(output), "settings", "cannot be read as settings")["cure"]
    assert TOKEN not in output


def test_bad_arguments_have_a_status_of_their_own(headcount: Headcount) -> None:
    assert run_doctor(headcount.environment, "--nonsense")[0] == BAD_ARGUMENTS


def test_a_python_without_the_packages_is_told_what_to_install(tmp_path: Path) -> None:
    """The doctor is what a user runs whose environment is broken."""
    ran = subprocess.run(
        [str(Path(sys.executable).resolve()), "-I", "-S", "-c", RUN_BARE, str(PROJECT_DIR)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == PROBLEMS, ran.stderr
    assert "Traceback" not in ran.stderr
    found = json.loads(ran.stdout)
    assert "make run" in (find(found, "settings", "lacks a package")["cure"] or "")
    assert find(found, "versions", "python")["level"] == "ok"


RUN_BARE = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv[1:] = ["--json"]
runpy.run_module("jobs.doctor", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def other() -> pwd.struct_passwd:
    """Another user of this machine, whom only root can act as."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to act as another user")
    return pwd.getpwnam("nobody")


def test_a_library_of_another_user_is_a_problem_and_no_traceback(
    other: pwd.struct_passwd, tmp_path: Path
) -> None:
    if subprocess.run([*as_user(other), sys.executable, "-V"], check=False).returncode:
        pytest.skip("the other user cannot run this Python")
    place = Path("/tmp") / f"hcd{os.getpid()}"
    (place / "data/postgres").mkdir(parents=True)
    (place / "data").chmod(0o700)
    try:
        ran = subprocess.run(
            [*as_user(other), sys.executable, "-m", "jobs.doctor", "--json"],
            cwd=PROJECT_DIR,
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "HEADCOUNT_DATA_DIR": str(place / "data"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(place)
    assert ran.returncode == PROBLEMS, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    found = json.loads(ran.stdout)
    assert find(found, "folders", "another user")["level"] == "problem"
    assert find(found, "database", "Permission denied")["level"] == "problem"
    assert "defect" not in ran.stdout


def as_user(user: pwd.struct_passwd) -> list[str]:
    """Return the beginning of a command line that another user runs."""
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def test_a_run_that_serves_is_recognised_and_not_disturbed(server: Headcount) -> None:
    assert server.process is not None
    code, found = ask_doctor(server)
    assert code == ALL_WELL, found["next"]
    assert find(found, "ports", "used by a run of this library, process")["level"] == "ok"
    assert f"process {server.process.pid}" in (find(found, "ray", "dashboard")["says"] or "")
    assert str(server.process.pid) in (find(found, "database", "it runs")["says"] or "")
    assert find(found, "database", "a process stops the server")["level"] == "ok"
    assert server.get("/readyz").status == 200
