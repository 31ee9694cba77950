"""Ends a command whose local Ray has lost its raylet: Ray lets the command wait for ever."""

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
    """While the block runs, end this process, after `end`, when its raylet has died.

    The raylet is the process of a node that starts all others: none of them outlives it. What was
    finished is in the database, so this is no more than a killed command. `folder` has Ray's logs.
    """
    raylets = [one for one in psutil.Process().children(recursive=True) if one.name() == NAME]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_INTERVAL_S):
            if (not raylets or any(map(has_ended, raylets))) and not over.is_set():
                say(
                    "Ray ended on this machine, so this command ends too. What was finished is "
                    f"kept, and the next run goes on from there. Ray's logs are in {folder}."
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
    """Tell whether a process has ended, also when nobody has waited for it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
