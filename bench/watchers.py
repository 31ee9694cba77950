"""Simulates many clients of one session in one process: event streams, and one that polls.

    python -m bench.watchers --port N --session N --clients N --seconds N

The clients use raw HTTP on asyncio, so that they take little CPU time from the server. The
output is one JSON object: `seen`, for each client the times (monotonic seconds, the same for all
processes) and counts of its events; `asked_s`, the seconds of each answer of the progress route;
`bytes`, the number of received bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time

CURRENT = re.compile(rb'"training":\{.*?"current":(\d+)')
ASK_INTERVAL_S = 0.05
CONNECTS_PER_S = 200
END_OF_EVENT = b"\n\n"


class Watcher(asyncio.Protocol):
    """One client with an open stream of events; `seen` has the time and count of each event."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.seen: list[tuple[float, int]] = []
        self.received = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request for the stream."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Record the time and count of each complete event."""
        self.received += len(data)
        *events, self.rest = (self.rest + data).split(END_OF_EVENT)
        for event in events:
            if (found := CURRENT.search(event)) is not None:
                self.seen.append((time.monotonic(), int(found[1])))


def main() -> None:
    """Run the clients and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("port", "session", "clients"):
        parser.add_argument(f"--{option}", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument(
        "--json", action="store_true", help="accepted, and ignored: the output is always JSON"
    )
    print(json.dumps(asyncio.run(watch(parser.parse_args()))))


async def watch(options: argparse.Namespace) -> dict[str, object]:
    """Open the streams one after the other, poll for `seconds`, and return the result."""
    path = f"/api/v1/training/{options.session}"
    events = _request(f"{path}/events", options.port)
    loop = asyncio.get_running_loop()
    watchers = []
    for _ in range(options.clients):
        _, watcher = await loop.create_connection(
            lambda: Watcher(events), "127.0.0.1", options.port
        )
        watchers.append(watcher)
        await asyncio.sleep(1 / CONNECTS_PER_S)
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
    """Poll the progress route on one connection; return the seconds of each answer."""
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
