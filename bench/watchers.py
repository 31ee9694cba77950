"""Clients of one session, many in one process: they watch its events, one asks again and again.

    python -m bench.watchers --port N --session N --clients N --seconds N

Raw HTTP on asyncio, so that the clients take little of the machine that they measure. Ends with one
JSON object: `seen`, for each client the moments (monotonic seconds, the same for all processes) and
counts of the events that it got; `asked_s`, how long each answer of the progress route took;
`bytes` received.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time

CURRENT = re.compile(rb'"training":\{.*?"current":(\d+)')
ASK_INTERVAL_S = 0.05
CONNECTS_A_SECOND = 200
END_OF_EVENT = b"\n\n"


class Watcher(asyncio.Protocol):
    """One open stream of events."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.seen: list[tuple[float, int]] = []
        self.received = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the events."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Note the count of each event that is whole."""
        self.received += len(data)
        *events, self.rest = (self.rest + data).split(END_OF_EVENT)
        for event in events:
            if (found := CURRENT.search(event)) is not None:
                self.seen.append((time.monotonic(), int(found[1])))


def main() -> None:
    """Watch, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("port", "session", "clients"):
        parser.add_argument(f"--{option}", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--json", action="store_true", help="what it does anyway")
    print(json.dumps(asyncio.run(watch(parser.parse_args()))))


async def watch(options: argparse.Namespace) -> dict[str, object]:
    """Open the streams one after the other, watch for the time, and return what was seen."""
    path = f"/api/v1/training/{options.session}"
    events = _request(f"{path}/events", options.port)
    loop = asyncio.get_running_loop()
    watchers = []
    for _ in range(options.clients):
        _, watcher = await loop.create_connection(
            lambda: Watcher(events), "127.0.0.1", options.port
        )
        watchers.append(watcher)
        await asyncio.sleep(1 / CONNECTS_A_SECOND)
    started = time.monotonic()
    asked = await ask(_request(f"{path}/progress/unified", options.port), options)
    return {
        "from_s": started,
        "until_s": time.monotonic(),
        "seen": [watcher.seen for watcher in watchers],
        "asked_s": asked,
        "bytes": sum(watcher.received for watcher in watchers),
    }


async def ask(request: bytes, options: argparse.Namespace) -> list[float]:
    """Ask on one connection, again and again; return how long each answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
    took, end = [], time.monotonic() + options.seconds
    while time.monotonic() < end:
        started = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head, head
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None, head
        await reader.readexactly(int(length[1]))
        took.append(time.monotonic() - started)
        await asyncio.sleep(ASK_INTERVAL_S)
    writer.close()
    return took


def _request(path: str, port: int) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode()


if __name__ == "__main__":
    main()
