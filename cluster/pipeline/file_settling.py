"""Decides which files have moved, are gone, or are companions, once all files have been read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from cluster.core.errors import RootUnreachable
from cluster.core.files.paths import is_url
from cluster.core.pictures.photos import Settled
from cluster.pipeline.plan import Plan, waits_for_database
from cluster.store.database.engine import begin
from cluster.store.items.census import Doubtful, list_doubtful, settle_files
from cluster.store.items.companion_items import (
    Companions,
    list_companions,
    note_companions,
    release_companions,
    settle_companions,
)
from cluster.vision.sources.library_walk import ask_storage, find_gone

COMPANIONS_AT_ONCE = 256
"""The number of companions in one transaction, so that other sessions can commit in between."""


def settle_library(plan: Plan, *, report: Callable[[Settled], object]) -> bool:
    """Decide which known files have moved or are gone, and which belong to other files' photos.

    `report` tells the live view the counts after each transaction. Returns True.
    """
    _write_files(plan, _find_gone(plan, _list_doubtful(plan)))
    pairs = _list_companions(plan).pairs
    for start in range(0, len(pairs), COMPANIONS_AT_ONCE):
        report(_settle_companions(plan, pairs[start : start + COMPANIONS_AT_ONCE]))
    loose = _list_companions(plan).loose
    if loose:
        report(_release_companions(plan, loose))
    _note_companions(plan)
    return True


@waits_for_database
def _list_companions(plan: Plan) -> Companions:
    with begin(plan.engine) as db:
        return list_companions(db, plan.session_id, root=plan.root)


@waits_for_database
def _settle_companions(plan: Plan, pairs: Sequence[tuple[int, int]]) -> Settled:
    with begin(plan.engine) as db:
        return settle_companions(db, plan.session_id, pairs, pack=plan.pack.name)


@waits_for_database
def _note_companions(plan: Plan) -> None:
    with begin(plan.engine) as db:
        note_companions(db, plan.session_id)


@waits_for_database
def _release_companions(plan: Plan, file_ids: Sequence[int]) -> Settled:
    with begin(plan.engine) as db:
        return release_companions(db, plan.session_id, file_ids, pack=plan.pack.name)


def _find_gone(plan: Plan, doubtful: Sequence[Doubtful]) -> list[int]:
    """Return the ids of the files that are gone; none if the storage does not answer."""
    places = [one for one in doubtful if not is_url(one.path)]
    try:
        gone = set(ask_storage(plan.root, partial(find_gone, [one.path for one in places])))
    except RootUnreachable:
        return []
    return [one.file_id for one in places if one.path in gone]


@waits_for_database
def _list_doubtful(plan: Plan) -> list[Doubtful]:
    with begin(plan.engine) as db:
        return list_doubtful(db, plan.session_id)


@waits_for_database
def _write_files(plan: Plan, gone: Sequence[int]) -> None:
    with begin(plan.engine) as db:
        settle_files(
            db,
            plan.session_id,
            root=plan.root,
            gone=gone,
            now=datetime.now(UTC),
            takes_films=plan.limits.takes_films,
        )
