"""How a route is documented to fail: from the errors that it raises to its part of the document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError

from cluster.core.errors import DatabaseUnavailable
from serve.bodies.session_bodies import ProblemBody
from serve.problems import PROBLEM_JSON, PROBLEMS, LiveViewUnavailable, OtherSite, UnknownHost

Answers = dict[int | str, dict[str, Any]]

ANYWHERE = (RequestValidationError, UnknownHost, DatabaseUnavailable, LiveViewUnavailable)
"""What any route below /api may raise."""

_CONTENT = {PROBLEM_JSON: {"schema": ProblemBody.model_json_schema()}}


def problems(*kinds: type[Exception]) -> Answers:
    """Return the answers for errors of these `kinds`, by status.

    Where the status is one that any route may give, its kinds are named too: what is said of one
    route stands in the place of what is said of all.
    """
    statuses = dict.fromkeys(PROBLEMS[kind].status for kind in kinds)
    return {status.value: _describe(status, kinds) for status in statuses}


def changes(*kinds: type[Exception]) -> Answers:
    """Return the same for a route that changes something: other sites may not."""
    return problems(*kinds, OtherSite)


def bodies(*kinds: type[Exception]) -> Answers:
    """Return the same for a change that has a body: it may be no JSON at all, or too large."""
    return {
        400: {"description": "The body cannot be decoded", "content": _CONTENT},
        413: {"description": "The body is too large", "content": _CONTENT},
        **changes(*kinds),
    }


def _describe(status: HTTPStatus, kinds: tuple[type[Exception], ...]) -> dict[str, Any]:
    named = (PROBLEMS[kind] for kind in dict.fromkeys((*kinds, *ANYWHERE)))
    slugs = (f"`{problem.slug}`" for problem in named if problem.status is status)
    return {"description": f"{status.phrase}: {', '.join(slugs)}", "content": _CONTENT}
