"""Processes that work on photos run at a low priority, with all their threads."""

from __future__ import annotations

import subprocess
import sys

from cluster.priority import NICENESS
from tests.headcount import PROJECT_DIR

SCRIPT = """
import os, threading
from cluster.priority import work_in_background

done = threading.Event()
def start(): threading.Thread(target=done.wait, daemon=True).start()

start()
work_in_background()
start()
print(*(os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")))
"""


def test_each_thread_of_who_works_gives_way_those_to_come_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [str(NICENESS)] * 3
