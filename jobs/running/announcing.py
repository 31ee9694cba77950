"""Sends messages to the channels of the settings and of `--notify` when a session has ended."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.core.errors import BadSetting, DatabaseUnavailable
from cluster.core.notices import DRAIN_S, WEBHOOK, Channel, check_channel
from cluster.notify_settings import make_notify_options
from cluster.notifying.channel_options import NotifyOptions
from cluster.notifying.delivery_process import Delivery, deliver
from cluster.notifying.kept_channels import keep_channels
from cluster.notifying.sender import Sender
from cluster.settings import Settings
from cluster.store.database.engine import Engine, begin
from cluster.store.sessions.notification_rows import (
    NotificationInfo,
    list_notifications,
    set_channels,
)
from jobs.running.command import say
from jobs.running.interrupts import Interrupt
from jobs.running.runtime import Runtime

OPTION = "--notify"

BRIEF_S = 2.0
"""Replaces DRAIN_S for a run that was told to end, for example because the machine shuts down."""


def check_channels(settings: Settings, urls: Iterable[str]) -> tuple[Channel, ...]:
    """Check all channels of this run, and return those of `--notify`.

    Nothing is sent. Raises BadSetting, without the URL, for one that cannot be used.
    """
    given = tuple(map(Channel, urls))
    options = make_notify_options(settings)
    for name, channels in ((OPTION, given), ("notify", options.channels)):
        for channel in channels:
            wrong = check_channel(channel.url, allows_private=options.allows_private)
            wrong = wrong or _examine(channel, options)
            if wrong is not None:
                raise BadSetting(name, f"{wrong}.")
    return given


def _examine(channel: Channel, options: NotifyOptions) -> str | None:
    check = Delivery(
        channel.url,
        is_webhook=channel.is_webhook,
        allows_private=options.allows_private,
        is_check=True,
    )
    return deliver(check, environment=options.environment)


def announce_to(
    engine: Engine, session_id: int, settings: Settings, given: tuple[Channel, ...]
) -> None:
    """Register the channels for the end of this run: those of the settings, and `given`.

    The database stores only names; files keep the URLs of `given` until the messages are sent.
    """
    options = make_notify_options(settings)
    with begin(engine) as db:
        names = dict.fromkeys(channel.name for channel in (*options.channels, *given))
        set_channels(db, session_id, names)
    # After the names: a file that no row in the database needs is removed.
    keep_channels(options.folder, given)


def send_what_is_due(runtime: Runtime, session_id: int, *, interrupt: Interrupt) -> None:
    """Send the messages of a session that has ended, for a few seconds at most.

    Messages that were not sent are printed with the reason. Ctrl-C ends the waiting.
    """
    sender = Sender(runtime.engine, make_notify_options(runtime.settings))
    was_told_to_end = interrupt.is_set
    try:
        sender.drain(
            session_id,
            timeout_s=BRIEF_S if was_told_to_end else DRAIN_S,
            is_cut_off=lambda: interrupt.is_set and not was_told_to_end,
        )
        sender.tidy()
        with begin(runtime.engine) as db:
            unsent = [one for one in list_notifications(db, session_id) if one.sent_at is None]
    except DatabaseUnavailable as error:
        say(f"Messages about the end of the session are left to the next run. {error}")
        return
    for message in unsent:
        say(describe_unsent(message))


def describe_unsent(message: NotificationInfo) -> str:
    """Return one line about a message that was not sent: to what kind of channel, and why."""
    what = "webhook" if message.kind == WEBHOOK else f"receiver by {message.kind}"
    why = message.error or "there was no time for it"
    next_try = "The next run tries again." if message.next_try_at else "No more tries are made."
    return f"A {what} was not told that the session is {message.status}: {why}. {next_try}"
