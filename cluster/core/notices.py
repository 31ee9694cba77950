"""Messages about the end of a session: their receivers, their content, and when each is tried.

A notice names no photo, path, person or session name, because its receiver is another program,
often of another company.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cluster.core.addresses import is_public, read_literal
from cluster.core.sessions import SessionStatus

WEBHOOK = "webhook"
"""The kind of a channel whose URL begins with http:// or https://."""

TRIES = 3
PAUSES_S = (1.0, 10.0)
"""The pauses after the first and the second failed try; the third try is the last.

A run that is about to end waits for all three (DRAIN_S), so they are short.
"""

DRAIN_S = 12.0
"""The time for which a run that is about to end tries to send the notices of its session."""

KNOWN_FOR_S = 86_400.0
"""Time after which a notice is abandoned if no process knows its channel."""

TOLD = frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.CANCELLED})
"""The statuses that are always reported. A pause is reported only if no user asked for it."""

DELIVERY_HEADER = "X-Headcount-Delivery"
SIGNATURE_HEADER = "X-Headcount-Signature-256"

PRIVATE_HOST = "its host is an address of a private network, and notify_private is false"
UNKNOWN_CHANNEL = "no setting names this channel any more"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.+-]{0,31})://")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Channel:
    """A receiver of notices. Its URL is a secret, because most of them hold a token."""

    url: str = field(repr=False)

    @property
    def kind(self) -> str:
        """`webhook`, or the scheme of a URL for Apprise, such as `mailto`."""
        scheme = self.url.partition("://")[0].lower()
        return WEBHOOK if scheme in ("http", "https") else scheme

    @property
    def is_webhook(self) -> bool:
        """The notice is posted as JSON; otherwise Apprise sends it as text."""
        return self.kind == WEBHOOK

    @property
    def name(self) -> str:
        """The kind and a digest of the URL, which identify the channel without showing the URL."""
        return f"{self.kind}:{hashlib.sha256(self.url.encode()).hexdigest()[:_DIGITS]}"


def kind_of(name: str) -> str:
    """Return the kind of a channel, the part of its name before the digest."""
    return name.partition(":")[0]


def check_channel(url: str, *, allows_private: bool) -> str | None:
    """Return why the URL of a channel is unusable, without quoting it; None if it is usable.

    A host that is a name is not resolved here.
    """
    if not _SCHEME.match(url):
        return "a URL begins with a scheme, such as https:// or mailto://"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "a URL has no spaces or control characters"
    if not Channel(url).is_webhook:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        return "the host or the port of the URL is not valid"
    if not host:
        return "the URL has no host"
    literal = read_literal(host)
    is_private = host == "localhost" if literal is None else not is_public(literal)
    return PRIVATE_HOST if is_private and not allows_private else None


@dataclass(frozen=True, slots=True)
class Notice:
    """The end of a session, and counts from its phases at the time when the notice is sent.

    `tries` counts the tries so far; `delivery_id` is the same in each. `ended_at` is when the
    session reached the status. `films` of the `photos` are films.
    """

    id: int
    channel: str
    delivery_id: UUID
    session_id: int
    status: SessionStatus
    ended_at: datetime
    tries: int = 0
    started_at: datetime | None = None
    photos: int | None = None
    failed: int = 0
    people: int | None = None
    films: int = 0


def describe_notice(notice: Notice, *, now: datetime) -> Mapping[str, Any]:
    """Return a notice as the JSON of a webhook; `sentAt` is when this try was made."""
    return {
        "deliveryId": str(notice.delivery_id),
        "sessionId": notice.session_id,
        "status": notice.status.value,
        "sentAt": now.isoformat(),
        "startedAt": None if notice.started_at is None else notice.started_at.isoformat(),
        "endedAt": notice.ended_at.isoformat(),
        "photos": notice.photos,
        "failed": notice.failed,
        "people": notice.people,
    }


def say_notice(notice: Notice) -> str:
    """Return a notice as one line of text."""
    kinds = "photos and films" if notice.films else "photos"
    facts = [] if notice.photos is None else [f"{notice.photos:,} {kinds}"]
    facts += [f"{notice.failed:,} failed"] if notice.failed else []
    facts += [] if notice.people is None else [f"{notice.people:,} people"]
    return f"Session {notice.session_id} {notice.status.value}: {', '.join(facts) or 'no photos'}"


def post_of(
    notice: Notice, *, secret: str | None, now: datetime
) -> tuple[bytes, Mapping[str, str]]:
    """Return the body and the headers of a webhook; it is signed when there is a secret."""
    body = json.dumps(describe_notice(notice, now=now)).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Headcount",
        DELIVERY_HEADER: str(notice.delivery_id),
    }
    if secret is not None:
        headers[SIGNATURE_HEADER] = sign(body, secret)
    return body, headers


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body: `sha256=` and the hexadecimal HMAC-SHA256 (RFC 2104)."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def pause_after(tries: int) -> float | None:
    """Return the pause in seconds after failed try number `tries`; None after the last."""
    return PAUSES_S[tries - 1] if tries < TRIES else None
