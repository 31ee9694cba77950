"""Deletes the traces of erased people from the undo log.

The log holds names. So the changes of an erased person are deleted, and also the changes of deleted
people whose faces went to that person, who would come back only if the change that took their faces
were undone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

# The recursion goes from one deleted person to another through the changes that mention both.
# People deleted by clustering instead of a logged change are forgotten too, because it is unknown
# who has their faces now.
_FORGET = text(
    """
    WITH RECURSIVE mention AS (
        SELECT change_id, person_id FROM person_change_person
        UNION SELECT id, person_id FROM person_change WHERE person_id IS NOT NULL
        UNION SELECT id, other_id FROM person_change WHERE other_id IS NOT NULL
    ), gone AS (
        SELECT m.person_id, max(m.change_id) FILTER (WHERE c.undone_at IS NULL) AS last_id
        FROM mention m JOIN person_change c ON c.id = m.change_id
        WHERE NOT EXISTS (SELECT FROM person p WHERE p.id = m.person_id) GROUP BY 1
    ), forgotten AS (
        SELECT unnest(CAST(:ids AS bigint[])) AS person_id
        UNION
        SELECT g.person_id FROM gone g LEFT JOIN person_change c ON c.id = g.last_id
        WHERE c.id IS NULL OR c.kind NOT IN ('merge', 'move', 'verdict', 'answer')
        UNION
        SELECT n.person_id FROM (
            SELECT DISTINCT g.person_id, m.person_id AS known_id FROM gone g
                JOIN mention o USING (person_id) JOIN mention m ON m.change_id = o.change_id
        ) n JOIN forgotten f ON f.person_id = n.known_id
    )
    DELETE FROM person_change
    WHERE id IN (SELECT change_id FROM mention JOIN forgotten USING (person_id))
    """
)


def forget_changes(db: Session, person_ids: Sequence[int]) -> None:
    """Delete every change that mentions these people, or people whose faces they may have."""
    if person_ids:
        db.execute(_FORGET, {"ids": list(person_ids)})
