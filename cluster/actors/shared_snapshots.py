"""Shared snapshots: the newest progress of sessions, in a file that the processes of a node read.

A call of the ProgressActor through Ray takes milliseconds; reading a snapshot takes some ten
microseconds. The answer is the same, because the actor writes each change before it announces it.
So all replicas give the same answer, and a count that a client sees never falls. If each replica
answered from the last message that it received, a count could fall.

The file has slots that are written and read whole, without a lock; a checksum detects a slot that
is being written. A reader calls the actor if a snapshot is old, torn, missing or of another
session. Readers on other nodes always call it, because the name of a file contains its node.
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
"""The largest age of a usable snapshot. Rates and the time left change even without a report."""

SLOTS, SLOT_BYTES = 16, 8192
FORGOTTEN_S = 86_400.0
"""Files that were not written for a day are removed, because their Ray cluster is gone."""

_HEADER = struct.Struct("<II")  # The CRC-32 and the length of the rest.
_SEEN = struct.Struct("<qd")  # The session and the time of writing, in monotonic seconds.
_EMPTY = bytes(_HEADER.size)

logger = bind(__name__)


def snapshots_path(data_dir: Path, *, namespace: str, node_id: str) -> Path:
    """Return the path of the snapshots for one node of one Ray cluster."""
    return data_dir / "live" / f"{namespace}-{node_id}.snapshots"


class SharedSnapshots:
    """The only writer of the file. If the disk fails, readers call the ProgressActor."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._file: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove_forgotten(path.parent)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600)
        except OSError as error:
            logger.warning("the shared snapshots could not be opened", error=str(error))

    def show(self, progress: UnifiedProgress) -> None:
        """Write `progress` in place of the earlier snapshot of its session."""
        session_id = progress.session_id
        body = _SEEN.pack(session_id, self._clock()) + pickle.dumps(progress)
        slot = _HEADER.pack(zlib.crc32(body), len(body)) + body
        self._write(session_id, slot if len(slot) <= SLOT_BYTES else _EMPTY)

    def wipe(self, session_id: int) -> None:
        """Remove the snapshot of a session."""
        self._write(session_id, _EMPTY)

    def _write(self, session_id: int, slot: bytes) -> None:
        if self._file is None:
            return
        try:
            written = os.pwrite(self._file, slot, _offset(session_id))
        except OSError:
            written = 0
        if written < len(slot):  # The slot is now outdated, so readers must not find the file.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
            logger.warning("the shared snapshots could not be written", session=session_id)


def read_snapshot(
    path: Path, session_id: int, *, clock: Callable[[], float] = time.monotonic
) -> UnifiedProgress | None:
    """Return a session's snapshot from the file at `path`; None if the actor must be called."""
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
