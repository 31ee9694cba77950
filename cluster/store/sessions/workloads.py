"""Reads the pending work of a session, and the speeds of earlier sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.files.suffixes import FILM_SUFFIXES
from cluster.core.sessions import PHOTO_PHASES, PhaseName
from cluster.core.time_left.dry_times import PastSessions
from cluster.core.time_left.forecast import PAST_SIGMA, units_of
from cluster.core.time_left.speed import KnownSpeed
from cluster.core.time_left.workload import (
    BYTES_PER_UNIT,
    FILM_BYTES_PER_UNIT,
    FILM_SECONDS_PER_UNIT,
    MOST_FILM_UNITS,
    PIXELS_PER_UNIT,
    AlikeFiles,
    PhaseWork,
    Workload,
    grouping_seconds,
    segment_work,
    share_of_copies,
)
from cluster.store.database.columns import ITEM_PREFIXES
from cluster.store.database.engine import Engine, begin

SEGMENTS = 200
MOST_OF_A_SIZE = 4
"""Files usually have two or three copies. If more files are equally large, their format has a fixed
size, such as the uncompressed pictures of a camera."""

PAST_SESSIONS = 4
FEWEST_ITEMS = 16
"""A phase of an earlier session with fewer items says nothing about its speed."""

STARTING_S, MOST_DOUBT = 3.0, 0.6
"""Seconds that the start of a phase may take, which make the speed of a short phase uncertain; and
the most that they add to the standard deviation of its logarithm."""

_FILMS = "[.](" + "|".join(sorted(suffix[1:] for suffix in FILM_SUFFIXES)) + ")$"
_IS_FILM = f"f.path ~* '{_FILMS}'"
_SIZES = {
    PhaseName.TRAINING: f"""
        count(f.size) FILTER (WHERE NOT {_IS_FILM}) AS measured,
        sum(sqrt(CAST(f.size AS float) / {BYTES_PER_UNIT})) FILTER (WHERE NOT {_IS_FILM}) AS units,
        sum(f.size) FILTER (WHERE {_IS_FILM}) / {FILM_BYTES_PER_UNIT}.0 AS extra
        """,
    PhaseName.FACE_DETECTION: f"""
        count(m.id) FILTER (WHERE m.duration_s IS NULL) AS measured,
        sum(m.width * m.height) FILTER (WHERE m.duration_s IS NULL) / {PIXELS_PER_UNIT}.0 AS units,
        sum(least(m.duration_s / {FILM_SECONDS_PER_UNIT}, {MOST_FILM_UNITS}))
            FILTER (WHERE m.duration_s IS NOT NULL) AS extra
        """,
}
_SEGMENTS = {
    name: text(
        f"""
        SELECT count(*) AS items, {_SIZES[name]}
        FROM (
            SELECT file_id, ntile({SEGMENTS}) OVER (ORDER BY position) AS segment
            FROM session_item
            WHERE session_id = :session_id AND {ITEM_PREFIXES[name]}_state = 'pending'
        ) i
        JOIN file f ON f.id = i.file_id
        LEFT JOIN image m ON m.id = f.image_id
        GROUP BY i.segment ORDER BY i.segment
        """
    )
    for name in PHOTO_PHASES
}
_ALIKE = text(
    f"""
    WITH item AS (
        SELECT i.position, i.training_state = 'pending' AS is_pending, f.size,
            i.training_skip IS DISTINCT FROM 'unchanged' AS is_new,
            row_number() OVER (PARTITION BY f.size ORDER BY i.position)
                BETWEEN 2 AND {MOST_OF_A_SIZE} AS is_alike
        FROM session_item i JOIN file f ON f.id = i.file_id
        WHERE i.session_id = :session_id AND f.size > 0
    )
    SELECT array_agg(s.items ORDER BY s.segment) AS items,
        array_agg(s.alike ORDER BY s.segment) AS alike,
        (SELECT count(*) FROM item WHERE is_alike AND is_new) AS total,
        (SELECT count(DISTINCT size) FROM item) AS sizes,
        (SELECT count(*) FROM (
            SELECT size, lead(size) OVER (ORDER BY size) AS next FROM item GROUP BY size
        ) d WHERE d.next = d.size + 1) AS neighbours
    FROM (
        SELECT segment, count(*) AS items, count(*) FILTER (WHERE is_alike) AS alike
        FROM (
            SELECT is_alike, ntile({SEGMENTS}) OVER (ORDER BY position) AS segment
            FROM item WHERE is_pending
        ) p
        GROUP BY segment
    ) s
    """
)
_LIBRARY = text(
    """
    SELECT (SELECT count(*) FROM face WHERE pack = s.pack) AS faces,
        coalesce((
            SELECT max(p.total) FROM session_phase p JOIN training_session e ON e.id = p.session_id
            WHERE e.library_id = s.library_id AND e.id <> s.id AND p.phase = 'training'
                AND NOT p.discovering
        ), 0) AS known_files
    FROM training_session s WHERE s.id = :session_id
    """
)
_PAST = text(
    """
    SELECT p.phase, p.processed, p.skipped, p.failed, p.unchanged, p.bytes, p.pixels,
        p.faces_detected,
        CASE WHEN p.active_s > 0 THEN p.active_s
            ELSE extract(epoch FROM p.completed_at - p.started_at) END AS seconds
    FROM session_phase p
    JOIN training_session s ON s.id = p.session_id AND s.status = 'completed'
    WHERE s.pack = coalesce(
            CAST(:pack AS text), (SELECT pack FROM training_session WHERE id = :session_id)
        )
        AND s.id IS DISTINCT FROM :session_id AND p.completed_at > p.started_at
    ORDER BY s.id DESC LIMIT 60
    """
)


def load_workload(engine: Engine, session_id: int) -> Workload:
    """Return the pending work of a session. Raises DatabaseUnavailable."""
    with begin(engine) as db:
        return get_workload(db, session_id)


def get_workload(db: Session, session_id: int) -> Workload:
    """Return the pending work of a session, in segments with about equal numbers of items."""
    key = {"session_id": session_id}
    library = db.execute(_LIBRARY, key).one_or_none()
    works = {name: _to_work(db.execute(_SEGMENTS[name], key).all()) for name in PHOTO_PHASES}
    return Workload(
        works[PhaseName.TRAINING],
        works[PhaseName.FACE_DETECTION],
        faces=0 if library is None else library.faces,
        known_files=0 if library is None else library.known_files,
        alike=_get_alike(db, session_id) if works[PhaseName.TRAINING].total_items else AlikeFiles(),
    )


def _to_work(rows: Sequence[Any]) -> PhaseWork:
    """Return the work of segments; segments without known sizes count like the others."""
    measured, units = sum(r.measured for r in rows), sum(float(r.units or 0) for r in rows)
    work = [
        segment_work(
            items=r.items,
            measured=r.measured or measured,
            units=float(r.units or 0) if r.measured else units,
            extra=float(r.extra or 0),
        )
        for r in rows
    ]
    return PhaseWork(tuple(r.items for r in rows), tuple(work))


def _get_alike(db: Session, session_id: int) -> AlikeFiles:
    """Return the files that are as large as an earlier one; none if no file is pending."""
    row = db.execute(_ALIKE, {"session_id": session_id}).one()
    if not row.items:  # No pending file has a known size.
        return AlikeFiles()
    pending = PhaseWork(tuple(row.items), tuple(map(float, row.alike)))
    share = share_of_copies(row.total, sizes=row.sizes, neighbours=row.neighbours)
    return AlikeFiles(pending, row.total, share)


def load_past(engine: Engine, session_id: int) -> tuple[dict[PhaseName, KnownSpeed], float | None]:
    """Return the speeds of earlier sessions with the same pack, and the factor of grouping.

    Speeds are units per second; a phase without an earlier session is left out. The factor is the
    time of grouping as a multiple of `grouping_seconds`, None if unknown. Raises
    DatabaseUnavailable.
    """
    with begin(engine) as db:
        rows = db.execute(_PAST, {"session_id": session_id, "pack": None}).all()
    return _past_speeds(rows)


def get_past(db: Session, *, pack: str) -> PastSessions:
    """Return the speeds of the completed sessions with a pack, for estimating the next one."""
    rows = db.execute(_PAST, {"session_id": None, "pack": pack}).all()
    speeds, grouping = _past_speeds(rows)
    found = [row for row in rows if row.phase == PhaseName.FACE_DETECTION and row.processed]
    searched = sum(row.processed for row in found)
    if not searched:
        return PastSessions(speeds, grouping)
    faces, pixels = sum(row.faces_detected for row in found), sum(row.pixels for row in found)
    return PastSessions(speeds, grouping, faces / searched, pixels / searched)


def _past_speeds(rows: Sequence[Any]) -> tuple[dict[PhaseName, KnownSpeed], float | None]:
    speeds = {name: _past_speed(name, rows) for name in PHOTO_PHASES}
    factors = [
        float(row.seconds) / grouping_seconds(row.processed)
        for row in rows
        if row.phase == PhaseName.CLUSTERING and row.seconds and row.processed
    ][:PAST_SESSIONS]
    grouping = math.exp(sum(map(math.log, factors)) / len(factors)) if factors else None
    return {name: speed for name, speed in speeds.items() if speed is not None}, grouping


def _past_speed(name: PhaseName, rows: Sequence[Any]) -> KnownSpeed | None:
    """Return the speed of the newest sessions, weighted towards the newest one."""
    logs: list[float] = []
    doubts: list[float] = []
    for row in rows:
        items = _worked_items(name, row)
        if row.phase != name or items < FEWEST_ITEMS or not row.seconds or row.seconds <= 0:
            continue
        units = units_of(name, items=items, total_bytes=row.bytes, pixels=row.pixels)
        logs.append(math.log(units / float(row.seconds)))
        doubts.append(STARTING_S / float(row.seconds))
    if not logs:
        return None
    weights = [0.5**n for n in range(len(logs[:PAST_SESSIONS]))]
    mean = sum(w * x for w, x in zip(weights, logs, strict=False)) / sum(weights)
    apart = sum(w * (x - mean) ** 2 for w, x in zip(weights, logs, strict=False)) / sum(weights)
    doubt = sum(w * x for w, x in zip(weights, doubts, strict=False)) / sum(weights)
    return KnownSpeed(mean, math.sqrt(PAST_SIGMA**2 + apart + min(MOST_DOUBT, doubt) ** 2))


def _worked_items(name: PhaseName, row: Any) -> int:
    if name is PhaseName.FACE_DETECTION:
        return int(row.processed + row.failed)
    return int(row.processed + row.skipped + row.failed - row.unchanged)
