"""Two runs over one data directory leave each other alone; a job that cannot begin says why."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.running.ray_files import list_running
from tests.headcount import WITHOUT_PAGE, Headcount, find_free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.long


def test_a_run_that_ends_leaves_the_other_one_visible(
    server: Headcount, demo_library: Path, tmp_path: Path
) -> None:
    (first,) = list_running(server.data_dir)
    shutil.copytree(demo_library / "party", tmp_path / "others")
    quiet = server.extra | WITHOUT_PAGE
    second = replace(server, port=find_free_port(), process=None, printed=[], extra=quiet)
    code, output = second.run("--root", str(tmp_path / "others"))
    assert code == 0, output
    assert list_running(server.data_dir) == [first]
    asked = replace(server, process=None, printed=[])
    number = str(server.get("/api/v1/training?limit=1").body["sessions"][0]["sessionId"])
    code, output = asked.run(number, job="status")
    assert code == 0
    assert "completed" in output
    code, output = asked.run("restart", number, "--phase", "clustering", job="control")
    assert code == 0, output
    assert f"Ray job headcount-session-{number}" in output, "the first run's Ray is found"
    path = f"/api/v1/training/{number}/progress/unified"
    wait_until(lambda: server.get(path).body["overallStatus"] == "completed", "it is grouped again")


def test_a_root_that_becomes_a_link_to_elsewhere_is_the_sessions_error_and_can_be_resumed(
    server: Headcount, demo_library: Path, tmp_path: Path
) -> None:
    root, away = tmp_path / "photos", tmp_path / "away"
    shutil.copytree(demo_library / "party", root)
    session_id = server.post("/api/v1/training", {"rootPath": str(root)}).body["sessionId"]
    root.rename(away)
    root.symlink_to("/etc")
    path = f"/api/v1/training/{session_id}"
    wait_until(lambda: server.get(path).body["status"] in ("failed", "completed"), "it ends")
    session = server.get(path).body
    assert session["status"] == "failed", session
    assert str(root) in session["error"]
    assert "unexpectedly" not in session["error"]
    root.unlink()
    away.rename(root)
    assert "resume" in session["legalMoves"]
    assert server.post(f"{path}/resume", {}).status == 202
    wait_until(lambda: server.get(path).body["status"] in ("failed", "completed"), "it ends again")
    assert server.get(path).body["status"] == "completed"
