"""Makes backups that are due at the end of a session, and while the server is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from cluster.core.errors import BackupFailed, DatabaseUnavailable
from cluster.core.reports import Throttle
from cluster.settings import Settings, backup_policy
from cluster.store.backups.routine import back_up_if_due
from cluster.store.database.engine import Engine

LOOK_INTERVAL_S = 600.0
"""The interval at which a kept server checks whether a backup is due."""


def back_up_after(engine: Engine, settings: Settings) -> dict[str, str]:
    """Make a backup if one is due, and return its line for the summary, by the line's name.

    A failure is reported in the line, and later on the page and by the doctor; it fails no session.
    """
    try:
        made = back_up_if_due(engine, backup_policy(settings), now=datetime.now(UTC))
    except (BackupFailed, DatabaseUnavailable) as error:
        return {"NOT backed up": str(error)}
    return {} if made is None else {"backed up": str(made.file)}


def back_up_at_times(
    engine: Engine, settings: Settings, print_line: Callable[[str], None]
) -> Callable[[], None]:
    """Return a function that makes a backup if one is due; it checks every LOOK_INTERVAL_S."""
    looks = Throttle(LOOK_INTERVAL_S)
    looks.admit(now=time.monotonic())

    def look() -> None:
        if looks.admit(now=time.monotonic()):
            for name, says in back_up_after(engine, settings).items():
                print_line(f"{name}: {says}")

    return look
