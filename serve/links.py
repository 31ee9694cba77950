"""Addresses that a person opens in a browser."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def page_link(url: str, token: str | None) -> str:
    """Return the address of the page at `url` that needs nothing else: with the token after `#`.

    What stands there no browser sends, so no server and no proxy logs it; the page takes it
    out of the address when it opens (serve/web/token.js). Without a token it is `url` itself.
    """
    if token is None:
        return url
    place = url if urlsplit(url).path else f"{url}/"
    return f"{place}#token={quote(token, safe='')}"
