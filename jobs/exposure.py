"""What a person should know at the start about who else could reach Headcount."""

from __future__ import annotations

import os
import pwd

from cluster.settings import Settings

FIRST_PERSON, NOBODY_UID = 1000, 65534
"""User numbers of people, on Linux: those below are the system's (login.defs, UID_MIN)."""

_NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")


def warn_of_others(settings: Settings, *, page_url: str | None) -> str | None:
    """Return one line for a page that is open to others on this machine; None when it is not."""
    if page_url is None or settings.api_token is not None or not is_shared_machine():
        return None
    return (
        f"everybody who can log in to this machine can open {page_url} and see all faces; "
        "set HEADCOUNT_API_TOKEN to keep others out."
    )


def is_shared_machine() -> bool:
    """Tell whether this process is root's, or people besides its user can log in here."""
    me = os.geteuid()
    return me == 0 or any(is_person(user) for user in pwd.getpwall() if user.pw_uid != me)


def is_person(user: pwd.struct_passwd) -> bool:
    """Tell an account that a person logs in with from one of the system's."""
    has_shell = not user.pw_shell.endswith(_NO_SHELLS)
    return FIRST_PERSON <= user.pw_uid < NOBODY_UID and has_shell
