"""Sends text through Apprise, and can refuse connections to private addresses."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any
from urllib.parse import unquote

from cluster.core.addresses import is_public
from cluster.core.notices import PRIVATE_HOST

NOT_KNOWN = "Apprise does not know this kind of URL, or a part of it is missing"
NOT_SENT = "Apprise could not send it"

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_SHORTEST_SECRET = 3
_LONGEST_TOLD = 200


class ConnectionGuard:
    """Refuses every connection of this process to an address that is not public, until it ends.

    The guard is an audit hook of Python, so it sees the address of each connection, whichever
    library connects, after every redirect and name lookup. `has_refused` is true after a refusal,
    because libraries replace the guard's error with one of their own.
    """

    def __init__(self) -> None:
        self.has_refused = False
        sys.addaudithook(self._check)

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CONNECTING or arguments[1] is None:
            return
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
        if not isinstance(host, str) or not _is_public(host):
            self.has_refused = True
            raise PermissionError(PRIVATE_HOST)


def _is_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        return False


def send_text(url: str, title: str, text: str, *, guard: ConnectionGuard | None) -> str | None:
    """Send a text. Returns None when it was sent, else the reason, without any part of the URL."""
    channel = _open(url)
    if channel is None:
        return NOT_KNOWN
    lines = _Lines()
    logger = logging.getLogger("apprise")
    logger.addHandler(lines)
    logger.propagate = False
    if channel.notify(body=text, title=title):
        return None
    if guard is not None and guard.has_refused:
        return PRIVATE_HOST
    told = [redact(line, url) for line in lines.lines]
    return f"{NOT_SENT}: {told[-1][:_LONGEST_TOLD]}" if told else NOT_SENT


def find_fault(url: str) -> str | None:
    """Return why Apprise cannot use a URL; None when it can. Makes no connection."""
    return None if _open(url) is not None else NOT_KNOWN


def redact(line: str, url: str) -> str:
    """Return a line without any part of a URL except its scheme."""
    rest = url.partition("://")[2]
    parts = {part for text in (rest, unquote(rest)) for part in re.split(r"[^\w.~+-]+", text)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            line = line.replace(part, "***")
    return line


def _open(url: str) -> Any:
    """Return the channel of a URL, or None. It writes no file and follows no redirect."""
    import apprise  # noqa: PLC0415 (this process only, and only for such a channel)

    asset = apprise.AppriseAsset(
        app_id="Headcount",
        app_desc="Headcount",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        pem_autogen=False,
        pgp_autogen=False,
        allow_templates=False,
    )
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


class _Lines(logging.Handler):
    """Keeps the warnings that Apprise logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
