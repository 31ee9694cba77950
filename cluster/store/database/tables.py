"""The tables. Enum columns hold the values of their StrEnum as text, with a check."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.core.changes import ChangeKind
from cluster.core.duplicates import QUARTER_SHIFTS
from cluster.core.sessions import ItemState, PhaseName, PhaseStatus, SessionStatus, SkipReason
from cluster.store.database.columns import Table as Table

PHASH_QUARTERS = tuple(f"((phash >> {shift}) & 65535)" for shift in QUARTER_SHIFTS)
"""The quarters of a pHash: photos whose pHashes agree have one in common (core/duplicates.py)."""


class Image(Table):
    """A photo: a picture, wherever its files lie.

    `content` is the digest of the picture without its metadata, `orientation` the EXIF orientation
    that all of these pixels, boxes and thumbnails are turned by; a picture that an earlier version
    read has none until it is read again. `missing_since` says that none of its files is there.
    `duplicate_of` is the photo that stands for this one, never a duplicate within one session;
    `similar_to` is one that looks alike, and is not the same.
    """

    __tablename__ = "image"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    content: Mapped[bytes | None]
    orientation: Mapped[int] = mapped_column(server_default="1")
    width: Mapped[int]
    height: Mapped[int]
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
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
    )


class File(Table):
    """A place where a photo lies, or lay: what a session found there, and what was read.

    `size`, `modified_ns` and `etag` are what the storage says of it, null where it says nothing.
    While `is_read`, they are those of the content that was read: `sha256` of its bytes and the
    photo, or `unreadable`, the reason why there is none. Paths may be longer than an index entry,
    so their SHA-256 is what is unique. When another picture takes the place of a photo, the row of
    the old one is `superseded`.
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

    __table_args__ = (
        Index("uq_file_path", "path_sha256", unique=True, postgresql_where=text("NOT superseded")),
        Index(None, "sha256", postgresql_where=text("sha256 IS NOT NULL")),
    )


class Library(Table):
    """A root that sessions went over.

    `known` files and `gone` ones are those of a session that found most of them gone: nothing is
    missing until a user has said so.
    """

    __tablename__ = "library"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    root: Mapped[str]
    root_sha256: Mapped[bytes] = mapped_column(unique=True)
    known: Mapped[int | None]
    gone: Mapped[int | None]


class TrainingSession(Table):
    """One run over the root of one library.

    `census` is what became of the files that were met, and of those that were not (census.py).
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
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class SessionPhase(Table):
    """The truth about one phase. The checks are the law of progress, held by the database too.

    `unchanged` is how many of the skipped ones needed no work: they say nothing about speed.
    `high_water_mark` is the highest count shown in this attempt while a part of it was in flight.
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

    __table_args__ = (
        CheckConstraint(
            "processed >= 0 AND skipped >= 0 AND failed >= 0"
            " AND processed + skipped + failed <= total",
            name="law",
        ),
    )


class SessionItem(Table):
    """One file in one session, with its state and the reason for it in both photo phases.

    `training_skip` and `detection_skip` say why it was skipped, the reasons say it in words.
    `position` grows in the order of finding; file ids do not, since known files have old ones.
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
    """The faces of this photo were looked for with this pack, and this many were found."""

    __tablename__ = "detection"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("image.id", ondelete="CASCADE"), primary_key=True
    )
    pack: Mapped[str] = mapped_column(primary_key=True)
    faces: Mapped[int]
    detected_at: Mapped[datetime]


class Person(Table):
    """A group of faces of one pack; `version` rises with each change that a user makes.

    `name_key` is what equal names share (fold_name); no two people of a pack have the same.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str | None]
    name_key: Mapped[str | None]
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    pack: Mapped[str] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "uq_person_name_key",
            "pack",
            "name_key",
            unique=True,
            postgresql_where=text("name_key IS NOT NULL"),
        ),
    )


class Face(Table):
    """One face in one photo, found with one pack; coordinates in upright full-size pixels.

    The indexes: counting people, the best face of a person, the faces of nobody.
    """

    __tablename__ = "face"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    pack: Mapped[str]
    box_left: Mapped[float]
    box_top: Mapped[float]
    box_right: Mapped[float]
    box_bottom: Mapped[float]
    landmarks: Mapped[list[float]]
    score: Mapped[float]
    quality: Mapped[float]
    embedding: Mapped[Any] = mapped_column(VECTOR())
    crop: Mapped[bytes]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    placed_by_user: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        Index("ix_face_pack_person_image", "pack", "person_id", "image_id"),
        Index("ix_face_person_quality", "person_id", text("quality DESC"), "id"),
        Index("ix_face_nobody", "pack", "id", postgresql_where=text("person_id IS NULL")),
    )


class ErasedFace(Table):
    """Where a face was that a user erased with its person: nothing but a rectangle.

    Nobody finds a face there again, with whatever pack.
    """

    __tablename__ = "erased_face"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    box_left: Mapped[float]
    box_top: Mapped[float]
    box_right: Mapped[float]
    box_bottom: Mapped[float]


class PersonChange(Table):
    """The last change that a user made to the people of a pack, so that it can be undone.

    Nothing is kept of earlier ones. The change goes with the people that it left (`person_id`,
    `other_id`), and its faces with theirs: what is erased is not kept here.
    """

    __tablename__ = "person_change"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    pack: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[ChangeKind]
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    other_id: Mapped[int | None] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]


class PersonChangePerson(Table):
    """A person as it was before the change; it may be gone since."""

    __tablename__ = "person_change_person"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("person_change.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str | None]
    hidden: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]


class PersonChangeFace(Table):
    """Where a face was before the change, and whether a user had put it there."""

    __tablename__ = "person_change_face"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("person_change.id", ondelete="CASCADE"), primary_key=True
    )
    face_id: Mapped[int] = mapped_column(
        ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    person_id: Mapped[int | None]
    placed_by_user: Mapped[bool]
