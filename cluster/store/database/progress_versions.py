"""Versions of what is shown: they rise through every restart, whatever the clock does."""

from __future__ import annotations

from sqlalchemy import Engine, text

from cluster.store.database.engine import begin

VERSIONS_PER_VIEW = 1 << 32
"""So many changes a live view may show; 2 million views fit into the integers of JavaScript."""

_NEXT_VIEW = text("SELECT nextval('live_view')")


def next_first_version(engine: Engine) -> int:
    """Return a number above all versions that were ever shown; raise DatabaseUnavailable."""
    with begin(engine) as db:
        return int(db.execute(_NEXT_VIEW).scalar_one()) * VERSIONS_PER_VIEW
