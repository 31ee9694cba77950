"""Routes that show libraries, and confirm or forget their missing photos."""

from __future__ import annotations

from fastapi import APIRouter

from cluster.core.errors import NotFound, RootNotFound, RootUnreachable
from cluster.store.database.engine import begin
from cluster.store.forgetting import confirm_missing, forget_missing
from cluster.store.sessions.library_rows import get_library, list_known_files, list_libraries
from cluster.tasks.presence import find_gone_files
from serve.bodies.library_bodies import ConfirmedBody, LibrariesBody, LibraryBody
from serve.bodies.session_bodies import ErasedBody
from serve.documented_errors import changes, problems
from serve.parts import Id, Parts

router = APIRouter(prefix="/libraries", tags=["libraries"])


@router.get("")
def show_libraries(parts: Parts) -> LibrariesBody:
    """List all libraries with their counts, the one with the newest session first."""
    with begin(parts.engine) as db:
        libraries = list_libraries(db)
    return LibrariesBody(libraries=[LibraryBody.from_library(one) for one in libraries])


@router.get("/{library_id}", responses=problems(NotFound))
def show_library(library_id: Id, parts: Parts) -> LibraryBody:
    """Show a library and its counts."""
    with begin(parts.engine) as db:
        return LibraryBody.from_library(get_library(db, library_id))


@router.post(
    "/{library_id}/confirm-missing", responses=changes(NotFound, RootNotFound, RootUnreachable)
)
def confirm(library_id: Id, parts: Parts) -> ConfirmedBody:
    """Confirm that the files that were not found are gone, and not just on an unmounted disk.

    Their photos become missing. In a folder, each file is looked for again. Below a URL, the files
    that the last session did not find count as gone. A missing photo counts nowhere; it is complete
    again when a session finds it.
    """
    with begin(parts.engine) as db:
        library = get_library(db, library_id)
        known = list_known_files(db, library)
    gone = find_gone_files(library.root, known)
    with begin(parts.engine) as db:
        missing = confirm_missing(db, library_id, gone=gone, now=parts.now())
    return ConfirmedBody(missing=missing)


@router.post("/{library_id}/forget-missing", responses=changes(NotFound))
def forget(library_id: Id, parts: Parts) -> ErasedBody:
    """Erase the missing photos of a library: their thumbnails, faces, vectors and crops.

    People without a remaining face are erased too. This cannot be undone.
    """
    with begin(parts.engine) as db:
        return ErasedBody.from_erased(forget_missing(db, library_id))
