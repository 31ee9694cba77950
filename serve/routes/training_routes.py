"""Routes that start, list and show sessions, and list the photos that failed."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from cluster.core.errors import (
    BadRoot,
    NotFound,
    PackNotFound,
    RootEmpty,
    RootNotAllowed,
    RootNotFound,
    RootUnreachable,
)
from cluster.core.files.paths import path_to_text
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.item_rows import count_failures, list_failures
from cluster.store.sessions.library_rows import explain_bad_root
from cluster.store.sessions.notification_rows import OPTION, list_notifications
from cluster.store.sessions.session_rows import (
    SessionInfo,
    count_sessions,
    create_session,
    get_session,
    list_sessions,
)
from cluster.vision.sources.library_walk import ask_storage, check_root
from serve.bodies.notification_bodies import NotificationBody, NotificationsBody
from serve.bodies.session_bodies import (
    FailureBody,
    FailuresBody,
    SessionBody,
    SessionsBody,
    StartBody,
)
from serve.documented_errors import bodies, problems
from serve.guards.roots import allowed_folders, resolve_root
from serve.parts import MAX_ID, AppParts, Id, PackChoice, Parts
from serve.problems import JobNotSubmitted

router = APIRouter(prefix="/training", tags=["training"])

Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1, le=MAX_ID)]
After = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=bodies(
        RootNotAllowed,
        RootNotFound,
        RootUnreachable,
        RootEmpty,
        BadRoot,
        PackNotFound,
        JobNotSubmitted,
    ),
)
def start_training(start: StartBody, parts: Parts, response: Response) -> SessionBody:
    """Create a session for a folder or URL and submit it to the cluster as a Ray job."""
    root = open_root(start, parts)
    pack = parts.choose_pack(start.options.pack or parts.pack)
    session = _create(start, root=path_to_text(root), pack=pack, parts=parts)
    submitted = parts.control.submit_job(session)
    response.headers["Location"] = f"/api/v1/training/{session.id}"
    return show_body(submitted, parts)


def open_root(start: StartBody, parts: AppParts) -> str:
    """Return the root of a request as it will be walked.

    Raises RootNotAllowed, RootNotFound, RootEmpty or RootUnreachable.
    """
    resolve = partial(resolve_root, start.root_path, allowed_roots=parts.allowed_roots)
    root = ask_storage(start.root_path, resolve)
    _check_root(root, parts)
    return root


def _check_root(root: str, parts: AppParts) -> None:
    try:
        check_root(root, confined_to=allowed_folders(parts.allowed_roots))
    except (RootNotFound, RootEmpty) as error:
        with begin(parts.engine) as db:
            raise explain_bad_root(db, error, path_to_text(root)) from error


def show_body(session: SessionInfo, parts: AppParts) -> SessionBody:
    """Return the body of a session, with links to Ray's dashboard."""
    return SessionBody.from_session(
        session, dashboard_url=parts.dashboard_url, main_bar=parts.main_bar
    )


def _create(start: StartBody, *, root: str, pack: PackChoice, parts: AppParts) -> SessionInfo:
    # The job, too, follows links only inside these folders.
    folders = [str(folder) for folder in allowed_folders(parts.allowed_roots)]
    options: dict[str, object] = {"confined_to": folders, "pack": pack.wanted}
    if parts.channels:
        options[OPTION] = list(parts.channels)
    with begin(parts.engine) as db:
        return create_session(
            db, root=root, name=start.name, pack=pack.name, options=options, now=parts.now()
        )


@router.get("")
def show_sessions(parts: Parts, limit: Limit = 50, before: Before = None) -> SessionsBody:
    """List sessions, newest first; `before` is the `nextBefore` of the previous page."""
    with begin(parts.engine) as db:
        sessions = list_sessions(db, limit=limit, before_id=before)
        total = count_sessions(db)
    is_full = len(sessions) == limit
    return SessionsBody(
        sessions=[show_body(session, parts) for session in sessions],
        total=total,
        next_before=sessions[-1].id if is_full and sessions[-1].id > 1 else None,
    )


@router.get("/{session_id}", responses=problems(NotFound))
def show_session(session_id: Id, parts: Parts) -> SessionBody:
    """Show a session and the moves that it allows."""
    with begin(parts.engine) as db:
        return show_body(get_session(db, session_id), parts)


@router.get("/{session_id}/failures", responses=problems(NotFound))
def show_failures(
    session_id: Id,
    parts: Parts,
    phase: PhaseName | None = None,
    limit: Limit = 100,
    after: After = 0,
) -> FailuresBody:
    """List the photos that failed, with reasons; `after` is the previous page's `nextAfter`."""
    with begin(parts.engine) as db:
        get_session(db, session_id)
        failures = list_failures(db, session_id, phase=phase, limit=limit, after=after)
        total = count_failures(db, session_id, phase=phase)
    return FailuresBody(
        failures=[FailureBody.from_failure(failure) for failure in failures],
        total=total,
        next_after=failures[-1].file_id if len(failures) == limit else None,
    )


@router.get("/{session_id}/notifications", responses=problems(NotFound))
def show_notifications(session_id: Id, parts: Parts) -> NotificationsBody:
    """List the messages about the session's end, oldest first, each with its outcome."""
    with begin(parts.engine) as db:
        get_session(db, session_id)
        found = list_notifications(db, session_id)
    return NotificationsBody(notifications=[NotificationBody.from_info(one) for one in found])
