"""Ends a command whose local Ray has lost its raylet, because Ray would let it wait forever."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from jobs.running.command import FAILED, say

NAME = "raylet"
LOOK_INTERVAL_S = 1.0


@contextmanager
def raylet_watched(folder: Path, *, end: Callable[[], object]) -> Iterator[None]:
    """While the block runs, call `end` and end this process if its raylet dies.

    The raylet starts all other processes of a node, and none of them outlives it. Finished photos
    are in the database, so the next run continues as after a killed command. `folder` has the logs.
    """
    raylets = [one for one in psutil.Process().children(recursive=True) if one.name() == NAME]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_INTERVAL_S):
            if (not raylets or any(map(has_ended, raylets))) and not over.is_set():
                say(
                    "Ray ended on this machine, so this command ends too. Finished photos are "
                    f"kept, and the next run continues from there. Ray's logs are in {folder}."
                )
                end()
                sys.stdout.flush()
                os._exit(FAILED)

    threading.Thread(target=watch, name="raylet-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended; a zombie, which was not reaped yet, has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
