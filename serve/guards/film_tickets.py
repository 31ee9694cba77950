"""Tickets by which a browser may play one film for some hours.

A <video> asks for its film by itself and cannot send the API token. Therefore the address of a film
carries a ticket, which is signed with the token: the id of the film and the time when the ticket
expires. The token cannot be computed from a ticket, and no replica has to store tickets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from starlette.datastructures import QueryParams

LIFETIME = timedelta(hours=12)

_FILM_PATH = re.compile(r"/api/v1/images/([1-9][0-9]{0,18})/film")
_TICKET = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


def issue_ticket(token: str, image_id: int, *, now: datetime) -> str:
    """Return a ticket for a film that is valid for LIFETIME."""
    until = int((now + LIFETIME).timestamp())
    return f"{until}.{_sign(token, image_id, until)}"


def has_ticket(path: str, query: bytes, *, token: str, now: datetime) -> bool:
    """Tell whether a request for this path of the API carries a valid ticket for its film."""
    film = _FILM_PATH.fullmatch(path)
    ticket = _TICKET.fullmatch(QueryParams(query).get("ticket", ""))
    if film is None or ticket is None:
        return False
    until = int(ticket[1])
    signature = _sign(token, int(film[1]), until)
    return hmac.compare_digest(ticket[2], signature) and now.timestamp() < until


def _sign(token: str, image_id: int, until: int) -> str:
    message = f"film:{image_id}:{until}".encode()
    return hmac.new(token.encode(), message, hashlib.sha256).hexdigest()
