"""Waiting for other processes and threads, however slow or busy the machine is.

The deadline only ends a hang. It never decides whether a test passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENT_S = 1200.0
"""A hundred times as long as anything takes on a quiet machine. pytest's own limit is longer."""

POLL_S = 0.05

PATIENT_RAY = {
    "RAY_worker_register_timeout_seconds": f"{PATIENT_S:.0f}",
    "RAY_agent_register_timeout_ms": f"{1000 * PATIENT_S:.0f}",
    "RAY_JOB_STOP_WAIT_TIME_S": f"{PATIENT_S:.0f}",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": f"{PATIENT_S:.0f}",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": f"{PATIENT_S:.0f}",
}
"""How long the processes of Ray wait for each other, and for a job that stops. By default, Serve's
controller kills an HTTP proxy that has not started within five seconds."""


def wait_until(holds: Callable[[], T], what: str, *, every_s: float = POLL_S) -> T:
    """Return the first true result of `holds`; `what` names the awaited state in the error."""
    deadline = time.monotonic() + PATIENT_S
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {PATIENT_S:.0f} seconds: {what} (now: {found!r})")
        time.sleep(every_s)
    return found


def comes_true(holds: Callable[[], object], *, every_s: float = POLL_S) -> bool:
    """Tell whether `holds` becomes true in the end."""
    try:
        wait_until(holds, "", every_s=every_s)
    except AssertionError:
        return False
    return True
