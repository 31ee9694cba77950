"""Commits a batch of face detection: writes faces, moves items, adds counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import DetectionOutcome, Settled, Work
from cluster.core.sessions import PhaseName
from cluster.store.database.copying import driver_connection
from cluster.store.database.storable import storable_text
from cluster.store.items.item_claims import claim_items
from cluster.store.people.erased_faces import leave_out_erased, leave_out_new_in_films
from cluster.store.people.face_rows import COPY_FACES, HEADER, TRAILER, pack_face
from cluster.store.people.found_faces import FoundFaces
from cluster.store.people.redetected_faces import keep_redetected
from cluster.store.people.searched_sizes import fit_to_photos
from cluster.store.sessions.counts import add_counts, no_wait

FORGOTTEN = "the photo was forgotten since it was read; restart the session to read it again"

_FAIL = text(
    """
    UPDATE session_item SET detection_state = 'failed', detection_reason = :reason
    WHERE session_id = :session_id AND file_id = ANY(:ids)
    """
)

# Another session may have searched the same photo meanwhile. Its faces stay, because users may have
# placed them, and the faces of this batch are not written.
_NOTE = text(
    """
    INSERT INTO detection (image_id, pack, faces, detected_at)
    SELECT image_id, :pack, faces, :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:faces AS bigint[])) AS o (image_id, faces)
    ORDER BY image_id
    ON CONFLICT DO NOTHING
    RETURNING image_id, EXISTS (
        SELECT FROM face f WHERE f.image_id = detection.image_id AND f.pack = detection.pack
    ) OR EXISTS (
        SELECT FROM erased_face e WHERE e.image_id = detection.image_id
    ) AS had_faces
    """
)

_COUNT_KNOWN = text(
    "SELECT coalesce(sum(faces), 0) FROM detection WHERE pack = :pack AND image_id = ANY(:ids)"
)


def settle_detection(
    db: Session,
    session_id: int,
    outcomes: Sequence[DetectionOutcome],
    *,
    pack: str,
    now: datetime,
    attempt: int | None = None,
    workers: int = 0,
    waited_s: Callable[[], float] = no_wait,
) -> Settled:
    """Commit the outcomes of a batch, and return the counts of the phase.

    Only pending items move, and only their faces are written. A second run of a batch, deleted
    items, and a batch of an earlier attempt add nothing (an attempt of None is always current). The
    work of the items is added with their counts, as in training.
    """
    by_id = {outcome.file_id: outcome for outcome in outcomes}
    failures = {file_id: storable_text(one.failure) for file_id, one in by_id.items()}
    moved = claim_items(db, session_id, PhaseName.FACE_DETECTION, failures, attempt=attempt)
    lost = [one.file_id for one in moved if not one.has_failed and one.image_id is None]
    if lost:
        db.execute(_FAIL, {"session_id": session_id, "ids": lost, "reason": FORGOTTEN})
    seen = [
        FoundFaces(one.image_id, by_id[one.file_id].faces)
        for one in moved
        if not one.has_failed and one.image_id is not None
    ]
    sizes = {
        one.image_id: size
        for one in moved
        if one.image_id is not None and (size := by_id[one.file_id].size) is not None
    }
    seen = fit_to_photos(db, seen, sizes)
    faces = _keep_faces(db, seen, pack=pack, now=now) if seen else 0
    work = Work(
        pixels=sum(by_id[one.file_id].pixels for one in moved),
        read_bytes=sum(by_id[one.file_id].read_bytes for one in moved),
        waited_s=waited_s(),
        workers=workers,
    )
    return add_counts(
        db,
        session_id,
        PhaseName.FACE_DETECTION,
        processed=len(seen),
        failed=len(moved) - len(seen),
        faces_detected=faces,
        work=work,
    )


def _keep_faces(db: Session, seen: Sequence[FoundFaces], *, pack: str, now: datetime) -> int:
    """Write the faces of photos not yet searched; return how many faces all these photos have."""
    key = {
        "pack": pack,
        "now": now,
        "ids": [outcome.image_id for outcome in seen],
        "faces": [len(outcome.faces) for outcome in seen],
    }
    had_faces = {row.image_id: row.had_faces for row in db.execute(_NOTE, key)}
    fresh = [outcome for outcome in seen if outcome.image_id in had_faces]
    again = [outcome for outcome in fresh if had_faces[outcome.image_id]]
    first = [outcome for outcome in fresh if not had_faces[outcome.image_id]]
    new: Sequence[FoundFaces] = ()
    left_out = 0
    if again:
        again = leave_out_erased(db, again, pack=pack)
        new = keep_redetected(db, again, pack=pack)
        new, left_out = leave_out_new_in_films(db, new, pack=pack)
    _copy_faces(db, [*first, *new], pack=pack)
    known = [outcome.image_id for outcome in seen if outcome.image_id not in had_faces]
    count = sum(len(outcome.faces) for outcome in (*first, *again)) - left_out
    if known:
        count += int(db.execute(_COUNT_KNOWN, {"pack": pack, "ids": known}).scalar_one())
    return count


def _copy_faces(db: Session, outcomes: Iterable[FoundFaces], *, pack: str) -> None:
    rows = [
        pack_face(face, image_id=outcome.image_id, pack=pack)
        for outcome in outcomes
        for face in outcome.faces
    ]
    if not rows:
        return
    with driver_connection(db).cursor().copy(COPY_FACES) as copy:
        copy.write(HEADER + b"".join(rows) + TRAILER)
