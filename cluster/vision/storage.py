"""Photos behind fsspec URLs: whether they are there, what there is, and their bytes.

Drivers raise errors of their own beside OSError, botocore's for example; here they are all OSError.
The web has a driver of ours (cluster/vision/web_storage.py), which goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec

from cluster.core.urls import find_place, normalise_place

# By its name: aiohttp takes a third of a second to import, which a library on a disk need not wait.
for _scheme in ("http", "https"):
    fsspec.register_implementation(
        _scheme, "cluster.vision.web_storage.WebFileSystem", clobber=True
    )


class StorageError(OSError):
    """What a driver said, with the name that it has there."""


class LeadsElsewhere(StorageError):
    """The server sends whoever asks for this to another place."""


def is_there(url: str) -> bool:
    """Tell whether there is a folder, or anything below such a name."""
    with _as_os_errors():
        filesystem, path = fsspec.core.url_to_fs(url)
        return bool(filesystem.exists(path))


def walk_url(
    root: str, *, is_hidden: Callable[[str], bool], on_entry: Callable[[], None]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the URL of every file below `root`, and what the store says of it.

    Files and folders whose names are hidden are left out, as is what the store names but does not
    lie below `root`: a link upwards or to another server, a symbolic link, a key with `..` in it. A
    folder that has gone or may not be read is passed over; if the store fails, so does the walk.
    `on_entry` is called for each folder.
    """
    with _as_os_errors():
        filesystem, start = fsspec.core.url_to_fs(root)
        top = normalise_place(start)
        waiting, entered = [start], {top}
        # Not fsspec's own walk: below the first folder, it passes over whatever goes wrong.
        while waiting:
            on_entry()
            for info in _list_folder(filesystem, waiting.pop()):
                name = info["name"].rstrip("/")
                place = find_place(name, top=top)
                if place is None or place in entered or _is_left_out(info, place, is_hidden):
                    continue
                if info["type"] == "directory":
                    waiting.append(name)
                    entered.add(place)
                else:
                    yield filesystem.unstrip_protocol(name), info


def read_url(url: str, *, max_bytes: int) -> bytes:
    """Return the content of a file, and at most a byte more than `max_bytes` of it."""
    with _as_os_errors(), fsspec.open(url, "rb") as file:
        data: bytes = file.read(max_bytes + 1)
    return data


def _is_left_out(info: Mapping[str, Any], place: str, is_hidden: Callable[[str], bool]) -> bool:
    # Where a link leads is the store's secret.
    is_link = info["type"] == "link" or bool(info.get("islink"))
    return is_link or is_hidden(place.rpartition("/")[2])


def _list_folder(filesystem: Any, folder: str) -> list[dict[str, Any]]:
    try:
        listed = filesystem.ls(folder, detail=True)
    except (FileNotFoundError, PermissionError, LeadsElsewhere):
        return []
    # Drivers keep what they have listed, and would keep the whole library.
    filesystem.invalidate_cache(folder)
    return sorted(listed, key=lambda info: str(info["name"]))


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:  # fsspec's comes without a word
        raise StorageError("no answer in time") from error
    except (OSError, ValueError, ImportError):
        raise
    except Exception as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error
