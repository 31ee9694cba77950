"""libpq, PostgreSQL's client library, reads the environment by itself: what it must not find there.

Parameters of a connection go before the environment, but not all have one that says "nothing", and
a service that PGSERVICE names must exist.
"""

from __future__ import annotations

import os


def forget_libpq_environment() -> None:
    """Remove the variables that libpq reads (PGSERVICE, PGHOSTADDR and others).

    They are about the user's servers, and would lead away from the embedded one, whatever its URL
    says. Processes that are started afterwards do not inherit them.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
