"""The newest progress of running sessions, in a file that all processes of a node can read.

A replica that asks the ProgressActor pays a call through Ray, milliseconds; to read here what the
actor wrote takes some ten microseconds. It is the same answer: the actor writes each change before
anybody else is told of it. So two replicas never differ, and what a client sees never falls, as
it could if each replica answered from what it was last sent.

The file is one file of slots, written and read whole without a lock: a checksum tells a slot that
was being written. What is old, torn, not there or of another session is nothing, and the actor is
asked; so is it from other nodes, whose files have other names.
"""

from __future__ import annotations

import os
import pickle
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cluster.core.progress import UnifiedProgress
from cluster.logs import bind

FRESH_S = 0.5
"""What is older is asked for: rates and remaining time change while nothing happens."""

SLOTS, SLOT_BYTES = 16, 8192
FORGOTTEN_S = 86_400.0
"""The snapshots of a Ray that has not written to it for a day is removed."""

_HEADER = struct.Struct("<II")  # The CRC-32 of what follows, and its length.
_SEEN = struct.Struct("<qd")  # The session, and the moment (monotonic seconds).
_EMPTY = bytes(_HEADER.size)

logger = bind(__name__)


def snapshots_path(data_dir: Path, *, namespace: str, node_id: str) -> Path:
    """Return where the snapshots of a library is on one node of one Ray cluster."""
    return data_dir / "live" / f"{namespace}-{node_id}.snapshots"


class SharedSnapshots:
    """The file as its one writer sees it; a disk that fails only makes readers ask."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._file: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_forgotten(path.parent)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600)
        except OSError as error:
            logger.warning("no shared snapshots", error=str(error))

    def show(self, progress: UnifiedProgress) -> None:
        """Show `progress` in place of what was shown of its session."""
        session_id = progress.session_id
        body = _SEEN.pack(session_id, self._clock()) + pickle.dumps(progress)
        slot = _HEADER.pack(zlib.crc32(body), len(body)) + body
        self._write(session_id, slot if len(slot) <= SLOT_BYTES else _EMPTY)

    def wipe(self, session_id: int) -> None:
        """Show nothing of a session any more."""
        self._write(session_id, _EMPTY)

    def _write(self, session_id: int, slot: bytes) -> None:
        if self._file is None:
            return
        try:
            written = os.pwrite(self._file, slot, _offset(session_id))
        except OSError:
            written = 0
        if written < len(slot):  # What stands there now is not the newest any more.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
            logger.warning("the snapshots could not be written", session=session_id)


def read_snapshot(
    path: Path, session_id: int, *, clock: Callable[[], float] = time.monotonic
) -> UnifiedProgress | None:
    """Return the snapshot of a session in the file at `path`; None when the actor must be asked."""
    try:
        with path.open("rb", buffering=0) as file:
            slot = os.pread(file.fileno(), SLOT_BYTES, _offset(session_id))
    except OSError:
        return None
    if len(slot) < _HEADER.size + _SEEN.size:
        return None
    checksum, length = _HEADER.unpack_from(slot)
    body = slot[_HEADER.size : _HEADER.size + length]
    if length < _SEEN.size or len(body) < length or zlib.crc32(body) != checksum:
        return None
    shown, at = _SEEN.unpack_from(body)
    if shown != session_id or not 0.0 <= clock() - at <= FRESH_S:
        return None
    progress: UnifiedProgress = pickle.loads(body[_SEEN.size :])
    return progress


def _offset(session_id: int) -> int:
    return session_id % SLOTS * SLOT_BYTES


def _remove_forgotten(folder: Path) -> None:
    oldest = time.time() - FORGOTTEN_S
    for snapshots in folder.glob("*.snapshots"):
        with suppress(OSError):
            if snapshots.stat().st_mtime < oldest:
                snapshots.unlink()
