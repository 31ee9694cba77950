"""The cover of a person: the face that a user chose, or else the best one, as SQL.

The best face is sharp, large and of good quality. Quality counts most, because it says whether
there is a face to see: sharpness and size double it at most. A face that an earlier version found
has no sharpness, and counts as of middling sharpness.
"""

from __future__ import annotations

from cluster.core.identity.people import TAG_CHARACTERS

CANDIDATES = 20
"""So many faces of best quality are compared; the index of faces by quality has them in order."""

LARGE_PX = 160
"""The side of the cover in pixels, from which on a face gets no better by being larger."""

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
"""Joins the cover of the person `p`, which has its `id` and `cover_face_id`: `cover.cover_face_id`
and `cover_tag`, and `chosen.id` when a user chose it. A chosen face that was moved to another
person is no cover as long as it is there."""
