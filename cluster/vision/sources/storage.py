"""Lists and reads photos behind fsspec URLs.

Some drivers raise errors that are not OSErrors, for example botocore's; this module converts all of
them to OSErrors. http:// and https:// have a driver of our own
(cluster/vision/sources/web_storage.py), which refuses redirects to other places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from cluster.core.files.passed_over import PassedOver, PassedOverKind
from cluster.core.files.suffixes import (
    NO_MEDIA,
    find_kind_of_folder,
    find_kind_of_name,
    is_film_name,
    is_hidden,
    is_photo_name,
)
from cluster.core.files.urls import (
    file_name_of,
    find_fault,
    find_place,
    leaves_folder,
    normalise_place,
)
from cluster.vision.sources.file_kinds import find_film_format, find_kind
from cluster.vision.sources.headers import HEAD_BYTES

# Registered by name, because importing aiohttp takes a third of a second, and local files do not
# need it.
for _scheme in ("http", "https"):
    fsspec.register_implementation(
        _scheme, "cluster.vision.sources.web_storage.WebFileSystem", clobber=True
    )


class StorageError(OSError):
    """An error of a driver; the message contains the name of the driver's exception."""


class LeadsElsewhere(StorageError):
    """The server redirects this URL to another place."""


def is_there(url: str) -> bool:
    """Tell whether the URL exists, or anything below it."""
    with as_os_errors():
        filesystem, path = find_driver(url)
        return bool(filesystem.exists(path))


def walk_url(
    root: str,
    *,
    on_entry: Callable[[], None],
    passed_over: PassedOver,
    takes_films: bool = True,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the URL and the properties of every photo below `root`; count everything else.

    With `takes_films` false, films are passed over.

    Entries outside `root` are not followed: links upwards or to another server, symbolic links, and
    keys that contain `..`. A folder that is gone or may not be read is passed over. If the store
    fails, the walk fails. If the name of a file does not tell its kind, its first bytes are
    requested. `on_entry` is called for each folder and each of these requests.
    """
    with as_os_errors():
        filesystem, start = find_driver(root)
        walk = _UrlWalk(filesystem, normalise_place(start), on_entry, passed_over, takes_films)
        waiting = [start]
        # fsspec's own walk is not used, because it ignores all errors below the first folder.
        while waiting:
            on_entry()
            folder = waiting.pop()
            for info in walk.list_folder(folder):
                if not walk.follow(info, folder):
                    continue
                name = info["name"].rstrip("/")
                if info["type"] == "directory":
                    waiting.append(name)
                elif walk.take(name):
                    yield name_place(filesystem, name), info


@dataclass
class _UrlWalk:
    """One walk through a store, below the place `top`."""

    filesystem: Any
    top: str
    on_entry: Callable[[], None]
    passed_over: PassedOver
    takes_films: bool

    def __post_init__(self) -> None:
        self._entered = {self.top}

    def list_folder(self, folder: str) -> list[dict[str, Any]]:
        """Return the entries of a folder, sorted by name.

        Returns none if the folder cannot be listed, or if a file named NO_MEDIA marks it.
        """
        try:
            listed = self.filesystem.ls(folder, detail=True)
        except (FileNotFoundError, PermissionError, LeadsElsewhere):
            self._note_unlisted(folder, PassedOverKind.FOLDER_UNLISTED)
            return []
        # Drivers cache listings, which would grow to the size of the whole library.
        self.filesystem.invalidate_cache(folder)
        is_marked = any(file_name_of(info["name"]) == NO_MEDIA for info in listed)
        if is_marked and normalise_place(folder) != self.top:
            self.passed_over.note(PassedOverKind.MARKED_FOLDER)
            return []
        return sorted(listed, key=lambda info: str(info["name"]))

    def follow(self, info: Mapping[str, Any], folder: str) -> bool:
        """Decide whether to follow an entry, and count it if not; remember a followed folder.

        The folder's own entry is not followed.
        """
        name = info["name"].rstrip("/")
        if not leaves_folder(name, folder):
            return False
        place = find_place(name, top=self.top)
        kind = find_fault(name) if place is None else self._find_kind(info, place)
        if kind is not None:
            self.passed_over.note(kind)
        elif place is not None and info["type"] == "directory":
            self._entered.add(place)
        return kind is None

    def take(self, name: str) -> bool:
        """Decide by name or first bytes whether to take a file, and count it if not."""
        file_name = file_name_of(name)
        if is_photo_name(file_name) or (self.takes_films and is_film_name(file_name)):
            return True
        try:
            kind = find_kind_of_name(file_name) or self._find_kind_of_content(name)
        except (OSError, ValueError):  # If the whole store fails, its next listing raises an error.
            self._note_unlisted(name, PassedOverKind.FILE_UNREADABLE)
            return False
        if kind is not None:
            self.passed_over.note(kind)
        return kind is None

    def _find_kind(self, info: Mapping[str, Any], place: str) -> PassedOverKind | None:
        """Return why an entry is passed over, or None. A link is, because its target is unknown."""
        name = file_name_of(place)
        if info["type"] == "link" or info.get("islink"):
            return PassedOverKind.LINK_IN_STORE
        if info["type"] == "directory":
            if place in self._entered:
                return PassedOverKind.FOLDER_AGAIN
            return find_kind_of_folder(name, parent=file_name_of(place.rpartition("/")[0]))
        if info["type"] == "other":
            return PassedOverKind.SPECIAL
        return PassedOverKind.HIDDEN_FILE if is_hidden(name) else None

    def _find_kind_of_content(self, name: str) -> PassedOverKind | None:
        head = self._read_head(name)
        is_film = self.takes_films and find_film_format(head) is not None
        return None if is_film else find_kind(head)

    def _read_head(self, name: str) -> bytes:
        self.on_entry()
        # Without a cache, because drivers read five megabytes ahead.
        with as_os_errors(), self.filesystem.open(name, "rb", cache_type="none") as file:
            head: bytes = file.read(HEAD_BYTES)
        return head

    def _note_unlisted(self, name: str, kind: PassedOverKind) -> None:
        self.passed_over.note_unlisted(name_place(self.filesystem, name), kind)


def read_url(url: str, *, max_bytes: int) -> bytes:
    """Return the content of a file, at most `max_bytes` + 1 bytes of it."""
    with as_os_errors():
        filesystem, path = find_driver(url)
        with filesystem.open(path, "rb") as file:
            data: bytes = file.read(max_bytes + 1)
    return data


def find_driver(url: str) -> tuple[Any, str]:
    """Return the driver of a URL, and the path by which the driver knows it.

    fsspec itself would take `::` in a name for a chain of drivers, and `*`, `?` and `[` for a
    pattern.
    """
    scheme = url.partition("://")[0]
    driver = fsspec.get_filesystem_class(scheme)
    filesystem = fsspec.filesystem(scheme, **driver._get_kwargs_from_urls(url))
    return filesystem, str(driver._strip_protocol(url))


def name_place(filesystem: Any, name: str) -> str:
    """Return the URL by which a file that a driver calls `name` is stored and read again.

    A file of the driver for disks is read as a file:// URL, in which a % is encoded.
    """
    url: str = filesystem.unstrip_protocol(name)
    is_on_disk = isinstance(filesystem, LocalFileSystem)
    return url.replace("%", "%25") if is_on_disk else url


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise the errors of drivers as OSErrors."""
    try:
        yield
    except TimeoutError as error:  # fsspec's has no message
        raise StorageError("no answer in time") from error
    except (OSError, ValueError, ImportError):
        raise
    except Exception as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error
