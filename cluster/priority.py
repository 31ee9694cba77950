"""Photos are worked on in the background: whoever watches and whoever uses the machine go first.

Ray starts all its workers at a low priority; then a page that asks how far a session is waits in
one queue with what it asks about. Headcount's own Ray starts them at the usual one, and those that
work on photos lower theirs.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from pathlib import Path

NICENESS = 15
"""As Ray starts its workers."""

_THREADS = Path("/proc/self/task")


@functools.cache
def work_in_background() -> None:
    """Lower the priority of this process, all threads of it; once is enough.

    Linux knows a priority of each thread, and a new thread takes that of the one that starts it;
    elsewhere there is one for the process.
    """
    threads = [int(entry.name) for entry in _THREADS.iterdir()] if _THREADS.is_dir() else [0]
    for thread in threads:
        with suppress(ProcessLookupError):  # It has ended meanwhile.
            lowered = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, lowered)
