"""Small records in private files, which are replaced atomically."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from cluster.store.backups.backup_archives import create_private


def write_record(file: Path, values: dict[str, Any]) -> None:
    """Replace a record, and create its folder if it is missing. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with create_private(fresh) as opened:
            opened.write(json.dumps(values).encode())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def read_record(file: Path) -> dict[str, Any] | None:
    """Return a record; None if it is missing or damaged."""
    with suppress(OSError, ValueError):
        values = json.loads(file.read_text())
        if isinstance(values, dict):
            return values
    return None
