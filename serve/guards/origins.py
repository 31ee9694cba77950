"""Who may speak to the server through somebody's browser: no site but its own, and those named.

A server on the loopback has no lock but this: every page that the user opens can send requests to
it. What they answer a browser hides from other sites, unless these point a name of their own at
this address (DNS rebinding); what they do is done.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.problems import OtherSite, UnknownHost, problem_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""No route does anything but answer on one of these."""

_OWN_SITE = frozenset({"same-origin", "none"})


class CheckHost:
    """The Host header is an address, localhost, or a name that this server is known by."""

    def __init__(self, app: ASGIApp, *, names: Collection[str]) -> None:
        self.app, self.names = app, frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to a request for a host of another name."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        if host and not is_own_host(host, names=self.names):
            error = UnknownHost(
                "This server is not known by that name; the setting allowed_hosts lists its names."
            )
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)


class RefuseOtherSites:
    """Nothing is changed for a page of another site, unless it is one of `origins`."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self.app, self.origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a request that changes something and comes from elsewhere."""
        changes = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if changes and is_from_elsewhere(Headers(scope=scope), origins=self.origins):
            error = OtherSite("A page of another site may not change anything here.")
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)


def is_own_host(host: str, *, names: Collection[str]) -> bool:
    """Tell whether a Host header is that of this server.

    An address always is: whoever rebinds a name comes under that name.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    is_localhost = name == "localhost" or name.endswith(".localhost")
    return is_localhost or name in names or _is_address(name)


def is_from_elsewhere(headers: Headers, *, origins: Collection[str]) -> bool:
    """Tell whether a browser says that the page of another site sent this.

    Sec-Fetch-Site is what today's browsers say to https and to localhost; else Origin is compared
    with Host. Programs send neither, and need no protection from themselves.
    """
    origin = headers.get("origin")
    if origin in origins:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in _OWN_SITE
    return origin is not None and _authority(origin) != headers.get("host", "").lower()


def _authority(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
