"""The types of settings that are written as text: lists, paths, origins."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

_BETWEEN_ROOTS = re.compile(r":(?=$|/(?!/)|~|\.|[A-Za-z][\w+.-]*://)")
"""A colon before a path or a URL, but not the colon of a scheme, a port or a password."""


def split_roots(value: object) -> object:
    """Split HEADCOUNT_ALLOWED_ROOTS, in which colons separate folders and URLs, as in PATH."""
    parts = _BETWEEN_ROOTS.split(value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return [os.path.expanduser(part) for part in parts if part]


def split_list(value: object) -> object:
    """Split a list whose elements are separated by commas."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def split_words(value: object) -> object:
    """Split URLs that are separated by spaces, because a URL may contain any other separator."""
    return value.split() if isinstance(value, str) else value


def expand_home(value: object) -> object:
    """Replace a leading ~ of a path."""
    return os.path.expanduser(value) if isinstance(value, str | Path) else value


ExpandedPath = Annotated[Path, BeforeValidator(expand_home)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/*]+$")]
