"""The names of the sidecars of a photo."""

from __future__ import annotations

import posixpath

from cluster.core.files.urls import file_name_of

SUFFIX = ".xmp"


def list_sidecars(path: str, *, is_url: bool) -> list[str]:
    """Return the places where a photo's sidecar may be, the surest first.

    digiKam and darktable append the suffix (photo.jpg.xmp), Lightroom replaces that of the photo
    (photo.xmp). `path` is a local path or a URL; fewer places are tried for a URL.
    """
    stem = path[: len(path) - len(posixpath.splitext(file_name_of(path))[1])]
    names = [path + SUFFIX] if stem == path else [path + SUFFIX, stem + SUFFIX]
    return names if is_url else [one for name in names for one in (name, _in_capitals(name))]


def find_stem(path: str) -> str:
    """Return a path without its suffix; photos with equal stems share a sidecar."""
    return posixpath.splitext(path)[0]


def name_mirrors(roots: list[str]) -> dict[str, str]:
    """Return a folder name for each root, from its last part; equal names get a number."""
    names: dict[str, str] = {}
    for root in sorted(roots):
        last = root.rstrip("/").rpartition("/")[2] or "library"
        name, number = last, 1
        while name in names.values():
            number += 1
            name = f"{last}-{number}"
        names[root] = name
    return names


def _in_capitals(name: str) -> str:
    return name[: -len(SUFFIX)] + SUFFIX.upper()
