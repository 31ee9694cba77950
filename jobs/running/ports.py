"""Checks that the port of the HTTP application is free, and waits while a killed run uses it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from cluster.core.errors import BadSetting

LEFTOVERS_S = 15.0
POLL_S = 0.2


def wait_for_port(
    host: str,
    port: int,
    *,
    has_leftovers: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the port is free; raise BadSetting when another process listens there.

    `has_leftovers` tells whether a run was killed; its child processes may still listen for some
    seconds.
    """
    deadline = clock() + LEFTOVERS_S
    while has_leftovers() and clock() < deadline:
        with suppress(BadSetting):
            return check_port(host, port)
        sleep(POLL_S)
    check_port(host, port)


def check_port(host: str, port: int) -> None:
    """Raise BadSetting when another process listens on this port, or it cannot be used."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            cure = "set HEADCOUNT_PORT to another port"
            raise BadSetting("port", f"{host}:{port} is not free ({error}); {cure}.") from error
