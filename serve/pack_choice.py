"""Chooses the pack whose people a request reads or changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from cluster.store.database.engine import begin
from cluster.store.sessions.session_rows import find_newest_pack
from serve.bodies.session_bodies import PACK_PATTERN
from serve.parts import Parts


def choose_pack(
    parts: Parts,
    pack: Annotated[
        str | None, Query(pattern=PACK_PATTERN, description="default: pack of the newest session")
    ] = None,
) -> str:
    """Return the requested pack, else that of the newest session, else that of the server."""
    if pack is not None:
        return pack
    with begin(parts.engine) as db:
        newest = find_newest_pack(db)
    return newest or parts.choose_pack(parts.pack).name


PackName = Annotated[str, Depends(choose_pack)]
