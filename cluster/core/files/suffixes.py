"""Classifies files and folders by their names.

If the name is not enough, the content decides (cluster/vision/sources/file_kinds.py).
"""

from __future__ import annotations

import os

from cluster.core.files.formats import FORMATS
from cluster.core.files.passed_over import PassedOverKind

READ_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.readers))
"""The suffixes of the formats that Headcount reads, without those of raw photos."""

RAW_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.is_raw))
"""The suffixes of the raw photos of cameras."""

PHOTO_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.kind is None))
"""The suffixes of all pictures. A picture that is not read becomes a failed item with the reason,
and is not passed over."""

FILM_SUFFIXES = frozenset().union(*(row.suffixes for row in FORMATS if row.demuxer))
"""The suffixes of the films that Headcount reads."""

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
"""Folders of Windows, macOS and network disks for bins, snapshots and thumbnails."""

_PROGRAM_SUFFIXES = (".lrdata", ".lrcat-data")
_LIBRARIES = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")
_OF_LIBRARIES = frozenset(
    {"resources", "thumbnails", "previews", "ipod photo cache", "data.noindex"}
    | {"database", "private", "scopes"}
)
"""Folders within a library of Apple's for the program's own files and its copies of photos."""

NO_MEDIA = ".nomedia"
"""A file of this name marks a folder whose pictures are not photos (Android)."""


def is_photo_name(name: str) -> bool:
    """Tell whether the file name has the suffix of a picture."""
    return _suffix(name) in PHOTO_SUFFIXES


def is_raw_name(name: str) -> bool:
    """Tell whether the file name has the suffix of a camera's raw photo."""
    return _suffix(name) in RAW_SUFFIXES


def is_film_name(name: str) -> bool:
    """Tell whether the file name, or a path, has the suffix of a film that is read."""
    return _suffix(name) in FILM_SUFFIXES


def find_kind_of_name(name: str) -> PassedOverKind | None:
    """Return why a file is passed over by its suffix; None for a picture or an unknown suffix."""
    return _KINDS.get(_suffix(name))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden: its name begins with a dot."""
    return name.startswith(".")


def find_kind_of_folder(name: str, *, parent: str) -> PassedOverKind | None:
    """Return why a folder is passed over by its name; None when it is walked.

    `parent` is the name of the folder above. Upper and lower case count as equal.
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
