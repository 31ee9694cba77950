"""Keeps what a library prints to the standard error output of the process out of the logs.

LibRaw prints a line for each damaged file, and rawpy offers no way to turn it off. Everything else
that is written meanwhile, by other threads, is passed on when the library is done.
"""

from __future__ import annotations

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
    """Who holds the output back: their number, the real output, and what was written meanwhile."""

    users = 0
    real = -1
    written: IO[bytes] | None = None


@contextmanager
def without_lines_of_libraw() -> Iterator[None]:
    """Hold back what is written to the process's standard error output; then pass on the rest."""
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
    os.dup2(_Held.written.fileno(), _STDERR)


def _open_unnamed() -> IO[bytes]:
    """Open a file in memory where the system can, because a full disk must fail no photo."""
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
