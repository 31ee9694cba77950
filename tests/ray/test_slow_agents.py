"""A Ray of ours comes up on a machine where its agents' processes take long to start."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import psutil
import pytest

from tests.headcount import Headcount

pytestmark = pytest.mark.long

RAYLET_WAITS_S = 15.0
"""How long a raylet waits for the port of an agent, if it must; then it ends, and Ray with it."""

MARK = "dashboard/agent.py"


@pytest.mark.drill
def test_ray_starts_while_the_agents_of_its_raylet_stand_still(
    demo_library: Path, tmp_path: Path
) -> None:
    run = Headcount(tmp_path / "data")
    process = run.start("--root", str(demo_library))
    assert process.stdout is not None
    said = list[str]()
    reader = threading.Thread(target=read_all, args=(process.stdout, said))
    reader.start()
    try:
        held = hold_agent(psutil.Process(process.pid))
        time.sleep(2 * RAYLET_WAITS_S)
        with suppress(psutil.NoSuchProcess):  # On a fast machine, the run has ended by now.
            held.send_signal(signal.SIGCONT)
        process.wait()
    finally:
        run.kill()
        reader.join()
    assert process.returncode == 0, said
    assert not [line for line in said if "Trying again" in line]


def hold_agent(driver: psutil.Process) -> psutil.Process:
    """Stop the raylet's agent as soon as it exists; return it."""
    while driver.is_running():
        for process in driver.children(recursive=True):
            try:
                if MARK in " ".join(process.cmdline()) and "raylet" not in process.name():
                    process.suspend()
                    return process
            except psutil.NoSuchProcess:
                continue
    raise AssertionError("the run ended before its agent began")


def read_all(output: TextIO, said: list[str]) -> None:
    """Keep the lines of a process until it ends."""
    said.extend(output)
