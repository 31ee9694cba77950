"""Brings URLs of photo libraries into one normal form, and tells whether one lies below another.

Access is decided by comparing URLs, but a server or a driver may read a URL differently: `%2e%2e`
is `..`, and `HOST:80` is `host`. Therefore a root is used, stored and compared in one unambiguous
form, and a URL without such a form is refused.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from cluster.core.errors import BadRoot
from cluster.core.files.passed_over import PassedOverKind

MAX_URL_CHARACTERS = 4096
"""Also the limit for a root over HTTP; no key in an object store is longer."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNRESERVED = re.compile(r"%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AS_WRITTEN = "%/:@!$&'()*+,;=~"
_CHAIN = re.compile(r"::[A-Za-z0-9+.-]+:(/|$)")
"""A `::` that other readers of URLs could take for a chain of file systems."""

_SEPARATORS = re.compile(r"[/\\]")
_MOST_DECODINGS = 5
_SECRET = (
    "the URL contains a password or token, which would be stored and shown. Leave it out, and give "
    "it to the driver: set FSSPEC_{scheme}_... (fsspec's documentation, Configuration), or AWS_... "
    "for s3, in the environment of Headcount."
)


def normalise_url(url: str) -> str:
    """Return `url` in its normal form; raise BadRoot when it has none.

    The error shows no password. The scheme is in lower case, and slashes at the end are removed.
    For http and https, the host is in lower case too, the default port is left out, and only the
    necessary percent-encodings stay (RFC 3986, 6.2.2). Names in other stores are literal and do not
    change.
    """
    scheme, _, rest = url.partition("://")
    _refuse_secrets(url, scheme.lower(), rest)
    if "::" in url:
        raise BadRoot(url, "a chain of file systems (::) cannot be read; name the folder itself.")
    return _normalise(url)


def _normalise(url: str) -> str:
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    _refuse_secrets(url, scheme, rest)
    if len(url) > MAX_URL_CHARACTERS or not _is_text(url):
        raise BadRoot(url[:80], "the URL is too long, or contains control characters.")
    if _climbs(rest):
        raise BadRoot(url, "write the URL without `.` and `..` segments, encoded or not.")
    if scheme in _DEFAULT_PORTS:
        rest = _normalise_web(url, scheme, rest)
    return f"{scheme}://{rest}".rstrip("/") if rest.strip("/") else f"{scheme}://"


def is_below(place: str, root: str) -> bool:
    """Tell whether a URL or a driver's path is `root` or lies below it, segment by segment.

    Both are in normal form. `s3://photos2` is not below `s3://photos`.
    """
    top = root.rstrip("/").split("/")
    return top == [""] or place.rstrip("/").split("/")[: len(top)] == top


def find_place(name: str, *, top: str) -> str | None:
    """Return the place of a file or folder that a driver calls `name`, in normal form.

    None when it is not below `top`, can be read in two ways, or cannot be stored. `name` and `top`
    are URLs for the web, and paths for all other stores; `top` is in normal form.
    """
    place = _find_normal(name)
    return place if place is not None and is_below(place, top) else None


def find_fault(name: str) -> PassedOverKind:
    """Return why `find_place` returned None for a driver's name."""
    if len(name) > MAX_URL_CHARACTERS:
        return PassedOverKind.PATH_TOO_LONG
    return PassedOverKind.NAME_REFUSED if _find_normal(name) is None else PassedOverKind.OUTSIDE


def file_name_of(place: str) -> str:
    """Return the last segment of a place as a file name, without percent-encoding."""
    name = place.rstrip("/").rpartition("/")[2]
    return unquote(name) if _is_web(place) else name


def leaves_folder(name: str, folder: str) -> bool:
    """Tell whether a driver's name is another place than the listed folder itself.

    A listing may name its own folder, for example a web page that links to itself in another order.
    """
    bare = re.split(r"[?#]", name, maxsplit=1)[0] if _is_web(name) else name
    return bare.rstrip("/") != folder.rstrip("/")


def _find_normal(name: str) -> str | None:
    try:
        place = _normalise(name) if _is_web(name) else name
    except BadRoot:
        return None
    is_plain = not _CHAIN.search(name) and _is_text(name) and not _climbs(_path_of(name))
    return place if is_plain and len(name) <= MAX_URL_CHARACTERS else None


def normalise_place(name: str) -> str:
    """Return a driver's name of a root in its normal form; raise BadRoot when it has none."""
    return normalise_url(name) if _is_web(name) else name.rstrip("/")


def leads_to_itself(url: str, target: str) -> bool:
    """Tell whether a redirect from `url` to `target` leads to the same place.

    Only a slash at the end, or https instead of http, may differ.
    """
    try:
        before, after = normalise_url(url), normalise_url(target)
    except BadRoot:
        return False
    is_the_same = after == before
    return is_the_same or after == before.replace("http://", "https://", 1)


def _is_web(name: str) -> bool:
    return name.partition("://")[0].lower() in _DEFAULT_PORTS


def _path_of(name: str) -> str:
    return name.partition("://")[2] or name


def _normalise_web(url: str, scheme: str, rest: str) -> str:
    if re.search(r"[?#]", rest):
        raise BadRoot(url, "write the URL of the folder without `?`, `#` and what follows them.")
    authority, slash, path = rest.partition("/")
    encoded = _NOT_ENCODED.sub("%25", path)
    encoded = _UNRESERVED.sub(lambda found: unquote(found.group()), encoded)
    encoded = quote(encoded, safe=_AS_WRITTEN)
    upper = re.sub(r"%[0-9a-f]{2}", lambda found: found.group().upper(), encoded, flags=re.I)
    return _normalise_host(url, scheme, authority) + slash + upper


def _normalise_host(url: str, scheme: str, authority: str) -> str:
    try:
        parts = urlsplit(f"//{authority}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or re.search(r"[\\%\s]", authority):
        raise BadRoot(url, "there is no such host.")
    named = f"[{host}]" if ":" in host else host
    return named if port in (None, _DEFAULT_PORTS[scheme]) else f"{named}:{port}"


def _refuse_secrets(url: str, scheme: str, rest: str) -> None:
    """Raise BadRoot for a URL with a password, or with a web user name, which may be a token."""
    user, at, _ = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")
    if at and (":" in user or scheme in _DEFAULT_PORTS):
        shown = url.replace(f"{user}@", "***@", 1)
        raise BadRoot(shown, _SECRET.format(scheme=scheme.upper()))


def _climbs(path: str) -> bool:
    """Tell whether any reader could take a segment for `.` or `..`.

    A reader may decode the path again, accept another separator, or split segments at each `;`.
    """
    for _ in range(_MOST_DECODINGS):
        parts = (part for s in _SEPARATORS.split(path) for part in s.split(";"))
        segments = (part.strip() for part in parts)
        if any(segment in (".", "..") for segment in segments):
            return True
        path, before = unquote(path, errors="replace"), path
        if path == before:
            return False
    return True


def _is_text(text: str) -> bool:
    decoded = unquote(text, errors="replace")
    return not any(ord(c) < 32 or c == "\x7f" or 0xD800 <= ord(c) < 0xE000 for c in text + decoded)
