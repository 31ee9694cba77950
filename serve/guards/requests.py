"""Middleware for all requests: security headers, the token, and the size of bodies.

It is plain ASGI, so that streams are not buffered.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.etags import MOST_DIGITS
from serve.guards.film_tickets import has_ticket
from serve.problems import TokenMissing, problem_response

MAX_BODY_BYTES = 65_536
"""The limit for JSON bodies, more than any route needs."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        # blob: is for pictures that the page fetches itself, because an <img> sends no token.
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class AddSecurityHeaders:
    """Adds headers that forbid content of other hosts, framing, type sniffing and cross-site reads.

    Answers contain personal data, so they must not be stored unless a route allows it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its answer."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_marked if scope["type"] == "http" else send)


class RequireToken:
    """Requires the token for every path below /api, including paths that do not exist.

    A ticket for a film replaces it for that film (serve/guards/film_tickets.py).
    """

    def __init__(self, app: ASGIApp, *, token: str, now: Callable[[], datetime]) -> None:
        self.app, self.expected = app, f"bearer {token}".encode()
        self.token, self.now = token, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 unless the request carries the token, which is compared in constant time."""
        if scope["type"] == "http" and _is_api(scope) and not self._is_allowed(scope):
            error = TokenMissing("Send the API token as `Authorization: Bearer TOKEN`.")
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        # These are the bytes as received, because Starlette decodes headers as Latin-1.
        given = f"{scheme.lower()} {token.strip()}".encode("latin-1")
        return hmac.compare_digest(given, self.expected) or self._has_ticket(scope)

    def _has_ticket(self, scope: Scope) -> bool:
        path, query = _api_path(scope), scope.get("query_string", b"")
        reads = scope["method"] in ("GET", "HEAD")
        return reads and has_ticket(path, query, token=self.token, now=self.now())


class LimitBody:
    """Refuses request bodies above a limit, with or without Content-Length.

    `limits` are in bytes, by path; other paths have MAX_BODY_BYTES.
    """

    def __init__(self, app: ASGIApp, *, limits: Mapping[str, int]) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 if Content-Length is above the limit, or raise 413 when the body is."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit_bytes = self.limits.get(scope["path"], MAX_BODY_BYTES)
        announced = Headers(scope=scope).get("content-length", "0")
        if _is_above(announced, limit_bytes):
            answer = problem_response(_too_large(limit_bytes), path=scope["path"])
            return await answer(scope, receive, send)
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit_bytes:
                raise _too_large(limit_bytes)
            return message

        await self.app(scope, receive_counted, send)


def _too_large(limit_bytes: int) -> HTTPException:
    return HTTPException(413, f"A request body may have at most {limit_bytes:,} bytes.")


def _is_above(announced: str, limit_bytes: int) -> bool:
    # int() raises ValueError above 4,300 digits.
    return announced.isdecimal() and (len(announced) > MOST_DIGITS or int(announced) > limit_bytes)


def _is_api(scope: Scope) -> bool:
    # The router removes a prefix (Ray Serve's route_prefix, root_path) before it matches.
    paths = (_api_path(scope), scope["path"])
    return any(p == "/api" or p.startswith("/api/") for p in paths)


def _api_path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
