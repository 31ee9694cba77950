"""Routes that list, make, compare and restore backups."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path as FilePath

from fastapi import APIRouter, Response

from cluster.core.decisions.backups import BackupName, BackupPolicy, BackupReason
from cluster.core.errors import (
    BackupBusy,
    BackupFailed,
    BadBackup,
    NotFound,
    SessionBusy,
)
from cluster.store.backups.restoring import compare_backup
from cluster.store.backups.routine import back_up, read_state, want
from serve.bodies.backup_bodies import BackupBody, BackupComparisonBody, BackupsBody, RestoreBody
from serve.documented_errors import changes, problems
from serve.parts import AppParts, Parts
from serve.restore_runs import begin_restore, read_newest

router = APIRouter(prefix="/backups", tags=["backups"])

RESTORE = "/api/v1/backups/restore"
WAIT_S = 2.0
"""How long a request waits for another backup or restore to end."""


@router.get("")
def show_backups(parts: Parts) -> BackupsBody:
    """List the backups, the newest first; `trouble` says what is wrong with them."""
    if parts.backups is None:
        return BackupsBody(folder=None, backups=[], is_at_work=False, trouble=None)
    state = read_state(parts.engine, parts.backups, now=parts.now())
    return BackupsBody.from_state(state, folder=str(parts.backups.folder))


@router.post(
    "", status_code=HTTPStatus.CREATED, responses=changes(NotFound, BackupBusy, BackupFailed)
)
def make(parts: Parts) -> BackupBody:
    """Make a backup and prove it; the response is sent when both are done.

    A backup that fails leaves the earlier ones as they were.
    """
    policy = require_policy(parts)
    wanted = want(policy, reason=BackupReason.ASKED, now=parts.now(), wait_s=WAIT_S)
    return BackupBody.from_backup(back_up(parts.engine, policy, wanted))


@router.get("/{name}/comparison", responses=problems(NotFound, BadBackup))
def compare(name: str, parts: Parts) -> BackupComparisonBody:
    """Show what restoring a backup would change."""
    return BackupComparisonBody.from_comparison(
        compare_backup(parts.engine, find_file(parts, name))
    )


@router.get("/restore", responses=problems(NotFound))
def show_restore(parts: Parts) -> RestoreBody:
    """Show the progress or the result of the newest restore or import; 404 if there was none.

    This also answers while the restored database takes the place of the library.
    """
    return RestoreBody.from_record(read_newest(parts))


@router.post(
    "/{name}/restore",
    status_code=HTTPStatus.ACCEPTED,
    responses=changes(NotFound, BadBackup, SessionBusy, BackupBusy, BackupFailed),
)
async def restore(name: str, parts: Parts, response: Response) -> RestoreBody:
    """Begin to restore a backup. `Location` is the URL of its progress.

    A backup of everything takes the place of the library. Decisions are added to the library. A
    backup of everything in the library is made first. 409 if a session is running: pause it first.
    Other requests may get 503 meanwhile. If the restore fails, the library is as it was, or as in
    the backup.
    """
    policy, file = require_policy(parts), find_file(parts, name)
    wanted = want(policy, reason=BackupReason.BEFORE_RESTORE, now=parts.now(), wait_s=WAIT_S)
    record = await begin_restore(parts, file, wanted)
    response.headers["Location"] = RESTORE
    return RestoreBody.from_record(record)


def require_policy(parts: AppParts) -> BackupPolicy:
    """Return the policy for backups. Raises NotFound in an application without backups."""
    if parts.backups is None:
        raise NotFound("folder for backups", "on this server")
    return parts.backups


def find_file(parts: AppParts, name: str) -> FilePath:
    """Return the file of a backup in the folder of backups. Raises NotFound."""
    parsed = BackupName.find(name)
    if parts.backups is None or parsed is None:
        raise NotFound("backup", name)
    file = parts.backups.folder / str(parsed)
    if not file.is_file():
        raise NotFound("backup", name)
    return file
