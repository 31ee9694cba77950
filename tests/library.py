"""Photos, records and faces that fill a database, made from names and without pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.orm import Session

from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import (
    DetectionOutcome,
    FoundPhoto,
    PhotoRecord,
    Settled,
    TrainingOutcome,
)
from cluster.core.pictures.same_picture import BLOCKS_BYTES
from cluster.core.sessions import Move, PhaseName
from cluster.store.items import training_batches
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import create_session, move_session

PACK = "bundled"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def found(name: str, *, modified_ns: int | None = 100, size: int | None = 10) -> FoundPhoto:
    return FoundPhoto(f"/photos/{name}.jpg", size, modified_ns)


def start_session(db: Session, *, pack: str = PACK, root: str = "/photos") -> int:
    session = create_session(db, root=root, name=None, pack=pack, options={}, now=NOW)
    move_session(db, session.id, Move.START, now=NOW)
    return session.id


def record(picture: str, *, dhash: int = 0, width: int = 400, data: str = "") -> PhotoRecord:
    """A record with the pHash of `picture`; `data` distinguishes files of the same picture."""
    digest = hashlib.sha256(picture.encode()).digest()
    return PhotoRecord(
        sha256=hashlib.sha256((picture + data).encode()).digest(),
        width=width,
        height=width * 3 // 4,
        taken_at=datetime(2020, 1, 1),
        phash=int.from_bytes(digest[:8], "big"),
        dhash=dhash,
        thumbnail=b"\xff\xd8" + digest,
        content=hashlib.sha256((picture + data).encode()).digest(),
        blocks=bytes(BLOCKS_BYTES),
    )


def ids_of(db: Session, session_id: int, phase: PhaseName = PhaseName.TRAINING) -> dict[str, int]:
    """The ids of the pending files of a session by their names."""
    pending = list_pending(db, session_id, phase, limit=10_000)
    return {item.path.split("/")[-1].removesuffix(".jpg"): item.file_id for item in pending}


def settle_training(
    db: Session,
    session_id: int,
    outcomes: Sequence[TrainingOutcome],
    *,
    pack: str,
    attempt: int | None = None,
) -> Settled:
    """Settle a batch; pictures that are turned are marked."""
    return training_batches.settle_training(
        db, session_id, outcomes, pack=pack, turn=keep_upright, attempt=attempt
    )


def train(db: Session, session_id: int, pictures: dict[str, str], *, pack: str = PACK) -> Settled:
    """Settle the photos in one batch; `pictures` maps their names to the pictures in them."""
    ids = ids_of(db, session_id)
    outcomes = [
        TrainingOutcome(ids[name], record(picture, data=name)) for name, picture in pictures.items()
    ]
    return settle_training(db, session_id, outcomes, pack=pack)


def keep_upright(picture: bytes, turn: int) -> bytes:
    """Mark a picture as turned, without turning it."""
    return picture + b" turned by %d" % turn


def photos_of(
    db: Session, session_id: int, phase: PhaseName = PhaseName.FACE_DETECTION
) -> dict[str, int]:
    """The ids of the photos that the pending files of a session hold, by the files' names."""
    pending = list_pending(db, session_id, phase, limit=10_000)
    held = [(item.path, item.image_id) for item in pending]
    return {path.split("/")[-1].removesuffix(".jpg"): one for path, one in held if one is not None}


def make_face(number: int, *, quality: float = 0.9, dimensions: int = 512) -> Face:
    vector = np.random.default_rng(number).normal(size=dimensions).astype("<f4")
    vector /= np.linalg.norm(vector)
    return Face(
        box=BoundingBox(1.5, 2.5, 50.0, 60.0),
        landmarks=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0)),
        score=0.75,
        quality=quality,
        embedding=vector.tobytes(),
        crop=b"\xff\xd8crop",
    )


def detect(db: Session, session_id: int, faces: dict[str, int], *, pack: str = PACK) -> Settled:
    """Settle the named photos in one batch, each with this many faces."""
    ids = ids_of(db, session_id, PhaseName.FACE_DETECTION)
    outcomes = [
        DetectionOutcome(ids[name], tuple(make_face(100 * ids[name] + n) for n in range(count)))
        for name, count in faces.items()
    ]
    return settle_detection(db, session_id, outcomes, pack=pack, now=NOW)


def run_session(
    db: Session,
    photos: dict[str, FoundPhoto],
    *,
    pack: str = PACK,
    faces_each: int = 1,
    root: str = "/photos",
) -> int:
    """Run a whole session over photos that all show different pictures; return its id."""
    session_id = start_session(db, pack=pack, root=root)
    add_found(db, session_id, list(photos.values()), pack=pack)
    finish_discovery(db, session_id)
    train(db, session_id, {name: name for name in ids_of(db, session_id)}, pack=pack)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    skip_known(db, session_id)
    pending = ids_of(db, session_id, PhaseName.FACE_DETECTION)
    detect(db, session_id, dict.fromkeys(pending, faces_each), pack=pack)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    return session_id
