"""Refuses requests that pages of other sites send through a user's browser.

Any page that the user opens can send requests to a server on the loopback interface. The browser
hides the answers from other sites, unless a site points its own name at this address (DNS
rebinding). It does not stop the requests themselves, so they could change something. Sites in
`cors_origins` are allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.problems import OtherSite, UnknownHost, problem_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, in any route."""

_OWN_SITE = frozenset({"same-origin", "none"})


class CheckHost:
    """Refuses requests whose Host is not an address, localhost, or one of `names`."""

    def __init__(self, app: ASGIApp, *, names: Collection[str]) -> None:
        self.app, self.names = app, frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 if the request is for another host name."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        if host and not is_own_host(host, names=self.names):
            error = UnknownHost(
                "This is not a host name of this server. The setting allowed_hosts lists its names."
            )
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)


class RefuseOtherSites:
    """Refuses changes by pages of other sites, except those in `origins`."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self.app, self.origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a request that changes something and comes from another site."""
        changes = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if changes and is_from_elsewhere(Headers(scope=scope), origins=self.origins):
            error = OtherSite(
                "Changes by pages of other sites are refused, unless cors_origins lists the site."
            )
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)


def is_own_host(host: str, *, names: Collection[str]) -> bool:
    """Tell whether a Host header is that of this server.

    Every address is accepted, because DNS rebinding needs a name.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    is_localhost = name == "localhost" or name.endswith(".localhost")
    return is_localhost or name in names or _is_address(name)


def is_from_elsewhere(headers: Headers, *, origins: Collection[str]) -> bool:
    """Tell whether a browser sent the request for a page of another site.

    Browsers send Sec-Fetch-Site to https and to localhost. Without it, Origin is compared with
    Host. Programs send neither, and their requests are accepted.
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
