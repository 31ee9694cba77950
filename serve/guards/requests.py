"""What every request passes before a route sees it, and every answer on its way out.

Plain ASGI, so that streams pass through unbuffered.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.etags import MOST_DIGITS
from serve.problems import TokenMissing, problem_response

MAX_BODY_BYTES = 65_536
"""More than any JSON that a route here takes."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        # blob: is a picture that the page fetched itself, since an <img> sends no token.
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
    """Nothing from other hosts, no framing, no guessing of types; no other site may read.

    What a route does not allow to be kept, nobody keeps: it is about people.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and mark its answer."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_marked if scope["type"] == "http" else send)


class RequireToken:
    """Every path below /api wants the token, also one that does not exist."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self.app, self.expected = app, f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 unless the request carries the token; compared in constant time."""
        if scope["type"] == "http" and _is_api(scope) and not self._is_allowed(scope):
            error = TokenMissing("Send the API token as `Authorization: Bearer TOKEN`.")
            return await problem_response(error, path=scope["path"])(scope, receive, send)
        await self.app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        # The bytes as they came; starlette reads them as Latin-1.
        given = f"{scheme.lower()} {token.strip()}".encode("latin-1")
        return hmac.compare_digest(given, self.expected)


class LimitBody:
    """A request body larger than the limit is refused, announced or not.

    `limits` are those of paths that take more than JSON.
    """

    def __init__(self, app: ASGIApp, *, limits: Mapping[str, int]) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what arrives; raise 413 into the route that reads too much."""
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
    # Python refuses to read a number of thousands of digits.
    return announced.isdecimal() and (len(announced) > MOST_DIGITS or int(announced) > limit_bytes)


def _is_api(scope: Scope) -> bool:
    # Behind a prefix (Ray Serve's route_prefix, root_path) the router takes that off first.
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return any(p == "/api" or p.startswith("/api/") for p in (path, scope["path"]))
