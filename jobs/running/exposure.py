"""Warns at the start if other users of this machine can open the page."""

from __future__ import annotations

import os
import pwd

from cluster.settings import Settings

FIRST_PERSON, NOBODY_UID = 1000, 65534
"""The ids of people on Linux begin at 1000; those below belong to the system (login.defs)."""

_NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")


def warn_of_others(settings: Settings, *, page_url: str | None) -> str | None:
    """Return a warning when other users of this machine can open the page; None otherwise."""
    if page_url is None or settings.api_token is not None or not is_shared_machine():
        return None
    return (
        f"everybody who can log in to this machine can open {page_url} and see all faces; "
        "set HEADCOUNT_API_TOKEN to prevent that."
    )


def is_shared_machine() -> bool:
    """Tell whether other people can log in here, or this process runs as root."""
    me = os.geteuid()
    return me == 0 or any(is_person(user) for user in pwd.getpwall() if user.pw_uid != me)


def is_person(user: pwd.struct_passwd) -> bool:
    """Tell whether an account belongs to a person, not to the system."""
    has_shell = not user.pw_shell.endswith(_NO_SHELLS)
    return FIRST_PERSON <= user.pw_uid < NOBODY_UID and has_shell
