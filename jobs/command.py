"""What every command has in common: private files, any terminal, and an end without a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping

from cluster.core.errors import BadSetting, HeadcountError, NotFound

PRIVATE = 0o077
"""The umask of every command: files that Headcount makes are for its user alone."""

FAILED, BAD_ARGUMENTS, INTERRUPTED = 1, 2, 130

EXIT_CODES: Mapping[type[HeadcountError], int] = {
    HeadcountError: FAILED,
    BadSetting: BAD_ARGUMENTS,
    NotFound: BAD_ARGUMENTS,
}
"""What an error of ours ends a command with; of an error that is not listed, its parent's code."""


def run_command(
    work: Callable[[], int], *, but: Mapping[type[HeadcountError], int] | None = None
) -> int:
    """Return the exit code of a command's work; an error of ours is said on stderr and has a code.

    `but` are the codes in which a command differs from EXIT_CODES.
    """
    try:
        return work()
    except HeadcountError as error:
        say(str(error))
        codes = {**EXIT_CODES, **(but or {})}
        return next(codes[kind] for kind in type(error).__mro__ if kind in codes)


def say(text: str) -> None:
    """Write a line for the person at the terminal, on stderr."""
    print(f"headcount: {text}", file=sys.stderr, flush=True)


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
        say(f"{error} `python -m jobs.doctor` looks for the cause.")
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
