"""What `jobs.check` finds in a library, even while a run is at work on it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cluster.core.damage import DamageKind, describe_damage
from cluster.settings import Settings
from cluster.store.database.engine import build_engine
from cluster.store.server.embedded import start_embedded, stop_embedded
from jobs.library_check import check_library


def find_damage(data_dir: Path, *, but: Collection[DamageKind] = ()) -> list[str]:
    """Return the damage in words, without the kinds that the test causes itself."""
    engine = build_engine(start_embedded(data_dir))
    try:
        report = check_library(engine, Settings(data_dir=data_dir))
    finally:
        engine.dispose()
        stop_embedded(data_dir)
    return [describe_damage(one) for one in report.damage if one.kind not in but]
