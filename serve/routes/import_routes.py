"""Routes that import decisions, and list those that wait for their photo."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from http import HTTPStatus
from typing import Annotated, BinaryIO, cast

from fastapi import APIRouter, Query, Request, Response

from cluster.core.decisions.backups import BackupReason
from cluster.core.errors import BackupBusy, BackupFailed, BadExport, NotFound
from cluster.store.backups.backup_folders import open_folder
from cluster.store.backups.guarded_import import look_at_import
from cluster.store.backups.routine import want
from cluster.store.database.engine import begin
from cluster.store.decisions.kept_list import count_kept, list_kept
from serve.bodies.backup_bodies import RestoreBody
from serve.bodies.import_bodies import ImportBody, WaitingBody, WaitingDecisionBody
from serve.documented_errors import Answers, bodies, problems
from serve.parts import AppParts, Parts
from serve.problems import UnsupportedBody
from serve.restore_runs import begin_import
from serve.routes.backup_routes import RESTORE, WAIT_S, require_policy

PATH = "/import"
MAX_IMPORT_BYTES = 2_000_000_000
"""An export has about 500 bytes per face (bench/decisions.py); this allows four million faces."""

SOURCE = "upload"
JSON = "application/json"

router = APIRouter(tags=["people"])

_REQUEST = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
_ANSWERS: Answers = {
    **bodies(NotFound, BadExport, BackupBusy, BackupFailed),
    **problems(UnsupportedBody),
}

Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="the name of the file in lists",
    ),
]


@router.post(f"{PATH}/preview", openapi_extra={"requestBody": _REQUEST}, responses=_ANSWERS)
async def preview_import(request: Request, parts: Parts, name: Name = SOURCE) -> ImportBody:
    """Show what an import of the body would change. Nothing is changed."""
    with await _receive(request, parts) as stream:
        report = await asyncio.to_thread(
            look_at_import, parts.engine, stream, name=name, now=parts.now()
        )
    return ImportBody.from_report(report)


@router.post(
    PATH,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra={"requestBody": _REQUEST},
    responses=_ANSWERS,
)
async def import_decisions(
    request: Request, parts: Parts, response: Response, name: Name = SOURCE
) -> RestoreBody:
    """Add the decisions of an export to the library; the body is the export, as JSON.

    The response is sent when the export has been read; the import continues after it. `Location` is
    the URL of its progress. A backup of everything in the library is made first: restoring it
    undoes the import. 422 if the export is damaged; the detail names the place.
    """
    wanted = want(
        require_policy(parts), reason=BackupReason.BEFORE_RESTORE, now=parts.now(), wait_s=WAIT_S
    )
    record = await begin_import(parts, await _receive(request, parts), wanted, name=name)
    response.headers["Location"] = RESTORE
    return RestoreBody.from_record(record)


@router.get(f"{PATH}/waiting")
def list_waiting(parts: Parts, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> WaitingBody:
    """List the imported decisions that wait for their photo or face, the oldest first."""
    with begin(parts.engine) as db:
        kept = list_kept(db, limit=limit)
        waiting = [WaitingDecisionBody.from_kept(one) for one in kept]
        return WaitingBody(count=count_kept(db), waiting=waiting)


async def _receive(request: Request, parts: AppParts) -> BinaryIO:
    """Return the body as an unnamed temporary file, which no killed process leaves behind.

    Raises UnsupportedBody (415) for content types that a form of another site can send.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise UnsupportedBody("Send the export itself, as application/json.")
    folder = open_folder(require_policy(parts).folder)
    try:
        with ExitStack() as on_error:
            stream = on_error.enter_context(tempfile.TemporaryFile(dir=folder))
            async for piece in request.stream():
                await asyncio.to_thread(stream.write, piece)
            stream.seek(0)
            on_error.pop_all()
            return cast(BinaryIO, stream)
    except OSError as error:
        raise BackupFailed(
            f"The upload could not be stored in {folder}: {error.strerror}."
        ) from error
