"""What a name says of a file or a folder. Where it says nothing, the content decides
(cluster/vision/sources/file_kinds.py).
"""

from __future__ import annotations

import os

from cluster.core.formats import FORMATS
from cluster.core.passed_over import PassedOverKind

READ_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.is_read))
"""The suffixes of what Headcount reads."""

PHOTO_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.kind is None))
"""With those of other pictures: they become failed items that say so, and are not passed over."""

_KINDS = {suffix: row.kind for row in FORMATS for suffix in row.suffixes if row.kind is not None}

_PROGRAM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "recycler",
        "system volume information",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "@eadir",
        "@sharebin",
        "@tmp",
        "__macosx",
    }
)
"""Bins, snapshots and thumbnails: what Windows, macOS and network disks keep for themselves."""

_PROGRAM_SUFFIXES = (".lrdata", ".lrcat-data")
_LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")
_OF_LIBRARIES = frozenset(
    {"resources", "thumbnails", "previews", "ipod photo cache", "data.noindex"}
    | {"database", "private", "scopes"}
)
"""Copies that a program made of its originals, and its own files, within a library of Apple's."""

NO_MEDIA = ".nomedia"
"""A file of this name marks a folder whose pictures are no photos (Android)."""


def is_photo_name(name: str) -> bool:
    """Tell whether the suffix is that of a picture."""
    return _suffix(name) in PHOTO_SUFFIXES


def find_kind_of_name(name: str) -> PassedOverKind | None:
    """Return what the suffix says that a file is, if it is no picture; None when it is one, or
    when the suffix says nothing.
    """
    return _KINDS.get(_suffix(name))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden by its name."""
    return name.startswith(".")


def find_kind_of_folder(name: str, *, parent: str) -> PassedOverKind | None:
    """Return why a folder is nobody's photos by its name, in any case; `parent` is the name of
    the folder that it lies in. None for one that is walked.
    """
    if is_hidden(name):
        return PassedOverKind.HIDDEN_FOLDER
    low = name.casefold()
    is_in_library = parent.casefold().endswith(_LIBRARIES) and low in _OF_LIBRARIES
    if low in _PROGRAM_FOLDERS or low.endswith(_PROGRAM_SUFFIXES) or is_in_library:
        return PassedOverKind.PROGRAM_FOLDER
    return None


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
