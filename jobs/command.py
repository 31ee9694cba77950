"""What every command has in common: private files, any terminal, and an end without a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from cluster.core.errors import HeadcountError

PRIVATE = 0o077
"""The umask of every command: files that Headcount makes are for its user alone."""

FAILED, INTERRUPTED = 1, 130


def as_command(main: Callable[[], int]) -> int:
    """Run a command's `main` as a program and return its exit status.

    What a user or the environment can do wrong ends in a sentence on stderr: an error of ours, a
    file that cannot be read or written, Ctrl-C, a reader of our output that has gone.
    """
    os.umask(PRIVATE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is shown by its escapes.
            stream.reconfigure(errors="backslashreplace")
    try:
        return main()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (HeadcountError, OSError) as error:
        if was_interrupted(error):
            return INTERRUPTED
        print(f"headcount: {error} `python -m jobs.doctor` looks for the cause.", file=sys.stderr)
        return FAILED
    except Exception as error:  # Nothing is handled: what Ctrl-C broke off may fail on its way out.
        if was_interrupted(error):
            return INTERRUPTED
        raise


def was_interrupted(error: BaseException) -> bool:
    """Tell whether Ctrl-C led to an error: what was broken off may raise one of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
