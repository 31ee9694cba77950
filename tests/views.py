"""Live views for tests that have no Ray."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from sqlalchemy import Engine

from cluster.actors.progress_actor import Progress
from cluster.actors.session_clocks import TimeStore
from cluster.store.database.progress_versions import next_first_version
from cluster.store.sessions.high_water_marks import raise_high_water_mark
from cluster.store.sessions.phase_rows import load_snapshots


def view_of(engine: Engine) -> Progress:
    """Return a live view of a library, as ProgressActor makes one."""
    return Progress(
        load=partial(load_snapshots, engine),
        keep=partial(raise_high_water_mark, engine),
        first_version=partial(next_first_version, engine),
        clock=time.monotonic,
        keep_interval_s=0,
        times=TimeStore.of(engine),
    )


def view_without_database(**options: Any) -> Progress:
    """Return a live view that stores no high-water marks, unless `options` give it a store."""
    nowhere: dict[str, Any] = {
        "keep": lambda *floor: None,
        "first_version": lambda: 1000,
        "clock": lambda: 0.0,
        "keep_interval_s": 0,
    }
    return Progress(**nowhere | options)
