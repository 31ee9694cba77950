"""A wire between a browser and a server, which can be cut and mended."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.headcount import find_free_port

CHUNK = 65_536


@dataclass
class Wire:
    """Passes on what arrives at `port` to `target_port`, both on the loopback address."""

    target_port: int
    port: int = field(default_factory=find_free_port)
    listener: socket.socket | None = None
    ends: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the server seems to be."""
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Take connections, until it is cut."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        assert self.listener is not None
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.ends:
            _close(end)
        self.ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target_port))
                self.ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=[source, target], daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    _close(target)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def lay_wire(target_port: int) -> Iterator[Wire]:
    """Give a wire that is whole; it is cut at the end."""
    wire = Wire(target_port)
    wire.mend()
    yield wire
    wire.cut()
