"""Routes that erase a session or a person permanently, because face data is personal data."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress

from fastapi import APIRouter

from cluster.core.errors import NotFound, SessionBusy
from cluster.core.files.paths import decoded_folder
from cluster.store.database.engine import begin
from cluster.store.erasing import Erased, erase_ended_session, erase_person
from serve.bodies.session_bodies import ErasedBody
from serve.documented_errors import changes
from serve.parts import AppParts, Id, Parts
from serve.problems import LiveViewUnavailable

router = APIRouter(tags=["erasing"])


@router.delete("/training/{session_id}", responses=changes(NotFound, SessionBusy))
async def delete_session(session_id: Id, parts: Parts) -> ErasedBody:
    """Erase a session and the photos that only this session has found.

    Their thumbnails, faces, vectors and crops are erased, and so are people without a remaining
    face. The photo files stay. 409 if the session is running: cancel it first. This cannot be
    undone.
    """
    erased = await asyncio.to_thread(_erase_session, parts, session_id)
    with suppress(LiveViewUnavailable, NotFound):
        await parts.progress.reload(session_id)
    return ErasedBody.from_erased(erased)


def _erase_session(parts: AppParts, session_id: int) -> Erased:
    erased = erase_ended_session(parts.engine, session_id)
    if parts.data_dir is not None:
        shutil.rmtree(decoded_folder(parts.data_dir, session_id), ignore_errors=True)
    return erased


@router.delete("/people/{person_id}", responses=changes(NotFound))
def delete_person(person_id: Id, parts: Parts) -> ErasedBody:
    """Erase a person: the name, and all faces with their vectors and crops. This cannot be undone.

    The photos and their thumbnails stay. No face is detected again at the erased places, not even
    after a restart of face detection or with another pack; the places move with the picture when it
    is rotated, cropped or saved again. Faces that were not assigned to this person stay.
    """
    with begin(parts.engine) as db:
        return ErasedBody.from_erased(erase_person(db, person_id))
