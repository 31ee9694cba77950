"""Documents the errors of a route in OpenAPI, derived from the exceptions that it raises."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError

from cluster.core.errors import DatabaseUnavailable
from serve.bodies.session_bodies import ProblemBody
from serve.problems import PROBLEM_JSON, PROBLEMS, LiveViewUnavailable, OtherSite, UnknownHost

Answers = dict[int | str, dict[str, Any]]

ANYWHERE = (RequestValidationError, UnknownHost, DatabaseUnavailable, LiveViewUnavailable)
"""The errors that any route below /api may raise."""

_CONTENT = {PROBLEM_JSON: {"schema": ProblemBody.model_json_schema()}}


def problems(*kinds: type[Exception]) -> Answers:
    """Return the documented responses for errors of these `kinds`, by status.

    A description for one route replaces the description for all routes. Therefore it also names the
    errors with the same status that any route may raise.
    """
    statuses = dict.fromkeys(PROBLEMS[kind].status for kind in kinds)
    return {status.value: _describe(status, kinds) for status in statuses}


def changes(*kinds: type[Exception]) -> Answers:
    """Return the responses of a route that changes something: those of `problems`, and 403."""
    return problems(*kinds, OtherSite)


def bodies(*kinds: type[Exception]) -> Answers:
    """Return the responses of a change with a body: those of `changes`, 400 and 413."""
    return {
        400: {"description": "The body cannot be decoded", "content": _CONTENT},
        413: {"description": "The body is too large", "content": _CONTENT},
        **changes(*kinds),
    }


def _describe(status: HTTPStatus, kinds: tuple[type[Exception], ...]) -> dict[str, Any]:
    named = (PROBLEMS[kind] for kind in dict.fromkeys((*kinds, *ANYWHERE)))
    slugs = (f"`{problem.slug}`" for problem in named if problem.status is status)
    return {"description": f"{status.phrase}: {', '.join(slugs)}", "content": _CONTENT}
