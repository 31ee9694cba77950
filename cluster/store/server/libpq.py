"""Hides environment variables from libpq, PostgreSQL's client library.

Parameters of a connection override these variables, but not every parameter can be set to an empty
value, and a service that PGSERVICE names must exist.
"""

from __future__ import annotations

import os


def forget_libpq_environment() -> None:
    """Remove the variables that libpq reads (PGSERVICE, PGHOSTADDR and others).

    They describe the user's own servers, and would override the URL of the embedded one. Processes
    that are started afterwards do not inherit them.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
