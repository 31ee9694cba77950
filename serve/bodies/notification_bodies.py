"""The JSON of messages about the end of a session."""

from __future__ import annotations

from datetime import datetime

from cluster.core.sessions import SessionStatus
from cluster.store.sessions.notification_rows import NotificationInfo
from serve.bodies.session_bodies import Body


class NotificationBody(Body):
    """A message about the end of a session, without the address of its channel.

    `channel` is `webhook`, or the kind of URL that Apprise sends to. `error` is why the last try
    failed. Another try is made at `nextTryAt`; it is null when the message was sent or given up.
    """

    status: SessionStatus
    channel: str
    tries: int
    created_at: datetime
    sent_at: datetime | None
    next_try_at: datetime | None
    error: str | None

    @classmethod
    def from_info(cls, info: NotificationInfo) -> NotificationBody:
        """Return the body of a message."""
        return cls(
            status=info.status,
            channel=info.kind,
            tries=info.tries,
            created_at=info.created_at,
            sent_at=info.sent_at,
            next_try_at=info.next_try_at,
            error=info.error,
        )


class NotificationsBody(Body):
    """The messages of a session, oldest first."""

    notifications: list[NotificationBody]
