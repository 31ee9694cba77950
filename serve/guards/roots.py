"""Checks that a root may be indexed over HTTP: it must be below an allowed root, links resolved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cluster.core.errors import BadRoot, RootNotAllowed
from cluster.core.files.paths import is_url, text_to_path
from cluster.core.files.urls import is_below, normalise_url


def resolve_root(root: str, *, allowed_roots: Sequence[str]) -> str:
    """Return `root` as it will be walked: a URL in normal form, a local path absolute and resolved.

    Raises RootNotAllowed if it is outside `allowed_roots`. This is checked before the folder's
    existence, so that a client cannot find out which folders exist.
    """
    if is_url(root):
        return _allow_url(root, allowed_roots=allowed_roots)
    path = text_to_path(root)
    if "\0" in path:
        raise RootNotAllowed(root, "a path cannot contain a zero byte.")
    if not os.path.isabs(path):
        raise RootNotAllowed(root, "give the absolute path of a folder, or a URL.")
    resolved = os.path.realpath(path)
    if not any(Path(resolved).is_relative_to(folder) for folder in allowed_folders(allowed_roots)):
        raise RootNotAllowed(root, "it is outside the folders that may be indexed over HTTP.")
    return resolved


def allowed_folders(allowed_roots: Sequence[str]) -> list[Path]:
    """Return the allowed roots that are folders, resolved. Links may not lead out of them."""
    local = (root for root in allowed_roots if not is_url(root))
    return [Path(os.path.realpath(text_to_path(root))) for root in local]


def _allow_url(url: str, *, allowed_roots: Sequence[str]) -> str:
    try:
        wanted = normalise_url(url)
    except BadRoot as error:
        raise RootNotAllowed(error.root, error.reason) from None
    listed = [_normalise_listed(root) for root in allowed_roots if is_url(root)]
    if any(root is not None and is_below(wanted, root) for root in listed):
        return wanted
    raise RootNotAllowed(url, "it is not below a URL that may be indexed over HTTP.")


def _normalise_listed(root: str) -> str | None:
    """Return the normal form of an allowed URL; None if it is invalid, so it allows nothing."""
    try:
        return normalise_url(root)
    except BadRoot:
        return None
