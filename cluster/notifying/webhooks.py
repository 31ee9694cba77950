"""Posts a webhook over HTTP to an address that was checked; redirects are not followed."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from cluster.core.addresses import is_public
from cluster.core.notices import PRIVATE_HOST

TIMEOUT_S = 10.0
"""Seconds for each step: connecting, the TLS handshake, sending, and the header of the answer."""

Resolve = Callable[..., list[tuple[Any, ...]]]


class RefusedAddress(OSError):
    """The host of a URL is an address that is not public."""

    def __init__(self) -> None:
        super().__init__(PRIVATE_HOST)
        self.strerror = PRIVATE_HOST


def post_webhook(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allows_private: bool,
    resolve: Resolve = socket.getaddrinfo,
) -> str | None:
    """Post `body`. Returns None when the answer is 2xx, else the reason, without the URL.

    The host is resolved once. If one of its addresses is not public, no connection is made.
    Otherwise the connection goes to one of the checked addresses, so a later change of the name has
    no effect (DNS rebinding). The body of the answer is not read.
    """
    parts = urlsplit(url)
    try:
        addresses = _resolve(parts, resolve, allows_private=allows_private)
        connection = _connect(parts, addresses)
        try:
            connection.request("POST", _target(parts), body, {**headers, **_credentials(parts)})
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return describe_failure(error)
    if 300 <= status < 400:
        return f"it answered {status}; redirects are not followed"
    return None if 200 <= status < 300 else f"it answered {status}"


def find_refusal(url: str, *, resolve: Resolve = socket.getaddrinfo) -> str | None:
    """Return why a webhook must not go to a URL; None if it may, or if its host has no address
    now.
    """
    try:
        _resolve(urlsplit(url), resolve, allows_private=False)
    except RefusedAddress as error:
        return describe_failure(error)
    except OSError:
        return None
    return None


def describe_failure(error: Exception) -> str:
    """Return the reason of a failed connection, without the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate cannot be verified"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"the connection failed ({type(error).__name__})"


def _resolve(parts: SplitResult, resolve: Resolve, *, allows_private: bool) -> list[Any]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = resolve(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [(family, address) for family, _, _, _, address in found]
    if not allows_private and not all(is_public(str(one[0])) for _, one in addresses):
        raise RefusedAddress
    return addresses


def _connect(parts: SplitResult, addresses: list[Any]) -> http.client.HTTPConnection:
    """Return a connection whose socket is connected to one of `addresses`."""
    host, failure = parts.hostname or "", OSError("its host has no address")
    for family, address in addresses:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.settimeout(TIMEOUT_S)
        try:
            opened.connect(address)
        except OSError as error:
            opened.close()
            failure = error
            continue
        if parts.scheme == "https":
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=host)
        connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        connection.default_port = 443 if parts.scheme == "https" else 80
        connection.sock = opened
        return connection
    raise failure


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
