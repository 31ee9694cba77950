"""Routes that suggest which faces are the same person, and record the answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cluster.core.errors import (
    FacesElsewhere,
    ImpossibleChange,
    NamesDiffer,
    NotFound,
    StaleVersion,
)
from cluster.store.database.engine import begin
from cluster.store.people.answers import record_answer
from cluster.store.suggestions.suggested_sides import OpenSuggestions, describe_open
from serve.bodies.suggestion_bodies import (
    AnswerBody,
    AnsweredBody,
    SuggestionBody,
    SuggestionsBody,
)
from serve.documented_errors import bodies
from serve.pack_choice import PackName
from serve.parts import AppParts, Parts
from serve.suggestion_lists import SuggestionList

router = APIRouter(prefix="/suggestions", tags=["people"])

Limit = Annotated[int, Query(ge=1, le=100)]

_ANSWERS = (NotFound, StaleVersion, FacesElsewhere, NamesDiffer, ImpossibleChange)


@router.get("")
def show_suggestions(parts: Parts, pack: PackName, limit: Limit = 20) -> SuggestionsBody:
    """Suggest which people and ungrouped faces are the same person, the most useful first.

    An answered pair is not suggested again, except after "not sure", once one of the two has twice
    as many faces as then. Hidden people and faces with a verdict are not suggested.
    """
    known = parts.suggestions.find(parts.engine, pack)
    found = _describe(parts, known, pack=pack, limit=limit)
    if known is not None and not found.suggestions:
        known = parts.suggestions.find_newest(parts.engine, pack)
        found = _describe(parts, known, pack=pack, limit=limit)
    return SuggestionsBody(
        suggestions=[SuggestionBody.from_suggestion(one) for one in found.suggestions],
        total=found.total,
        is_preparing=known is None,
        pack=pack,
    )


def _describe(
    parts: AppParts, known: SuggestionList | None, *, pack: str, limit: int
) -> OpenSuggestions:
    likenesses = () if known is None else known.likenesses
    with begin(parts.engine) as db:
        return describe_open(db, likenesses, pack=pack, limit=limit)


@router.post("/answers", responses=bodies(*_ANSWERS))
def answer_suggestion(body: AnswerBody, parts: Parts) -> AnsweredBody:
    """Answer whether two faces are the same person: yes, no, or not_sure.

    A yes merges two people, adds an ungrouped face to a person, or makes a person of two ungrouped
    faces. A no is permanent. 409 `stale-version` or `faces-elsewhere` if the people have changed
    since. 409 `names-differ` with `names` if a yes would lose a name: send `keepName`.
    """
    with begin(parts.engine) as db:
        answered = record_answer(db, body.to_answer(), now=parts.now())
    return AnsweredBody.from_answered(answered)
