"""A session over HTTP on a real Ray: what a client that polls sees from start to end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.priority import NICENESS
from tests.commit_slots import slots_taken
from tests.drills import find_victims, list_children
from tests.end_to_end.pictures import make_pictures
from tests.headcount import PROJECT_DIR, Headcount
from tests.waiting import PATIENT_S, wait_until

pytestmark = pytest.mark.long

TERMINAL = {"completed", "failed", "cancelled"}


def start_session(server: Headcount, root: Path) -> int:
    """Start a session from outside and return its id."""
    answer = server.post("/api/v1/training", {"rootPath": str(root)})
    assert answer.status == 201, answer.body
    assert answer.body["jobId"].startswith("headcount-session-")
    return int(answer.body["sessionId"])


def poll_to_the_end(server: Headcount, session_id: int, *, every_s: float) -> list[dict[str, Any]]:
    """Ask for the progress until the session is at its end; return all answers."""
    answers: list[dict[str, Any]] = []

    def is_over() -> bool:
        answers.append(server.get(f"/api/v1/training/{session_id}/progress/unified").body)
        return answers[-1]["overallStatus"] in TERMINAL

    wait_until(is_over, f"session {session_id} ends", every_s=every_s)
    return answers


def count_shown(server: Headcount, session_id: int, phase: str) -> int:
    """Return how many photos of a phase a client sees as finished."""
    body = server.get(f"/api/v1/training/{session_id}/progress/unified").body
    return int(body["phases"][phase]["progress"]["current"])


def check_the_law(answers: list[dict[str, Any]]) -> None:
    """Nothing falls, nothing is pending after it has run, counts add up, the end is 100 %."""
    for earlier, later in itertools.pairwise(answers):
        assert later["overallProgress"]["percentage"] >= earlier["overallProgress"]["percentage"]
        assert later["version"] >= earlier["version"]
        assert (earlier["overallStatus"], later["overallStatus"]) != ("running", "pending")
        for name, phase in later["phases"].items():
            before = earlier["phases"][name]
            assert phase["progress"]["current"] >= before["progress"]["current"]
            assert phase["progress"]["percentage"] >= before["progress"]["percentage"]
            if before["status"] != "pending":
                assert phase["status"] != "pending"
    for answer in answers:
        for phase in answer["phases"].values():
            p = phase["progress"]
            assert p["processed"] + p["skipped"] + p["failed"] == p["current"] <= p["total"]
        is_whole = answer["overallProgress"]["percentage"] == 100.0
        assert is_whole == (answer["overallStatus"] == "completed")
    assert answers[-1]["overallStatus"] == "completed", answers[-1]


@pytest.mark.drill
def test_331_photos_and_335_copies_end_at_666_of_666_and_100_percent(
    server: Headcount, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "unique", 331)
    (tmp_path / "copies").mkdir()
    photos = sorted((tmp_path / "unique").iterdir())
    for number, photo in enumerate(itertools.islice(itertools.cycle(photos), 335)):
        shutil.copy2(photo, tmp_path / "copies" / f"copy {number}.jpg")
    answers = poll_to_the_end(server, start_session(server, tmp_path), every_s=0.1)
    check_the_law(answers)
    for name in ("training", "faceDetection"):
        phase = answers[-1]["phases"][name]["progress"]
        assert (phase["processed"], phase["skipped"], phase["failed"]) == (331, 335, 0)
        assert (phase["current"], phase["total"], phase["percentage"]) == (666, 666, 100.0)


@pytest.mark.drill
def test_photos_are_shown_before_their_batch_is_committed(
    server: Headcount, tmp_path: Path
) -> None:
    """[3] That each of them is, photo by photo, is held in tests/api/test_batches_shown.py."""
    make_pictures(tmp_path, 60, seed=2)
    with slots_taken(server.data_dir) as slots:
        session_id = start_session(server, tmp_path)
        for name, key in (("training", "training"), ("face_detection", "faceDetection")):
            slots.let_through(session_id, until=name)
            wait_until(partial(count_shown, server, session_id, key), f"{name} moves")
            assert slots.count_committed(session_id, name) == 0
    check_the_law(poll_to_the_end(server, session_id, every_s=0.2))


@pytest.mark.drill
def test_those_who_work_on_photos_give_way_to_those_who_answer(
    server: Headcount, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 60, seed=4, side=1000)
    with slots_taken(server.data_dir) as slots:
        session_id = start_session(server, tmp_path)
        slots.let_through(session_id, until="face_detection")
        moves = partial(count_shown, server, session_id, "faceDetection")
        wait_until(moves, "a detector works")
        detectors = find_victims("detector", server)
        assert detectors
        for victim in ("live view", "replica"):
            assert max(map(max, map(read_niceness, find_victims(victim, server)))) == 0
        wait_until(
            lambda: all(min(read_niceness(detector)) == NICENESS for detector in detectors),
            "every detector, those that still load too, gives way",
        )
    check_the_law(poll_to_the_end(server, session_id, every_s=0.2))


def test_nobody_but_this_machine_reaches_any_of_its_ports(server: Headcount) -> None:
    assert server.process is not None
    listening: set[tuple[str, str]] = set()
    for process in list_children(server.process.pid):
        with suppress(psutil.NoSuchProcess):
            listening |= {
                (process.name(), connection.laddr.ip.removeprefix("::ffff:"))
                for connection in process.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
    assert len(listening) > 5
    assert {address for _, address in listening} <= {"127.0.0.1", "::1"}, listening


def read_niceness(process: psutil.Process) -> list[int]:
    """Return the niceness of each thread."""
    return [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in process.threads()]


@pytest.mark.drill
def test_a_phase_is_running_from_its_first_second_and_has_its_times(
    server: Headcount, tmp_path: Path
) -> None:
    make_pictures(tmp_path, 30, seed=3)
    answers = poll_to_the_end(server, start_session(server, tmp_path), every_s=0.05)
    for phase in answers[-1]["phases"].values():
        assert phase["status"] == "completed"
        assert phase["startedAt"] <= phase["completedAt"]


def test_a_ray_job_ends_as_its_session_does(server: Headcount, tmp_path: Path) -> None:
    make_pictures(tmp_path, 20, seed=4)
    output = submit(server, "--root", str(tmp_path))
    assert "succeeded" in output, output
    assert "completed" in output
    for number in range(3):
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / "bad" / f"{number}.jpg").write_text("no photo")
    assert "failed" in submit(server, "--root", str(tmp_path / "bad"))


def submit(server: Headcount, *arguments: str) -> str:
    """Run `ray job submit --working-dir .` against the server, as docs/cluster.md shows it."""
    environment = json.dumps(
        {"env_vars": {"HEADCOUNT_DATA_DIR": str(server.data_dir), "HEADCOUNT_PACK": "bundled"}}
    )
    ray = Path(sys.executable).with_name("ray")
    line = [str(ray), "job", "submit", "--address", server.dashboard_url, "--working-dir", "."]
    line += ["--runtime-env-json", environment, "--", "python", "-m", "jobs.train"]
    done = subprocess.run(
        [*line, *arguments],
        cwd=PROJECT_DIR,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.drill
def test_a_job_runs_on_the_ray_that_it_was_sent_to_though_another_one_started_since(
    server: Headcount, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "photos", 20, seed=5)
    neighbour = Headcount(tmp_path / "data")
    neighbour.start("--root", str(tmp_path / "photos"), "--keep")
    try:
        neighbour.wait_until_ready()
        session_id = start_session(server, tmp_path / "photos")
        neighbour.end()
        check_the_law(poll_to_the_end(server, session_id, every_s=0.2))
        assert "succeeded" in submit(server, "--root", str(tmp_path / "photos"))
    finally:
        neighbour.kill()
