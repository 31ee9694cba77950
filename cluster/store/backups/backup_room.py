"""Checks that a disk has room for a backup and its proof, before either is written.

A full disk would stop the embedded PostgreSQL, and with it a running session.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, text

from cluster.core.errors import BackupFailed
from cluster.store.database.engine import begin
from cluster.store.server.server_files import find_home

SPARE_BYTES = 128 << 20
"""Room that must stay free on the database's disk: a few segments of the write-ahead log."""

_SIZE = text("SELECT pg_database_size(current_database())")


def check_room(engine: Engine, folder: Path | None, *, least_bytes: int = 0) -> None:
    """Raise BackupFailed unless there is room for a copy of the database, or for `least_bytes`.

    The file needs room in `folder`, if given; a backup of decisions is small, so no `folder` is
    given for it. The scratch database needs room on the disk of the embedded server, whose log
    holds most of the copied rows as well.
    """
    with begin(engine) as db:
        size = max(least_bytes, int(db.execute(_SIZE).scalar_one()))
    home = find_home(engine.url.query.get("host"))
    needs: Counter[int] = Counter()
    places: dict[int, Path] = {}
    for place, copies, spare in ((folder, 1, 0), (home, 2, SPARE_BYTES)):
        if place is not None:
            device = place.stat().st_dev
            needs[device] += copies * size + spare
            places.setdefault(device, place)
    for device, place in places.items():
        wanted, free = needs[device], shutil.disk_usage(place).free
        if free < wanted:
            raise BackupFailed(
                f"The disk of {place} has {free >> 20:,} MB left, and a backup with its proof "
                f"needs {wanted >> 20:,} MB. Make room, or set a backup_dir on another disk."
            )
