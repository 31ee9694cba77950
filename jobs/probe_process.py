"""Times a few photos in a separate process, which has the environment of Ray's workers."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from cluster.core.time_left.dry_times import TimedPhotos
from cluster.environment import prepare_environment
from cluster.tasks.ingest import ReadLimits
from cluster.tasks.probing import Room, time_photos
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import Pack

ANSWER_S = 60.0
"""Seconds for loading the models on a busy machine and for timing the photos."""


class ProbeProcess:
    """A process that times photos; it loads its libraries while the caller lists them."""

    def __init__(self, pack: Pack, *, options: DetectorOptions, limits: ReadLimits) -> None:
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe()
        self._process = context.Process(
            target=_answer, args=(theirs, pack, options, limits), name="probe", daemon=True
        )

    def start(self) -> None:
        """Start the process. Ctrl-C does not reach it, because its owner ends it."""
        prepare_environment()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)

    def time(self, paths: Sequence[str], *, room: Room) -> TimedPhotos | None:
        """Return the times of these photos; None if none could be read within ANSWER_S."""
        try:
            self._answers.send((list(paths), room))
            is_answered = self._answers.poll(ANSWER_S)
            timed: TimedPhotos | None = self._answers.recv() if is_answered else None
        except (EOFError, OSError):  # The process has died, and has said why on stderr.
            return None
        return timed if timed is not None and timed.photos else None

    def end(self) -> None:
        """Kill the process, and close the connection to it."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join(1.0)
        self._answers.close()


@contextmanager
def open_probe(
    pack: Pack, *, options: DetectorOptions, limits: ReadLimits
) -> Iterator[ProbeProcess]:
    """Start a process that times photos with this pack, and end it after the block."""
    process = ProbeProcess(pack, options=options, limits=limits)
    try:
        process.start()
        yield process
    finally:
        process.end()


def _answer(
    questions: Connection, pack: Pack, options: DetectorOptions, limits: ReadLimits
) -> None:
    paths, room = questions.recv()
    questions.send(time_photos(paths, pack=pack, options=options, limits=limits, room=room))
