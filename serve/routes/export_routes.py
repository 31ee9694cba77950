"""The route that exports decisions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cluster.store.decisions.decision_writing import begin_export, yield_blocks
from serve.bodies.session_bodies import PACK_PATTERN
from serve.documented_errors import Answers, problems
from serve.parts import AppParts, Parts
from serve.problems import ExportBusy

router = APIRouter(tags=["people"])

_ANSWERS: Answers = {
    200: {
        "description": "An export, as docs/decisions.schema.json describes it",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    **problems(ExportBusy),
}


class JsonStream(StreamingResponse):
    """A JSON document that is streamed while it is made, and stops when the client disconnects."""

    media_type = "application/json"

    # FastAPI documents the status that is the default here.
    def __init__(
        self,
        blocks: Generator[bytes, None, object],
        *,
        headers: dict[str, str],
        status_code: int = 200,
    ) -> None:
        """Make the first block, so that an unreachable database is a problem, not a cut stream."""
        self.blocks = blocks
        content = itertools.chain([next(blocks)], blocks)
        super().__init__(content, status_code=status_code, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the document, then end the transaction in which it is read."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # In a thread, because it asks the database. A cancelled task cannot wait for it.
            asyncio.get_running_loop().run_in_executor(None, self.blocks.close)


@router.get("/export", response_class=JsonStream, responses=_ANSWERS)
def export_decisions(
    parts: Parts,
    pack: Annotated[
        str | None, Query(pattern=PACK_PATTERN, description="default: all packs")
    ] = None,
) -> StreamingResponse:
    """Export decisions (names, placed faces, answers, verdicts, erased places) and their photos.

    The export contains no pictures and no vectors. `python -m jobs.decisions import` reads it. Each
    replica makes two exports at a time; further requests get 503 `export-busy`.
    """
    if not parts.exporting.acquire(blocking=False):
        raise ExportBusy("Other exports are being made. Try again when they are done.")
    name = f"headcount-{parts.now():%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JsonStream(_yield_export(parts, pack), headers=headers)


def _yield_export(parts: AppParts, pack: str | None) -> Generator[bytes, None, None]:
    """Yield the export, and free its place for another when it ends, is closed or fails."""
    try:
        with begin_export(parts.engine) as db:
            yield from yield_blocks(db, now=parts.now(), pack=pack)
    finally:
        parts.exporting.release()
