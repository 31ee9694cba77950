"""SQL for the cover of a person: the face that a user chose, or else the best one.

The best face is sharp, large and of good quality. Quality counts most, because it shows whether a
face is visible at all; sharpness and size each double it at most. A face found by an earlier
version has no sharpness, and counts as medium sharp.
"""

from __future__ import annotations

from cluster.core.identity.people import TAG_CHARACTERS

CANDIDATES = 20
"""The number of faces of best quality that are compared, which an index has in order."""

LARGE_PX = 160
"""A larger side, in pixels, does not make a face a better cover."""

_SCORE = f"""
    quality * (1 + coalesce(sharpness, 0.5))
        * (1 + least(1, least(box_right - box_left, box_bottom - box_top) / {LARGE_PX}.0))
    """

COVER = f"""
    LEFT JOIN face chosen ON chosen.id = p.cover_face_id AND chosen.person_id = p.id
    LEFT JOIN LATERAL (
        SELECT id FROM (
            SELECT id, quality, sharpness, box_left, box_top, box_right, box_bottom
            FROM face WHERE person_id = p.id AND chosen.id IS NULL
            ORDER BY quality DESC, id LIMIT {CANDIDATES}
        ) candidate ORDER BY {_SCORE} DESC, id LIMIT 1
    ) best ON true
    LEFT JOIN LATERAL (
        SELECT id AS cover_face_id, left(encode(sha256(crop), 'hex'), {TAG_CHARACTERS}) AS cover_tag
        FROM face WHERE id = coalesce(chosen.id, best.id)
    ) cover ON true
    """
"""SQL that joins the cover of the person `p`, which must have `id` and `cover_face_id`. It adds
`cover.cover_face_id`, `cover_tag`, and `chosen.id` if a user chose the cover. A chosen face that
was moved to another person is not the cover while it is there."""
