"""Lowers the priority of processes that work on photos, so that requests and users go first.

By default, Ray starts all workers at a low priority. Then a page that asks for progress competes
with the very work that it asks about. Headcount's own Ray starts workers at normal priority, and
the workers that process photos lower theirs.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from pathlib import Path

NICENESS = 15
"""The niceness at which Ray starts its workers by default."""

_THREADS = Path("/proc/self/task")


@functools.cache
def work_in_background() -> None:
    """Lower the priority of this process with all its threads; further calls do nothing.

    On Linux each thread has a priority, and a new thread inherits that of its creator. Other
    systems have one priority for the process.
    """
    threads = [int(entry.name) for entry in _THREADS.iterdir()] if _THREADS.is_dir() else [0]
    for thread in threads:
        with suppress(ProcessLookupError):  # The thread has ended in the meantime.
            lowered = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, lowered)
