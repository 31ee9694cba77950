"""File names as text that PostgreSQL and JSON can hold, without loss.

POSIX file names are bytes. Python decodes bytes that are not UTF-8 to lone surrogates (PEP 383),
which no UTF-8 column accepts. Such a path is stored as its percent-encoded file:// URL.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes, urlsplit

_FILE_URL = "file://"

MAX_PATH_CHARACTERS = 20_000
"""More than a percent-encoded path of 4,096 bytes, Linux's limit, can have."""


def path_to_text(path: str) -> str:
    """Return `path` itself when it is valid UTF-8, else its file:// URL."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return _FILE_URL + quote_from_bytes(os.fsencode(path))
    return path


def text_to_path(text: str) -> str:
    """Return the path from which `path_to_text` made the text."""
    if text.startswith(_FILE_URL):
        return os.fsdecode(unquote_to_bytes(text[len(_FILE_URL) :]))
    return text


def hash_path(path: str) -> bytes:
    """Return the SHA-256 of a path's UTF-8, 32 bytes; the database finds files by it."""
    return hashlib.sha256(path.encode()).digest()


def is_url(path: str) -> bool:
    """Tell whether a path is a URL that fsspec opens (s3://, memory://); a file:// URL is not."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme.isidentifier() and scheme != "file"


def path_of_file_url(path: str) -> str:
    """Return the path that a file:// URL names; other text stays as it is."""
    return unquote(urlsplit(path).path) if path.startswith("file://") else path


def decoded_folder(data_dir: Path, session_id: int) -> Path:
    """Return the folder that holds the decoded photos of a session while it runs."""
    return data_dir / "decoded" / f"session-{session_id}"
