"""Addresses for users to open in a browser."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def page_link(url: str, token: str | None) -> str:
    """Return the address of the page at `url`, with the token after `#`.

    Browsers do not send that part of an address, so no server and no proxy logs the token. The page
    removes it from the address when it opens (serve/web/token.js). Without a token, the address is
    `url` itself.
    """
    if token is None:
        return url
    place = url if urlsplit(url).path else f"{url}/"
    return f"{place}#token={quote(token, safe='')}"
