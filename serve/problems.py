"""Converts every error to application/problem+json (RFC 9457) by one table.

HeadcountError
├── LiveViewUnavailable        the ProgressActor does not answer
├── UnsupportedBody            the content type of a request is not accepted by its route
├── SearchUnavailable          no actor can search a photo for faces now
├── ExportBusy                 the limit of concurrent exports is reached
├── JobNotSubmitted            the Ray cluster did not accept a job
├── TokenMissing               an /api route was called without the right bearer token
├── RangeNotSatisfiable        the requested range is outside the film's file
├── UnknownHost                the request is for a host name that is not this server's
└── OtherSite                  the page of another site requests a change

The table maps exception types to statuses; the nearest type in the method resolution order wins. An
error that is not in the table is a defect: its status is 500, without details.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from cluster.core.errors import (
    BackupBusy,
    BackupFailed,
    BadBackup,
    BadExport,
    BadRoot,
    DatabaseUnavailable,
    FacesElsewhere,
    HeadcountError,
    IllegalMove,
    ImpossibleChange,
    NamesDiffer,
    NameTaken,
    NotFound,
    NotLastChange,
    PackNotFound,
    RootEmpty,
    RootNotAllowed,
    RootNotFound,
    RootUnreachable,
    SameSession,
    SessionBusy,
    StaleVersion,
    UnreachableImage,
    UnreadableImage,
)
from serve.bodies.people_bodies import PersonBody

PROBLEM_JSON = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class LiveViewUnavailable(HeadcountError):
    """The live view of progress cannot be reached."""


class JobNotSubmitted(HeadcountError):
    """The Ray cluster did not accept the session's job."""


class UnsupportedBody(HeadcountError):
    """The content type of a request is not accepted by its route."""


class SearchUnavailable(HeadcountError):
    """No actor can search a photo for faces now."""


class ExportBusy(HeadcountError):
    """The limit of concurrent exports is reached."""


class TokenMissing(HeadcountError):
    """The request does not carry the API token of this server."""


class RangeNotSatisfiable(HeadcountError):
    """The range that the request asks for is outside the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The range is outside the file, which has {size} bytes.")
        self.size = size


class UnknownHost(HeadcountError):
    """The request is for a host name that is not this server's."""


class OtherSite(HeadcountError):
    """The page of another site requests a change."""


class Problem(NamedTuple):
    """The status, slug and title of one kind of error."""

    status: HTTPStatus
    slug: str
    title: str


PROBLEMS: dict[type[Exception], Problem] = {
    RootNotFound: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "root-not-found", "No such folder"),
    RootUnreachable: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "root-unreachable", "Storage does not answer"
    ),
    RootEmpty: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "root-empty", "No photo in this folder"),
    RootNotAllowed: Problem(HTTPStatus.FORBIDDEN, "root-not-allowed", "Folder not allowed"),
    BadRoot: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-root", "Folder cannot be used"),
    PackNotFound: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "pack-not-found", "No such pack"),
    NotFound: Problem(HTTPStatus.NOT_FOUND, "not-found", "Not found"),
    IllegalMove: Problem(HTTPStatus.CONFLICT, "illegal-move", "Move not allowed in this status"),
    SameSession: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "same-session", "Same session twice"),
    SessionBusy: Problem(HTTPStatus.CONFLICT, "session-busy", "Session is already running"),
    UnreachableImage: Problem(
        HTTPStatus.NOT_FOUND, "photo-not-there", "Photo temporarily unavailable"
    ),
    UnreadableImage: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable-image", "Photo cannot be read"
    ),
    RangeNotSatisfiable: Problem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "Range outside file"
    ),
    StaleVersion: Problem(HTTPStatus.CONFLICT, "stale-version", "Changed by another client"),
    NameTaken: Problem(HTTPStatus.CONFLICT, "name-taken", "Name already taken"),
    NamesDiffer: Problem(HTTPStatus.CONFLICT, "names-differ", "Names differ"),
    FacesElsewhere: Problem(
        HTTPStatus.CONFLICT, "faces-elsewhere", "Faces were moved by another client"
    ),
    NotLastChange: Problem(HTTPStatus.CONFLICT, "not-last-change", "Not the latest change"),
    ImpossibleChange: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "impossible-change", "Invalid change"
    ),
    TokenMissing: Problem(HTTPStatus.UNAUTHORIZED, "token-missing", "API token required"),
    UnknownHost: Problem(HTTPStatus.MISDIRECTED_REQUEST, "unknown-host", "Unknown host name"),
    OtherSite: Problem(HTTPStatus.FORBIDDEN, "other-site", "Cross-site request refused"),
    JobNotSubmitted: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "job-not-submitted", "Job could not be submitted"
    ),
    UnsupportedBody: Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-body", "Unsupported content type"
    ),
    SearchUnavailable: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "search-unavailable", "Search unavailable"
    ),
    BackupBusy: Problem(HTTPStatus.CONFLICT, "backup-busy", "Another backup is running"),
    BackupFailed: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "backup-failed", "Backup failed"),
    BadBackup: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-backup", "Backup cannot be restored"),
    BadExport: Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-export", "Export cannot be imported"),
    ExportBusy: Problem(HTTPStatus.SERVICE_UNAVAILABLE, "export-busy", "Too many exports"),
    LiveViewUnavailable: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "live-view-unavailable", "Live view unavailable"
    ),
    DatabaseUnavailable: Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", "Database unavailable"
    ),
    RequestValidationError: Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Invalid request"
    ),
    Exception: Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Internal server error"),
}


def find_problem(error: Exception) -> Problem:
    """Return the problem for `error`; errors of the web framework carry their own status."""
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return Problem(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def describe(error: Exception) -> str:
    """Return the detail for the client; an unexpected error is not described."""
    if isinstance(error, HTTPException):
        return str(error.detail)
    if isinstance(error, RequestValidationError):
        return "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors())
    if isinstance(error, HeadcountError) and find_problem(error).slug != "internal-error":
        return str(error)
    return "An internal error occurred. The server log has the details."


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"


def _more_members(error: Exception) -> dict[str, object]:
    if isinstance(error, IllegalMove):
        return {"legalMoves": list(error.legal)}
    if isinstance(error, StaleVersion):
        return {"current": PersonBody.from_person(error.current).model_dump(mode="json")}
    if isinstance(error, NameTaken):
        other = error.other
        return {"otherPersonId": other.id, "otherName": other.name, "version": other.version}
    if isinstance(error, NamesDiffer):
        return {"names": list(error.names)}
    if isinstance(error, UnreadableImage):
        return {"reason": error.reason}
    if isinstance(error, FacesElsewhere):
        return {"faceIds": list(error.face_ids)}
    if isinstance(error, RequestValidationError):
        places = [{"field": _place(e["loc"]), "message": e["msg"]} for e in error.errors()]
        return {"errors": places}
    return {}


def problem_response(error: Exception, *, path: str) -> Response:
    """Return the response for `error`, in ASCII JSON, because a file name may hold any byte."""
    problem = find_problem(error)
    body = {
        "type": f"urn:headcount:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status.value,
        "detail": describe(error),
        "instance": path,
        **_more_members(error),
    }
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if problem.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="headcount"'
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    return Response(json.dumps(body), problem.status, headers, PROBLEM_JSON)


async def _answer(request: Request, error: Exception) -> Response:
    answer = problem_response(error, path=request.scope["path"])
    if "allow" in answer.headers:
        answer.headers["allow"] = ", ".join(list_methods(request))
    return answer


def list_methods(request: Request) -> list[str]:
    """Return the methods of all routes that match the path.

    Starlette's own Allow header lists only those of the first matching route.
    """
    return [
        method
        for method in METHODS
        for route in request.app.router.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]


def add_problem_answers(app: FastAPI) -> None:
    """Make every error of `app` a problem response."""
    for kind in (HeadcountError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
