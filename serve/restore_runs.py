"""Restores and imports, which continue after the request that started them was answered.

Their progress is in a file beside the record of backups, so every replica can report it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from cluster.core.decisions.backups import BackupPolicy
from cluster.core.decisions.restores import INTERRUPTED, RestoreRecord, RestoreState
from cluster.core.errors import DatabaseUnavailable, HeadcountError, NotFound
from cluster.core.reports import Throttle
from cluster.logs import bind
from cluster.store.backups.guarded_import import import_guarded
from cluster.store.backups.making import Wanted
from cluster.store.backups.private_records import read_record, write_record
from cluster.store.backups.restoring import restore_backup
from cluster.store.backups.scratch_databases import is_backup_at_work
from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import list_sessions
from cluster.vision.photos.region_crops import cut_from_thumbnail
from serve.parts import AppParts
from serve.problems import LiveViewUnavailable

RECENT_SESSIONS = 1000
SAID_EVERY_S = 0.5
UNEXPECTED = "An internal error occurred. The library is as it was. The server log has the details."


class RestoreRun:
    """One restore or import, and its record.

    `begun` resolves with the record when all checks before the first change have passed, or raises
    the error that they found.
    """

    def __init__(self, file: Path, record: RestoreRecord) -> None:
        self._file, self._record = file, record
        self._loop = asyncio.get_running_loop()
        self._saying = Throttle(SAID_EVERY_S)
        self.begun: asyncio.Future[RestoreRecord] = self._loop.create_future()

    def note(self, step: str) -> None:
        """Record the current step. It is called in the thread that does the work."""
        self._write(replace(self._record, step=step, share=None))
        self._loop.call_soon_threadsafe(self._begin)

    def share(self, share: float) -> None:
        """Record the finished share of the step, 0 to 1, at most twice a second."""
        if self._saying.admit(now=time.monotonic()):
            self._write(replace(self._record, share=share))

    async def run(self, work: Callable[[RestoreRecord], RestoreRecord], parts: AppParts) -> None:
        """Do the work in a thread, record its end, and let the live view read the new rows."""
        try:
            before = await asyncio.to_thread(_list_ids, parts)
            ended = await asyncio.to_thread(lambda: work(self._record))
        except HeadcountError as error:
            self._fail(error, str(error), parts)
            return
        except Exception as error:
            self._fail(error, UNEXPECTED, parts)
            raise
        self._write(
            replace(ended, state=RestoreState.DONE, step="", share=None, ended_at=parts.now())
        )
        self._begin()
        await _reload(parts, before)

    def _fail(self, error: Exception, says: str, parts: AppParts) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)  # The request answers with it; nothing was changed.
            return
        self._write(self._record.fail(says, now=parts.now()))

    def _write(self, record: RestoreRecord) -> None:
        """Write the record; if that fails, for example on a full disk, the work continues."""
        self._record = record
        try:
            write_record(self._file, record.to_json())
        except OSError as error:
            bind(__name__).warning("progress of a restore not recorded", reason=error.strerror)

    def _begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(self._record)


async def begin_restore(parts: AppParts, file: Path, wanted: Wanted) -> RestoreRecord:
    """Begin to restore a file, and return the record when the restore is running.

    Raises the errors that `restore_backup` finds before it changes anything.
    """

    def work(record: RestoreRecord) -> RestoreRecord:
        done = restore_backup(
            parts.engine, file, wanted, note=run.note, share=run.share, cut=cut_from_thumbnail
        )
        kept = None if done.before is None else done.before.file.name
        changed = {} if done.report is None else done.report.changes
        return replace(record, kept=kept, left=done.left, changed=changed)

    run = RestoreRun(_record_of(parts), RestoreRecord(name=file.name, started_at=wanted.now))
    return await _start(run, work, parts)


async def begin_import(
    parts: AppParts, stream: BinaryIO, wanted: Wanted, *, name: str
) -> RestoreRecord:
    """Begin to import an export, and return the record when the export has been read.

    Raises the errors that `import_guarded` finds before it changes anything.
    """

    def work(record: RestoreRecord) -> RestoreRecord:
        with stream:
            report, kept = import_guarded(
                parts.engine, stream, wanted, name=name, note=run.note, cut=cut_from_thumbnail
            )
        name_kept = None if kept is None else kept.file.name
        return replace(record, kept=name_kept, left=report.left_count, changed=report.changes)

    head = RestoreRecord(name=name, is_import=True, started_at=wanted.now)
    run = RestoreRun(_record_of(parts), head)
    return await _start(run, work, parts)


async def _start(
    run: RestoreRun, work: Callable[[RestoreRecord], RestoreRecord], parts: AppParts
) -> RestoreRecord:
    task = asyncio.create_task(run.run(work, parts))
    parts.restoring.add(task)  # The event loop keeps only weak references to tasks.
    task.add_done_callback(parts.restoring.discard)
    return await run.begun


def read_newest(parts: AppParts) -> RestoreRecord:
    """Return the newest restore or import; it is failed if its process ended before it did.

    Raises NotFound if there was none.
    """
    values = read_record(_record_of(parts))
    with suppress(ValueError, KeyError, TypeError):
        if values is not None:
            record = RestoreRecord.from_json(values)
            if record.state is RestoreState.RUNNING and not _is_at_work(parts):
                return _read_again(parts, record)
            return record
    raise NotFound("restore", "newest")


def _read_again(parts: AppParts, record: RestoreRecord) -> RestoreRecord:
    """Return the record if it has changed meanwhile, else a failed one: its process is gone."""
    values = read_record(_record_of(parts))
    if values is not None and values != record.to_json():
        return RestoreRecord.from_json(values)
    return record.fail(INTERRUPTED, now=parts.now())


def _is_at_work(parts: AppParts) -> bool:
    """Tell whether a backup, restore or import is running.

    While one database replaces the other, neither answers, so an unreachable one counts as running.
    """
    if parts.restoring:
        return True
    try:
        return is_backup_at_work(parts.engine)
    except DatabaseUnavailable:
        return True


def _record_of(parts: AppParts) -> Path:
    policy: BackupPolicy | None = parts.backups
    if policy is None:
        raise NotFound("folder for backups", "on this server")
    return policy.record.with_name("last_restore.json")


async def _reload(parts: AppParts, before: set[int]) -> None:
    """Make the live view read the rows of sessions again: those in `before`, and the present ones.

    Sessions in `before` may be gone, or other sessions may have their ids.
    """
    ids = set(before)
    with suppress(DatabaseUnavailable):
        ids |= await asyncio.to_thread(_list_ids, parts)
    for session_id in ids:
        with suppress(LiveViewUnavailable, DatabaseUnavailable, NotFound):
            await parts.progress.reload(session_id)


def _list_ids(parts: AppParts) -> set[int]:
    """Return the ids of the newest sessions."""
    with begin(parts.engine) as db:
        return {session.id for session in list_sessions(db, limit=RECENT_SESSIONS)}
