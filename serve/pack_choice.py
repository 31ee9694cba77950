"""Which pack's people are meant when the client does not say."""

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
        str | None, Query(pattern=PACK_PATTERN, description="default: that of the newest session")
    ] = None,
) -> str:
    """Return the pack that is asked for, else the newest session's, else the server's."""
    if pack is not None:
        return pack
    with begin(parts.engine) as db:
        newest = find_newest_pack(db)
    return newest or parts.choose_pack(parts.pack).name


PackName = Annotated[str, Depends(choose_pack)]
