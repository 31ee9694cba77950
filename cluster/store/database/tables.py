"""The tables, except for those of people (people_tables.py), decisions and promises.

An enum column holds the values of its StrEnum as text, with a check.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.core.pictures.duplicates import QUARTER_SHIFTS
from cluster.core.sessions import ItemState, PhaseName, PhaseStatus, SessionStatus, SkipReason
from cluster.store.database.columns import Table as Table
from cluster.store.database.decision_tables import KeptDecision as KeptDecision
from cluster.store.database.people_tables import ErasedFace as ErasedFace
from cluster.store.database.people_tables import Face as Face
from cluster.store.database.people_tables import FaceAnswer as FaceAnswer
from cluster.store.database.people_tables import Person as Person
from cluster.store.database.people_tables import PersonChange as PersonChange
from cluster.store.database.people_tables import PersonChangeFace as PersonChangeFace
from cluster.store.database.people_tables import PersonChangePerson as PersonChangePerson
from cluster.store.database.promise_tables import Notification as Notification
from cluster.store.database.promise_tables import SessionSample as SessionSample

PHASH_QUARTERS = tuple(f"((phash >> {shift}) & 65535)" for shift in QUARTER_SHIFTS)
"""The quarters of a pHash as SQL; similar pHashes share one.

See cluster/core/pictures/duplicates.py.
"""


class Image(Table):
    """A photo: a picture, independent of its files. A film is a photo with a `duration_s`.

    `content` is the digest of the picture without its metadata, None for a picture that an earlier
    version read, until it is read again. `orientation` is the EXIF orientation by which pixels,
    boxes and the thumbnail were turned. `missing_since` is set while none of its files is there.
    `duplicate_of` is the photo that represents this one, and is not itself a duplicate within one
    session; `similar_to` is a photo that looks alike but is not the same.
    """

    __tablename__ = "image"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    content: Mapped[bytes | None]
    orientation: Mapped[int] = mapped_column(server_default="1")
    width: Mapped[int]
    height: Mapped[int]
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    duration_s: Mapped[float | None]
    phash: Mapped[int]
    dhash: Mapped[bytes]
    blocks: Mapped[bytes] = mapped_column(server_default=text("''"))
    thumbnail: Mapped[bytes]
    duplicate_of: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="SET NULL"))
    similar_to: Mapped[int | None] = mapped_column(ForeignKey("image.id", ondelete="SET NULL"))
    missing_since: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_image_content", "content", "orientation", unique=True),
        *(Index(f"ix_image_phash_{n}", text(key)) for n, key in enumerate(PHASH_QUARTERS)),
        Index(None, "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
        Index(None, "similar_to", postgresql_where=text("similar_to IS NOT NULL")),
        Index("ix_image_missing", "id", postgresql_where=text("missing_since IS NOT NULL")),
        Index(
            "ix_image_time",
            text("taken_at DESC NULLS LAST"),
            "id",
            postgresql_where=text("missing_since IS NULL"),
        ),
    )


class File(Table):
    """A place where a photo is, or was: its properties in the storage, and its content.

    `size`, `modified_ns` and `etag` come from the storage, null if unknown. While `is_read` is
    true, they belong to the content that was read: the bytes with this `sha256` and the photo, or
    content that is `unreadable` for this reason. A path may be longer than an index entry, so the
    unique index is on its SHA-256. When another picture replaces a photo at its path, the old row
    is `superseded`. A `companion` belongs to a photo that another file shows, while that is there:
    the raw file of a JPEG, the film of a live photo.
    """

    __tablename__ = "file"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    path: Mapped[str]
    path_sha256: Mapped[bytes]
    size: Mapped[int | None]
    modified_ns: Mapped[int | None]
    etag: Mapped[str | None]
    is_read: Mapped[bool] = mapped_column(server_default=text("false"))
    sha256: Mapped[bytes | None]
    unreadable: Mapped[str | None]
    image_id: Mapped[int | None] = mapped_column(
        ForeignKey("image.id", ondelete="SET NULL"), index=True
    )
    missing_since: Mapped[datetime | None]
    superseded: Mapped[bool] = mapped_column(server_default=text("false"))
    companion: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        Index("uq_file_path", "path_sha256", unique=True, postgresql_where=text("NOT superseded")),
        Index(None, "sha256", postgresql_where=text("sha256 IS NOT NULL")),
    )


class Library(Table):
    """A root that sessions went over.

    If a session finds most known files gone, `known` and `gone` hold their numbers, and no photo is
    marked missing until a user confirms it.
    """

    __tablename__ = "library"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    root: Mapped[str]
    root_sha256: Mapped[bytes] = mapped_column(unique=True)
    known: Mapped[int | None]
    gone: Mapped[int | None]


class TrainingSession(Table):
    """One run over the root of one library.

    `census` records the files that were found, moved, missing or passed over (items/census.py).
    `active_s` is how long it has worked, without pauses, and `time_percentage` the share of its
    time that was shown as passed.
    """

    __tablename__ = "training_session"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library_id: Mapped[int] = mapped_column(
        ForeignKey("library.id", ondelete="CASCADE"), index=True
    )
    root: Mapped[str]
    name: Mapped[str | None]
    pack: Mapped[str]
    status: Mapped[SessionStatus]
    options: Mapped[dict[str, Any]]
    job_id: Mapped[str | None]
    error: Mapped[str | None]
    census: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    active_s: Mapped[float] = mapped_column(server_default="0")
    time_percentage: Mapped[float] = mapped_column(server_default="0")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class SessionPhase(Table):
    """The truth about one phase. A check constraint enforces the law of progress.

    `unchanged` counts finished items that needed no work in this attempt; rates leave them out.
    `high_water_mark` is the highest count shown in this attempt, including photos in flight.
    `active_s` is how long the phase has worked in this attempt, without pauses. `pixels` and
    `bytes` are sums over the items it worked on, `waited_s` is the time that its workers waited for
    the database, and `workers` the most workers at the same time. `people_gained`, `people_lost`
    and `people_split` count the effects of this session's grouping on the existing people.
    """

    __tablename__ = "session_phase"

    session_id: Mapped[int] = mapped_column(
        ForeignKey("training_session.id", ondelete="CASCADE"), primary_key=True
    )
    phase: Mapped[PhaseName] = mapped_column(primary_key=True)
    status: Mapped[PhaseStatus]
    total: Mapped[int] = mapped_column(server_default="0")
    processed: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    high_water_mark: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int] = mapped_column(server_default="0")
    attempt: Mapped[int] = mapped_column(server_default="1")
    discovering: Mapped[bool]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    error: Mapped[str | None]
    step: Mapped[str | None]
    faces_detected: Mapped[int] = mapped_column(server_default="0")
    clusters_found: Mapped[int | None]
    faces_clustered: Mapped[int | None]
    faces_ungrouped: Mapped[int | None]
    same_person: Mapped[str | None]
    active_s: Mapped[float] = mapped_column(server_default="0")
    pixels: Mapped[int] = mapped_column(server_default="0")
    bytes: Mapped[int] = mapped_column(server_default="0")
    waited_s: Mapped[float] = mapped_column(server_default="0")
    workers: Mapped[int] = mapped_column(server_default="0")
    people_gained: Mapped[int | None]
    people_lost: Mapped[int | None]
    people_split: Mapped[int | None]

    __table_args__ = (
        CheckConstraint(
            "processed >= 0 AND skipped >= 0 AND failed >= 0"
            " AND processed + skipped + failed <= total",
            name="law",
        ),
    )


class SessionItem(Table):
    """One file in one session, with its state and the reason in both photo phases.

    `training_skip` and `detection_skip` hold the SkipReason; the reasons are texts for users.
    `position` rises in the order of discovery; file ids do not, because known files keep theirs.
    """

    __tablename__ = "session_item"

    session_id: Mapped[int] = mapped_column(
        ForeignKey("training_session.id", ondelete="CASCADE"), primary_key=True
    )
    file_id: Mapped[int] = mapped_column(
        ForeignKey("file.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Identity())
    training_state: Mapped[ItemState]
    training_skip: Mapped[SkipReason | None]
    training_reason: Mapped[str | None]
    detection_state: Mapped[ItemState]
    detection_skip: Mapped[SkipReason | None]
    detection_reason: Mapped[str | None]

    __table_args__ = (
        Index("ix_session_item_file_id", "file_id"),
        Index(
            "ix_session_item_training_pending",
            "session_id",
            "position",
            postgresql_where=text("training_state = 'pending'"),
        ),
        Index(
            "ix_session_item_detection_pending",
            "session_id",
            "position",
            postgresql_where=text("detection_state = 'pending'"),
        ),
    )


class Detection(Table):
    """The record that a pack has searched a photo, with the number of faces that it found."""

    __tablename__ = "detection"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("image.id", ondelete="CASCADE"), primary_key=True
    )
    pack: Mapped[str] = mapped_column(primary_key=True)
    faces: Mapped[int]
    detected_at: Mapped[datetime]
