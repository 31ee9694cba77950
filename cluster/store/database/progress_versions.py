"""Provides versions of the shown progress, which rise across restarts, without using the clock."""

from __future__ import annotations

from sqlalchemy import Engine, text

from cluster.store.database.engine import begin

VERSIONS_PER_VIEW = 1 << 32
"""The number of versions of each live view. 2 million views fit into JavaScript's integers."""

_NEXT_VIEW = text("SELECT nextval('live_view')")


def next_first_version(engine: Engine) -> int:
    """Return a number above all versions shown so far. Raises DatabaseUnavailable."""
    with begin(engine) as db:
        return int(db.execute(_NEXT_VIEW).scalar_one()) * VERSIONS_PER_VIEW
