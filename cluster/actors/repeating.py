"""Calls a function at a fixed interval, from a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def repeat(call: Callable[[], object], *, interval_s: float) -> None:
    """Start a thread that makes `call` every `interval_s` seconds until the process ends."""
    threading.Thread(
        target=_call_forever, args=(call, interval_s), name="repeat", daemon=True
    ).start()


def _call_forever(call: Callable[[], object], interval_s: float) -> None:
    while True:
        time.sleep(interval_s)
        call()
