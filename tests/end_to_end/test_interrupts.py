"""Ctrl-C twice ends everything, and says nothing that a person need not read."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from cluster.store.server.embedded import is_embedded_running
from tests.headcount import Headcount
from tests.waiting import PATIENT_S, wait_until

pytestmark = pytest.mark.long


def read_until(run: Headcount, word: str) -> str:
    """Return what a run prints up to the first line with `word`."""
    assert run.process is not None
    assert run.process.stdout is not None
    said = ""
    while word not in said:
        line = run.process.stdout.readline()
        assert line, f"it ended before it said {word!r}: {said}"
        said += line
    return said


@pytest.mark.drill
@pytest.mark.parametrize(
    ("word", "pause_s"),
    [
        pytest.param("Session 1:", 0.0, id="at once, while workers start"),
        pytest.param("Session 1:", 0.5, marks=pytest.mark.drill, id="half a second later"),
        pytest.param("Serving at", 0.0, marks=pytest.mark.drill, id="while it serves"),
    ],
)
def test_a_second_ctrl_c_ends_everything_at_once_without_a_traceback(
    word: str, pause_s: float, headcount: Headcount, demo_library: Path
) -> None:
    process = headcount.start("--root", str(demo_library), "--keep")
    said = read_until(headcount, word)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    time.sleep(pause_s)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=PATIENT_S)[0]
    assert process.returncode in ({130} if word == "Session 1:" else {130, 0}), said
    assert "Traceback" not in said
    wait_until(
        lambda: not [c for c in children if c.is_running() and c.status() != "zombie"],
        "what it had started ends",
    )
    wait_until(lambda: not is_embedded_running(headcount.data_dir), "the database ends")


def test_ctrl_c_before_anything_is_there_says_nothing(
    headcount: Headcount, demo_library: Path
) -> None:
    process = headcount.start("--root", str(demo_library))
    wait_until(lambda: (headcount.data_dir / "postgres").exists(), "it begins")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENT_S)[0]
    assert process.returncode in (130, -signal.SIGINT), said
    assert "Traceback" not in said
    wait_until(lambda: not is_embedded_running(headcount.data_dir), "the database ends")
