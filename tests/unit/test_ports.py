"""The port of a killed run is waited for; a port of another program is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster.core.errors import BadSetting
from jobs.running.ports import LEFTOVERS_S, wait_for_port

HOST = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as listening:
        yield listening


def was_killed() -> bool:
    return True


@dataclass
class Pauses:
    """A clock that only sleeping moves; at `closes_at` the listener closes."""

    listener: socket.socket
    closes_at: float = float("inf")
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.closes_at:
            self.listener.close()


def test_what_a_killed_run_left_listening_is_waited_for(
    listener: socket.socket,
) -> None:
    pauses = Pauses(listener, closes_at=3.0)
    port = listener.getsockname()[1]
    wait_for_port(HOST, port, has_leftovers=was_killed, clock=pauses.clock, sleep=pauses.sleep)
    assert pauses.now == pytest.approx(3.0)


def test_whoever_goes_on_listening_is_told(listener: socket.socket) -> None:
    pauses = Pauses(listener)
    port = listener.getsockname()[1]
    with pytest.raises(BadSetting, match="is not free"):
        wait_for_port(HOST, port, has_leftovers=was_killed, clock=pauses.clock, sleep=pauses.sleep)
    assert pauses.now >= LEFTOVERS_S


def test_where_no_run_was_killed_nothing_is_waited_for(listener: socket.socket) -> None:
    with pytest.raises(BadSetting, match="is not free"):
        wait_for_port(HOST, listener.getsockname()[1], has_leftovers=lambda: False)
