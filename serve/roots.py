"""Which roots may be indexed over HTTP: those below the configured ones, links resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cluster.core.errors import RootNotAllowed
from cluster.core.paths import is_url, text_to_path


def resolve_root(root: str, *, allowed_roots: Sequence[str]) -> str:
    """Return `root` as it will be walked: a URL as it is, a local path absolute and resolved.

    Raise RootNotAllowed when it lies outside `allowed_roots`. Whether it exists is not asked
    before that, so that nobody can feel their way through the disk.
    """
    if is_url(root):
        return _allow_url(root, allowed_roots=allowed_roots)
    path = text_to_path(root)
    if "\0" in path:
        raise RootNotAllowed(root, "no path has a zero byte.")
    if not os.path.isabs(path):
        raise RootNotAllowed(root, "name a folder by its absolute path, or a URL.")
    resolved = os.path.realpath(path)
    if not any(Path(resolved).is_relative_to(folder) for folder in allowed_folders(allowed_roots)):
        raise RootNotAllowed(root, "this lies outside the folders that may be indexed over HTTP.")
    return resolved


def allowed_folders(allowed_roots: Sequence[str]) -> list[Path]:
    """Return the allowed roots that are folders, resolved: links may not leave these."""
    local = (root for root in allowed_roots if not is_url(root))
    return [Path(os.path.realpath(text_to_path(root))) for root in local]


def _allow_url(url: str, *, allowed_roots: Sequence[str]) -> str:
    # "a::b" chains file systems and ".." climbs: either could lead out of an allowed prefix.
    is_plain = "::" not in url and ".." not in url.split("/")
    prefixes = (root.rstrip("/") for root in allowed_roots if is_url(root))
    if is_plain and any(url == p or url.startswith(p + "/") for p in prefixes):
        return url.rstrip("/")
    raise RootNotAllowed(url, "this URL is not below one that may be indexed over HTTP.")
