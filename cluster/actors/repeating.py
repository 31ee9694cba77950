"""Calls a method of an actor again and again, from a thread beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def repeat(call: Callable[[], object], *, interval_s: float) -> None:
    """Start a thread that makes `call` every `interval_s` seconds until the process ends."""
    threading.Thread(
        target=_call_for_ever, args=(call, interval_s), name="repeat", daemon=True
    ).start()


def _call_for_ever(call: Callable[[], object], interval_s: float) -> None:
    while True:
        time.sleep(interval_s)
        call()
