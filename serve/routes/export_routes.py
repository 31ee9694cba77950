"""The route that exports what people did."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from cluster.store.decisions.decision_writing import begin_export, yield_blocks
from serve.answers import Answers, problems
from serve.bodies.session_bodies import PACK_PATTERN
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
    """A JSON document that is sent while it is made."""

    media_type = "application/json"


@router.get("/export", response_class=JsonStream, responses=_ANSWERS)
def export_decisions(
    parts: Parts,
    pack: Annotated[
        str | None, Query(pattern=PACK_PATTERN, description="default: all packs")
    ] = None,
) -> StreamingResponse:
    """Export what people did: names, placed faces, answers, verdicts, erased places; and photos.

    It holds no picture and no vector. `python -m jobs.decisions import` reads it. A few exports are
    made at a time; while they are, further ones are 503 `export-busy`.
    """
    if not parts.exporting.acquire(blocking=False):
        raise ExportBusy("Other exports are being made.")
    blocks = _yield_export(parts, pack)
    first = next(blocks)  # Here, a database that is unreachable is still an answer of its own.
    name = f"headcount-{parts.now():%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JsonStream(itertools.chain([first], blocks), headers=headers)


def _yield_export(parts: AppParts, pack: str | None) -> Iterator[bytes]:
    """Yield the export; its end, however it comes about, makes room for another."""
    try:
        with begin_export(parts.engine) as db:
            yield from yield_blocks(db, now=parts.now(), pack=pack)
    finally:
        parts.exporting.release()
