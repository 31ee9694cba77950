"""Stopped, started and killed from outside: nothing is lost, nothing counted twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, text

from cluster.store.database.engine import begin, build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.sessions.invariants import check_session
from tests import waiting
from tests.commit_slots import slots_taken
from tests.end_to_end.pictures import make_pictures
from tests.headcount import PROJECT_DIR, FinishedLibrary, Headcount
from tests.kept_servers import serving
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

ROUTE = "/api/v1/training"
TERMINAL = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headcount]:
    """Headcount that keeps serving, with sessions of its own to come."""
    first = tmp_path_factory.mktemp("first")
    make_pictures(first, 4)
    with serving(first) as run:
        yield run


@pytest.fixture
def tables(server: Headcount) -> Iterator[Engine]:
    """A look into the tables of the running server."""
    engine = build_engine(start_embedded(server.data_dir))
    yield engine
    engine.dispose()


def start_session(server: Headcount, root: Path) -> int:
    answer = server.post(ROUTE, {"rootPath": str(root)})
    assert answer.status == 201, answer.body
    return int(answer.body["sessionId"])


def ask(server: Headcount, session_id: int, move: str, *, status: int = 200) -> dict[str, Any]:
    answer = server.post(f"{ROUTE}/{session_id}/{move}", {})
    assert answer.status == status, answer.body
    body: dict[str, Any] = answer.body
    return body


def show(server: Headcount, session_id: int) -> dict[str, Any]:
    body: dict[str, Any] = server.get(f"{ROUTE}/{session_id}/progress/unified").body
    for phase in body["phases"].values():
        counts = phase["progress"]
        assert counts["processed"] + counts["skipped"] + counts["failed"] == counts["current"]
        assert counts["current"] <= counts["total"]
    return body


def wait_until(
    server: Headcount, session_id: int, holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Return the first answer of which this holds."""
    answer: dict[str, Any] = {}

    def holds_now() -> bool:
        nonlocal answer
        answer = show(server, session_id)
        return holds(answer)

    waiting.wait_until(holds_now, f"session {session_id} gets so far")
    return answer


def has_got_as_far_as(phase: str, count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda answer: answer["phases"][phase]["progress"]["current"] >= count


def is_over(answer: dict[str, Any]) -> bool:
    return answer["overallStatus"] in TERMINAL


def wait_until_settled(server: Headcount, session_id: int, engine: Engine) -> dict[str, Any]:
    """Wait until the driver has ended; return the progress then."""
    waiting.wait_until(lambda: not find_drivers(session_id), "the driver has ended")
    with begin(engine) as db:
        check_session(db, session_id)
    return show(server, session_id)


def find_drivers(session_id: int) -> list[psutil.Process]:
    """The processes that run a session as Ray jobs, without the shells that started them."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if line[1:3] == ["-m", "jobs.train"] and line[-2:] == [str(session_id), "--if-waiting"]:
            found.append(process)
    return found


def outcome(engine: Engine, root: Path) -> set[tuple[object, ...]]:
    """What a library came to: each photo's states, reasons and faces."""
    query = text(
        """
        SELECT i.path, s.training_state, s.training_reason, s.detection_state, s.detection_reason,
            (SELECT string_agg(concat_ws(',', round(box_left), round(box_top), round(box_right),
                round(box_bottom)), ' ' ORDER BY box_left)
            FROM face f WHERE f.image_id = i.image_id)
        FROM session_item s JOIN file i ON i.id = s.file_id WHERE i.path LIKE :below
        """
    )
    with begin(engine) as db:
        rows = db.execute(query, {"below": f"{root}/%"}).all()
    return {tuple(str(value).replace(str(root), "") for value in row) for row in rows}


@pytest.fixture(scope="module")
def undisturbed(
    finished_library: FinishedLibrary, demo_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> set[tuple[object, ...]]:
    """What the demo library comes to when nobody disturbs."""
    data_dir = tmp_path_factory.mktemp("undisturbed") / "data"
    finished_library.copy_to(data_dir)
    engine = build_engine(start_embedded(data_dir))
    try:
        return outcome(engine, demo_library)
    finally:
        engine.dispose()
        stop_embedded(data_dir)


@pytest.mark.drill
def test_a_session_paused_and_resumed_over_http_ends_as_if_nobody_had_touched_it(
    server: Headcount,
    tables: Engine,
    tmp_path: Path,
    demo_library: Path,
    undisturbed: set[tuple[object, ...]],
) -> None:
    shutil.copytree(demo_library, tmp_path / "paused")
    with slots_taken(server.data_dir) as slots:
        session_id = start_session(server, tmp_path / "paused")
        slots.let_through(session_id, until="face_detection")
        wait_until(server, session_id, has_got_as_far_as("faceDetection", 15))
        assert ask(server, session_id, "pause")["status"] == "paused"
        assert show(server, session_id)["overallStatus"] == "paused"
    settled = wait_until_settled(server, session_id, tables)
    assert settled["overallStatus"] == "paused"
    assert ask(server, session_id, "resume", status=202)["status"] == "running"
    assert show(server, session_id)["overallStatus"] == "running"
    check_end(server, tables, session_id, undisturbed, root=tmp_path / "paused")


def check_end(
    server: Headcount,
    engine: Engine,
    session_id: int,
    undisturbed: set[tuple[object, ...]],
    *,
    root: Path,
) -> None:
    """It ends completed, as if nobody had disturbed; then it is erased, and nothing is left."""
    ended = wait_until(server, session_id, is_over)
    assert ended["overallStatus"] == "completed", ended
    wait_until_settled(server, session_id, engine)
    assert outcome(engine, root) == undisturbed
    erased = server.delete(f"{ROUTE}/{session_id}")
    assert erased.status == 200
    assert erased.body["faces"] > 20
    assert server.get(f"{ROUTE}/{session_id}").status == 404
    assert not outcome(engine, root)


@pytest.mark.drill
def test_a_session_resumed_at_once_goes_on(
    server: Headcount, tables: Engine, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 300, seed=21, side=160)
    with slots_taken(server.data_dir) as slots:
        session_id = start_session(server, tmp_path)
        for phase in ("training", "face_detection"):
            slots.let_through(session_id, until=phase)
            for _ in range(2):
                ask(server, session_id, "pause")
                ask(server, session_id, "resume", status=202)
    ended = wait_until(server, session_id, is_over)
    assert ended["overallStatus"] == "completed", ended
    assert ended["phases"]["faceDetection"]["progress"]["processed"] == 300
    wait_until_settled(server, session_id, tables)


@pytest.mark.drill
def test_a_cancelled_session_can_be_restarted_at_once(
    server: Headcount, tables: Engine, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 300, seed=22, side=160)
    with slots_taken(server.data_dir):
        session_id = start_session(server, tmp_path)
        wait_until(server, session_id, has_got_as_far_as("training", 1))
        assert ask(server, session_id, "cancel")["status"] == "cancelled"
        assert show(server, session_id)["overallStatus"] == "cancelled"
    restarted = ask(server, session_id, "restart?phase=training", status=202)
    assert restarted["status"] == "pending", "also while the old driver is still settling"
    again = show(server, session_id)["phases"]["training"]
    assert (again["attempt"], again["progress"]["current"]) == (2, 0)
    ended = wait_until(server, session_id, is_over)
    assert ended["overallStatus"] == "completed", ended
    assert ended["phases"]["training"]["progress"]["processed"] == 300
    wait_until_settled(server, session_id, tables)


@pytest.mark.drill
def test_a_driver_that_is_killed_is_missed_and_the_session_can_be_resumed(
    server: Headcount,
    tables: Engine,
    tmp_path: Path,
    demo_library: Path,
    undisturbed: set[tuple[object, ...]],
) -> None:
    shutil.copytree(demo_library, tmp_path / "killed")
    with slots_taken(server.data_dir) as slots:
        session_id = start_session(server, tmp_path / "killed")
        slots.let_through(session_id, until="face_detection")
        wait_until(server, session_id, has_got_as_far_as("faceDetection", 12))
        (driver,) = find_drivers(session_id)
        os.kill(driver.pid, signal.SIGKILL)
    lost = wait_until(server, session_id, is_over)
    assert lost["overallStatus"] == "failed"
    assert lost["phases"]["faceDetection"]["error"].startswith("driver lost")
    session = server.get(f"{ROUTE}/{session_id}").body
    assert session["error"].startswith("driver lost")
    assert "resume" in session["legalMoves"]
    ask(server, session_id, "resume", status=202)
    check_end(server, tables, session_id, undisturbed, root=tmp_path / "killed")


@pytest.mark.drill
def test_a_stopped_ray_job_leaves_its_session_paused(
    server: Headcount, tables: Engine, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 400, seed=23, side=160)
    ray = str(Path(sys.executable).with_name("ray"))
    with slots_taken(server.data_dir):
        session_id = start_session(server, tmp_path)
        wait_until(server, session_id, has_got_as_far_as("training", 1))
        job_id = server.get(f"{ROUTE}/{session_id}").body["jobId"]
        line = [ray, "job", "stop", "--address", server.dashboard_url, job_id]
        stop = subprocess.Popen(line, cwd=PROJECT_DIR, env=server.environment)
        wait_until(server, session_id, lambda answer: answer["overallStatus"] == "paused")
    assert stop.wait(PATIENT_S) == 0
    settled = wait_until_settled(server, session_id, tables)
    assert settled["overallStatus"] == "paused"
    assert command(server, "jobs.control", "pause", session_id) == (2, "")
    code, printed = command(server, "jobs.control", "resume", session_id)
    assert (code, printed) == (0, f"Session {session_id} is running, Ray job {job_id}-2.\n")
    ended = wait_until(server, session_id, is_over)
    assert ended["overallStatus"] == "completed"
    code, printed = command(server, "jobs.status", session_id, "--json")
    assert (code, json.loads(printed)["phases"]) == (0, ended["phases"])
    assert server.get(f"{ROUTE}/{session_id}").body["jobId"] == f"{job_id}-2"
    wait_until_settled(server, session_id, tables)


def command(server: Headcount, module: str, *arguments: object) -> tuple[int, str]:
    """Run a command beside the server; return its exit code and what it printed."""
    line = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        line, cwd=PROJECT_DIR, env=server.environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.drill
def test_a_paused_session_survives_a_restart_of_everything(
    headcount: Headcount, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "photos", 300, seed=24, side=160)
    with slots_taken(headcount.data_dir):
        headcount.start("--root", str(tmp_path / "photos"), "--keep")
        headcount.wait_until_ready()
        wait_until(headcount, 1, has_got_as_far_as("training", 1))
        ask(headcount, 1, "pause")
        paused = show(headcount, 1)
    headcount.end()
    stop_embedded(headcount.data_dir)

    headcount.start("--resume", "1", "--keep")
    headcount.wait_until_ready()
    ended = wait_until(headcount, 1, is_over)
    assert ended["overallStatus"] == "completed"
    before = paused["phases"]["training"]["progress"]["current"]
    assert ended["phases"]["training"]["progress"]["processed"] == 300 >= before
    assert ended["phases"]["training"]["attempt"] == 1
    headcount.end()
