"""Sends the notices that are due, one after the other, and records the outcome of each.

A notice is claimed, sent and recorded in one transaction. So it is sent at least once, however
often the process is killed, and twice only if the process dies between sending and recording.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.core.errors import DatabaseUnavailable
from cluster.core.notices import Channel, Notice, post_of, say_notice
from cluster.logs import bind
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.delivery_process import Delivery, deliver
from cluster.notifying.kept_channels import forget_channels, read_channels
from cluster.store.database.engine import Engine, begin, build_engine
from cluster.store.sessions.notification_rows import (
    abandon_unknown,
    claim_notification,
    count_due,
    list_named_channels,
    record_try,
)

LOOK_INTERVAL_S = 1.0
POLL_S = 0.1
TIDY_INTERVAL_S = 60.0

Send = Callable[[Channel, Notice], str | None]
"""Sends a notice. Returns None, or the reason why it was not sent."""

ReadOptions = Callable[[], NotifyOptions]

logger = bind(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Sender:
    """Sends due notices to the channels that this process knows."""

    engine: Engine
    options: NotifyOptions
    send: Send | None = None
    now: Callable[[], datetime] = _now

    def run(self) -> None:
        """Send due notices, forever; an unreachable database is tried again later."""
        tidied_at = float("-inf")
        while True:
            try:
                while self.send_one():
                    pass
                if time.monotonic() - tidied_at >= TIDY_INTERVAL_S:
                    self.tidy()
                    tidied_at = time.monotonic()
            except DatabaseUnavailable as error:
                logger.warning("no message can be sent", error=str(error))
            time.sleep(LOOK_INTERVAL_S)

    def drain(self, session_id: int, *, timeout_s: float, is_cut_off: Callable[[], bool]) -> int:
        """Send due notices, and return how many notices of a session are left.

        No try begins after `timeout_s`, or once `is_cut_off` returns true. The next run sends the
        rest.
        """
        ends_at = time.monotonic() + timeout_s
        while (left := self._count(session_id)) and time.monotonic() < ends_at:
            if is_cut_off():
                break
            if not self.send_one():
                time.sleep(POLL_S)
        return left

    def send_one(self) -> bool:
        """Try the notice that has been due longest. Returns False when none is due."""
        channels = self.options.known()
        if not channels:
            return False
        with begin(self.engine) as db:
            notice = claim_notification(db, channels.keys(), now=self.now())
            if notice is None:
                return False
            error = (self.send or self._deliver)(channels[notice.channel], notice)
            record_try(db, notice, error=error, now=self.now())
        log = bind(__name__, session=notice.session_id, channel=notice.channel)
        if error is None:
            log.info("message sent", status=notice.status.value)
        else:
            log.warning("message not sent", status=notice.status.value, reason=error)
        return True

    def tidy(self) -> None:
        """Abandon old notices to unknown channels, and forget channels without notices."""
        kept = read_channels(self.options.folder)
        with begin(self.engine) as db:
            abandon_unknown(db, self.options.known().keys(), now=self.now())
            named = list_named_channels(db)
        forget_channels(self.options.folder, kept, but=named)

    def _count(self, session_id: int) -> int:
        with begin(self.engine) as db:
            return count_due(db, session_id, self.options.known().keys())

    def _deliver(self, channel: Channel, notice: Notice) -> str | None:
        body, headers = post_of(notice, secret=self.options.secret, now=self.now())
        delivery = Delivery(
            url=channel.url,
            is_webhook=channel.is_webhook,
            allows_private=self.options.allows_private,
            body=body.decode(),
            headers=headers,
            title="Headcount",
            text=say_notice(notice),
        )
        return deliver(delivery, environment=self.options.environment)


def start_sending(database_url: str, read_options: ReadOptions) -> None:
    """Start a thread that sends notices as they become due, on a database connection of its own.

    The options hold secrets, so the thread reads them itself instead of receiving them.
    """

    def send() -> None:
        Sender(build_engine(database_url, pool_size=1), read_options()).run()

    threading.Thread(target=send, name="notify", daemon=True).start()
