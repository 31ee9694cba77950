"""The messages about the end of a session: created with its status, claimed, and recorded.

A session's row names its channels, so any process that ends the session can create the messages, in
the same transaction. While a process sends a message, it holds the message's advisory lock in an
open transaction. So no other process sends it meanwhile, and if the process dies, another one can
send it at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cluster.core.notices import KNOWN_FOR_S, UNKNOWN_CHANNEL, Notice, kind_of, pause_after
from cluster.core.sessions import SessionStatus
from cluster.store.database.storable import storable_text
from cluster.store.locks import try_lock_notification

OPTION = "notify"
"""The option of a session that holds the names of its channels."""

_SET_CHANNELS = text(
    "UPDATE training_session SET options = options || jsonb_build_object('notify',"
    " to_jsonb(CAST(:channels AS text[]))) WHERE id = :id"
)

_ADD = text(
    """
    INSERT INTO notification (session_id, status, channel, delivery_id, created_at, next_try_at)
    SELECT id, :status, channel, gen_random_uuid(), :now, :now
    FROM training_session, jsonb_array_elements_text(coalesce(options -> 'notify', '[]')) channel
    WHERE id = :id
    ON CONFLICT (session_id, status, channel) DO NOTHING
    """
)

_LIST_DUE = text(
    """
    SELECT id FROM notification WHERE next_try_at <= :now AND channel = ANY(:channels)
    ORDER BY next_try_at, id
    """
)

_GET_DUE = text(
    """
    SELECT n.id, n.channel, n.delivery_id, n.session_id, n.status, n.created_at AS ended_at,
        n.tries, s.started_at,
        (SELECT total FROM session_phase p WHERE p.session_id = s.id AND p.phase = 'training'
            AND (p.started_at IS NOT NULL OR p.total > 0)) AS photos,
        (SELECT sum(failed)::bigint FROM session_phase p WHERE p.session_id = s.id) AS failed,
        (SELECT max(clusters_found) FROM session_phase p WHERE p.session_id = s.id) AS people,
        coalesce((s.census->>'films')::int, 0) AS films
    FROM notification n JOIN training_session s ON s.id = n.session_id
    WHERE n.id = :id AND n.next_try_at <= :now
    """
)

_RECORD = text(
    """
    UPDATE notification SET tries = :tries, sent_at = :sent_at, next_try_at = :next_try_at,
        error = :error WHERE id = :id
    """
)

_ABANDON = text(
    """
    UPDATE notification SET next_try_at = NULL, error = :error
    WHERE next_try_at <= :now AND created_at < :before AND channel <> ALL(:channels)
    """
)

_COUNT_DUE = text(
    """
    SELECT count(*) FROM notification
    WHERE session_id = :id AND next_try_at IS NOT NULL AND channel = ANY(:channels)
    """
)

_NAMED = text(
    """
    SELECT channel FROM notification WHERE next_try_at IS NOT NULL
    UNION SELECT jsonb_array_elements_text(options -> 'notify') FROM training_session
    WHERE options ? 'notify' AND status IN ('pending', 'running', 'paused')
    """
)

_LIST = """
    SELECT session_id, status, channel, tries, created_at, sent_at, next_try_at, error
    FROM notification
    """
_LIST_OF_SESSION = text(f"{_LIST} WHERE session_id = :id ORDER BY id")
_LIST_FAILED = text(
    f"{_LIST} WHERE sent_at IS NULL AND error IS NOT NULL ORDER BY id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class NotificationInfo:
    """A message and its state; `error` is the reason why its last try failed."""

    session_id: int
    status: SessionStatus
    channel: str
    tries: int
    created_at: datetime
    sent_at: datetime | None
    next_try_at: datetime | None
    error: str | None

    @property
    def kind(self) -> str:
        """`webhook`, or the scheme of a URL for Apprise."""
        return kind_of(self.channel)

    @classmethod
    def from_row(cls, row: Row[tuple[object, ...]]) -> NotificationInfo:
        """Return the message of a row."""
        values = dict(row._mapping)
        return cls(**{**values, "status": SessionStatus(values["status"])})


def set_channels(db: Session, session_id: int, channels: Iterable[str]) -> None:
    """Store the names of the channels to notify of the session's end."""
    db.execute(_SET_CHANNELS, {"id": session_id, "channels": list(channels)})


def add_notifications(
    db: Session, session_id: int, status: SessionStatus, *, now: datetime
) -> None:
    """Create the messages about a status for the session's channels.

    There is at most one message for each session, status and channel, so a repeated status adds
    none.
    """
    db.execute(_ADD, {"id": session_id, "status": status.value, "now": now})


def claim_notification(db: Session, channels: Collection[str], *, now: datetime) -> Notice | None:
    """Return the message that has been due longest, on one of these channels; None without one.

    No other process can claim it until the transaction ends.
    """
    due = db.execute(_LIST_DUE, {"now": now, "channels": list(channels)}).scalars().all()
    for notification_id in due:
        if not try_lock_notification(db, notification_id):
            continue
        # Read under the lock, because its last holder may just have sent the message.
        row = db.execute(_GET_DUE, {"id": notification_id, "now": now}).mappings().first()
        if row is not None:
            return Notice(**{**row, "status": SessionStatus(row["status"])})
    return None


def record_try(db: Session, notice: Notice, *, error: str | None, now: datetime) -> None:
    """Record a try: the message was sent if `error` is None, or else is due again later.

    After the last try it is not due again, and keeps its error.
    """
    tries = notice.tries + 1
    pause_s = None if error is None else pause_after(tries)
    values = {
        "id": notice.id,
        "tries": tries,
        "sent_at": now if error is None else None,
        "next_try_at": None if pause_s is None else now + timedelta(seconds=pause_s),
        "error": storable_text(error),
    }
    db.execute(_RECORD, values)


def abandon_unknown(db: Session, channels: Collection[str], *, now: datetime) -> int:
    """Abandon the notices to other channels that are older than a day, and return their number."""
    before = now - timedelta(seconds=KNOWN_FOR_S)
    values = {"now": now, "before": before, "channels": list(channels), "error": UNKNOWN_CHANNEL}
    return len(db.execute(text(f"{_ABANDON} RETURNING id"), values).all())


def count_due(db: Session, session_id: int, channels: Collection[str]) -> int:
    """Return how many notices of a session to these channels are neither sent nor abandoned."""
    return db.execute(_COUNT_DUE, {"id": session_id, "channels": list(channels)}).scalar_one()


def list_named_channels(db: Session) -> frozenset[str]:
    """Return the channels that pending messages or unfinished sessions still need."""
    return frozenset(db.execute(_NAMED).scalars())


def list_notifications(db: Session, session_id: int) -> list[NotificationInfo]:
    """Return the messages of a session, oldest first."""
    rows = db.execute(_LIST_OF_SESSION, {"id": session_id})
    return [NotificationInfo.from_row(row) for row in rows]


def list_failed_notifications(db: Session, *, limit: int) -> Sequence[NotificationInfo]:
    """Return the newest messages whose last try failed."""
    rows = db.execute(_LIST_FAILED, {"limit": limit})
    return [NotificationInfo.from_row(row) for row in rows]
