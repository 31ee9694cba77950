"""Delivers one notice in a process of its own, which is killed when it takes too long.

A name lookup or a slow server can block forever. Only this process imports Apprise. The URL goes to
the process through its standard input, because other users can see arguments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cluster.notifying.apprise_channels import ConnectionGuard, find_fault, send_text
from cluster.notifying.webhooks import find_refusal, post_webhook

LIMIT_S = 20
"""Seconds for one try, including the start of the process."""

_GRACE_S = 5
_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The message to deliver: `body` with `headers` to a webhook, else `title` and `text`.

    With `is_check`, nothing is sent; only the URL is checked.
    """

    url: str = field(repr=False)
    is_webhook: bool
    allows_private: bool
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    text: str = ""
    is_check: bool = False


def deliver(
    delivery: Delivery, *, environment: Mapping[str, str], limit_s: float = LIMIT_S
) -> str | None:
    """Deliver a message. Returns None when it was accepted, else the reason, without the URL."""
    program = _PROGRAM.format(path=sys.path, module=__name__)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(asdict(delivery)).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # A traceback would show the URL.
            env=dict(environment),
            timeout=limit_s,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it.
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not take the message within {limit_s:g} seconds"
    except OSError as error:
        return f"no process could be started to send it: {error.strerror}"
    if done.returncode != 0:
        return "the process that sends it ended with an error"
    error_text: str | None = json.loads(done.stdout)["error"]
    return error_text


def main() -> None:
    """Read a delivery from standard input, carry it out, and write its error to standard output."""
    signal.alarm(LIMIT_S + _GRACE_S)  # The process ends even if its parent was killed.
    given: dict[str, Any] = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Packages may print.
    error = carry_out(Delivery(**given))
    with answer:
        json.dump({"error": error}, answer)


def carry_out(delivery: Delivery) -> str | None:
    """Carry out a delivery in this process. Returns its error, or None."""
    url, allows_private = delivery.url, delivery.allows_private
    if delivery.is_check and delivery.is_webhook:
        return None if allows_private else find_refusal(url)
    if delivery.is_check:
        return find_fault(url)
    guard = None if allows_private else ConnectionGuard()
    if not delivery.is_webhook:
        return send_text(url, delivery.title, delivery.text, guard=guard)
    body, headers = delivery.body.encode(), delivery.headers
    return post_webhook(url, body, headers, allows_private=allows_private)
