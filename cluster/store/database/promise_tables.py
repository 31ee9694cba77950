"""The tables of a session's promises of time, and of the messages about its end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.core.sessions import SessionStatus
from cluster.core.time_left.timing import Scope
from cluster.store.database.columns import Table


class SessionSample(Table):
    """The progress and the promise of a session or of one of its phases at one moment.

    `active_s` is the time that the session had worked then, without pauses. `finished` and `total`
    count items (faces in clustering). The promise, `low_s` to `high_s` with its middle, is None if
    none was made. Samples have equal distances; when there are too many, every other one is
    deleted.
    """

    __tablename__ = "session_sample"

    session_id: Mapped[int] = mapped_column(
        ForeignKey("training_session.id", ondelete="CASCADE"), primary_key=True
    )
    scope: Mapped[Scope] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    active_s: Mapped[float]
    finished: Mapped[int]
    total: Mapped[int]
    low_s: Mapped[float | None]
    middle_s: Mapped[float | None]
    high_s: Mapped[float | None]


class Notification(Table):
    """A message about the end of a session; there is one for each session, status and channel.

    It is sent at least once. `delivery_id` is the same in each try, so that the receiver can
    recognise a repeated message. `next_try_at` is None after it was sent or abandoned.
    """

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("training_session.id", ondelete="CASCADE"))
    status: Mapped[SessionStatus]
    channel: Mapped[str]
    delivery_id: Mapped[UUID]
    tries: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]

    __table_args__ = (
        Index("uq_notification_session", "session_id", "status", "channel", unique=True),
        Index(
            "ix_notification_due", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")
        ),
    )
