"""Photos behind fsspec URLs: whether they are there, what there is, and their bytes.

Drivers raise errors of their own beside OSError, botocore's for example; here they are all OSError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec


class StorageError(OSError):
    """What a driver said, with the name that it has there."""


def is_there(url: str) -> bool:
    """Tell whether there is a folder, or anything below such a name."""
    with _as_os_errors():
        filesystem, path = fsspec.core.url_to_fs(url)
        return bool(filesystem.exists(path))


def walk_url(
    root: str, *, is_hidden: Callable[[str], bool], on_entry: Callable[[], None]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the URL of every file below `root`, and what the store says of it.

    Files and folders whose names are hidden are left out. A folder that has gone or may not be read
    is passed over; if the store fails, so does the walk. `on_entry` is called for each folder.
    """
    with _as_os_errors():
        filesystem, start = fsspec.core.url_to_fs(root)
        waiting = [start]
        # Not fsspec's own walk: below the first folder, it passes over whatever goes wrong.
        while waiting:
            folder = waiting.pop()
            on_entry()
            for info in _list_folder(filesystem, folder):
                name = info["name"].rstrip("/")
                if name == folder or is_hidden(name.rpartition("/")[2]):
                    continue
                if info["type"] == "directory":
                    waiting.append(name)
                else:
                    yield filesystem.unstrip_protocol(name), info


def read_url(url: str, *, max_bytes: int) -> bytes:
    """Return the content of a file, and at most a byte more than `max_bytes` of it."""
    with _as_os_errors(), fsspec.open(url, "rb") as file:
        data: bytes = file.read(max_bytes + 1)
    return data


def _list_folder(filesystem: Any, folder: str) -> list[dict[str, Any]]:
    try:
        listed = filesystem.ls(folder, detail=True)
    except (FileNotFoundError, PermissionError):
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
