"""Finds the people whose faces are nearest to a vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.identity.people import Match
from cluster.store.people.people_list import load_people

# Each stored vector is read once for all query vectors, because reading is most of the work.
_NEAREST = text(
    """
    WITH near AS (
        SELECT asked.n, f.person_id, min(f.embedding <=> asked.vector) AS distance
        FROM face f JOIN person p ON p.id = f.person_id AND NOT p.hidden
            CROSS JOIN unnest(CAST(:vectors AS vector[])) WITH ORDINALITY AS asked (vector, n)
        WHERE f.pack = :pack AND f.embedding IS NOT NULL GROUP BY 1, 2
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY n ORDER BY distance, person_id) AS place FROM near
    )
    SELECT n, person_id, 1 - distance AS similarity FROM ranked WHERE place <= :limit
    ORDER BY n, place
    """
)


def find_nearest_people(
    db: Session, embeddings: Sequence[bytes], *, pack: str, limit: int
) -> list[tuple[Match, ...]]:
    """Return, for each embedding (float32 bytes, of `pack`), at most `limit` people, nearest first.

    The similarity of a person is that of its most similar face, as the cosine of the two vectors,
    -1 to 1. All faces are compared exactly. Hidden people are left out.
    """
    if not embeddings:
        return []
    key = {"vectors": [_to_text(one) for one in embeddings], "pack": pack, "limit": limit}
    rows = db.execute(_NEAREST, key).all()
    people = load_people(db, list({row.person_id for row in rows}))
    found: list[list[Match]] = [[] for _ in embeddings]
    for row in rows:
        if row.person_id in people:
            found[row.n - 1].append(Match(people[row.person_id], row.similarity))
    return [tuple(matches) for matches in found]


def _to_text(embedding: bytes) -> str:
    """Return a vector as text for pgvector; nine significant digits preserve a float32 exactly."""
    return "[" + ",".join(f"{x:.9g}" for x in np.frombuffer(embedding, "<f4").tolist()) + "]"
