"""Keeps LibRaw's messages on standard error out of the logs.

LibRaw prints a line for each damaged file, and rawpy cannot turn it off. All other output during
the call, for example from other threads, is written afterwards.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

_STDERR = 2
_lock = threading.Lock()
_LINES_OF_LIBRAW = re.compile(
    rb"^[^\n]*: (Unexpected end of file|data corrupted at -?\d+|memory not allocated)[^\n]*\n?",
    re.M,
)


class _Held:
    """The state of the redirection: its users, the real standard error, and the held output."""

    users = 0
    real = -1
    written: IO[bytes] | None = None


@contextmanager
def without_lines_of_libraw() -> Iterator[None]:
    """Hold back standard error during the block, and then write it without LibRaw's lines."""
    with _lock:
        if _Held.users == 0:
            _hold_back()
        _Held.users += 1
    try:
        yield
    finally:
        with _lock:
            _Held.users -= 1
            if _Held.users == 0:
                _pass_on()


def _hold_back() -> None:
    _Held.real = os.dup(_STDERR)
    _Held.written = _open_unnamed()
    # Each write appends. Otherwise, two threads could write at the same position, because a file in
    # memory has no lock for it.
    fcntl.fcntl(_Held.written, fcntl.F_SETFL, os.O_APPEND)
    os.dup2(_Held.written.fileno(), _STDERR)


def _open_unnamed() -> IO[bytes]:
    """Open a file, in memory if possible, because a full disk must not fail a photo."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "r+b")
    return TemporaryFile()


def _pass_on() -> None:
    os.dup2(_Held.real, _STDERR)
    os.close(_Held.real)
    assert _Held.written is not None
    with _Held.written as file:
        file.seek(0)
        rest = _LINES_OF_LIBRAW.sub(b"", file.read())
    if rest:
        os.write(_STDERR, rest)
