"""The tables of people: faces, people, and the changes that users made to them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.core.identity.changes import Answer, ChangeKind
from cluster.core.identity.faces import FaceVerdict
from cluster.store.database.columns import Table


class Person(Table):
    """A group of faces of one pack; `version` rises with each change that a user makes.

    `name_key` is the folded name (fold_name), which is unique within a pack. `cover_face_id` is set
    when a user chose the cover.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str | None]
    name_key: Mapped[str | None]
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    birth_date: Mapped[date | None]
    cover_face_id: Mapped[int | None] = mapped_column(
        ForeignKey("face.id", ondelete="SET NULL", use_alter=True), index=True
    )
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

    `sharpness` is None for a face that an earlier version found; `time_s` is the place of a face in
    a film, None in a photo. `embedding` is None for a face that only a user or another program
    knows. `placed_at` is when a user placed it, None if an earlier version did. A face with a
    `verdict` belongs to no person. The indexes are for counting people, and for finding the best
    face of a person and the ungrouped faces.
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
    sharpness: Mapped[float | None]
    time_s: Mapped[float | None]
    embedding: Mapped[Any | None] = mapped_column(VECTOR())
    crop: Mapped[bytes]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    placed_by_user: Mapped[bool] = mapped_column(server_default=text("false"))
    placed_at: Mapped[datetime | None]
    verdict: Mapped[FaceVerdict | None]

    __table_args__ = (
        Index("ix_face_pack_person_image", "pack", "person_id", "image_id"),
        Index("ix_face_person_quality", "person_id", text("quality DESC"), "id"),
        Index("ix_face_ungrouped", "pack", "id", postgresql_where=text("person_id IS NULL")),
    )


class ErasedFace(Table):
    """The rectangle of a face that a user erased with its person; no other data of it is kept.

    No pack adds a face there again.
    """

    __tablename__ = "erased_face"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id", ondelete="CASCADE"), index=True)
    box_left: Mapped[float]
    box_top: Mapped[float]
    box_right: Mapped[float]
    box_bottom: Mapped[float]


class FaceAnswer(Table):
    """A user's answer to the question whether two faces are the same person.

    It holds for the people of the two faces. `first_person_id` and `second_person_id` are the
    people at the time of the answer, None for an ungrouped face; they keep the answer valid when a
    face is gone. `first_faces` and `second_faces` are the numbers of faces of each side. The answer
    is deleted when the change that it made (`change_id`) is undone.
    """

    __tablename__ = "face_answer"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    pack: Mapped[str] = mapped_column(index=True)
    first_face_id: Mapped[int | None] = mapped_column(
        ForeignKey("face.id", ondelete="SET NULL"), index=True
    )
    second_face_id: Mapped[int | None] = mapped_column(
        ForeignKey("face.id", ondelete="SET NULL"), index=True
    )
    first_person_id: Mapped[int | None] = mapped_column(
        ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    second_person_id: Mapped[int | None] = mapped_column(
        ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    first_faces: Mapped[int] = mapped_column(server_default="1")
    second_faces: Mapped[int] = mapped_column(server_default="1")
    answer: Mapped[Answer]
    answered_at: Mapped[datetime]
    change_id: Mapped[int | None] = mapped_column(
        ForeignKey("person_change.id", ondelete="SET NULL"), index=True
    )


class PersonChange(Table):
    """A change that a user made to the people of a pack, so that it can be undone.

    The newest changes of a pack are kept; `undone_at` is set when one was undone. A later change
    may delete a person, and undoing it restores the person, so `person_id` and `other_id` have no
    foreign key. When a person is erased, its changes are deleted too, so no erased data stays here.
    """

    __tablename__ = "person_change"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    pack: Mapped[str]
    kind: Mapped[ChangeKind]
    person_id: Mapped[int | None] = mapped_column(index=True)
    other_id: Mapped[int | None] = mapped_column(index=True)
    verdict: Mapped[FaceVerdict | None]
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "pack", "id"),)


class PersonChangePerson(Table):
    """A person before the change; the person may no longer exist."""

    __tablename__ = "person_change_person"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("person_change.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str | None]
    hidden: Mapped[bool]
    birth_date: Mapped[date | None]
    cover_face_id: Mapped[int | None]
    version: Mapped[int]
    created_at: Mapped[datetime]


class PersonChangeFace(Table):
    """The person and the verdict of a face before the change, and whether a user had placed it."""

    __tablename__ = "person_change_face"

    change_id: Mapped[int] = mapped_column(
        ForeignKey("person_change.id", ondelete="CASCADE"), primary_key=True
    )
    face_id: Mapped[int] = mapped_column(
        ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    person_id: Mapped[int | None]
    placed_by_user: Mapped[bool]
    verdict: Mapped[FaceVerdict | None]
