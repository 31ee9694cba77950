"""Runs every command: with private files, on any terminal, and with errors without a traceback."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Mapping

from cluster.core.errors import BadSetting, HeadcountError, NotFound
from cluster.core.printable import to_printable_lines

PRIVATE = 0o077
"""The umask of every command: only the user may read the files that Headcount creates."""

FAILED, BAD_ARGUMENTS, INTERRUPTED = 1, 2, 130

EXIT_CODES: Mapping[type[HeadcountError], int] = {
    HeadcountError: FAILED,
    BadSetting: BAD_ARGUMENTS,
    NotFound: BAD_ARGUMENTS,
}
"""The exit code of a command for each error; an error that is not listed has its parent's code."""


def run_command(
    work: Callable[[], int], *, exit_codes: Mapping[type[HeadcountError], int] | None = None
) -> int:
    """Return the exit code of `work`; a HeadcountError is printed on stderr and gives its code.

    `exit_codes` override EXIT_CODES.
    """
    try:
        return work()
    except HeadcountError as error:
        if was_interrupted(error):  # Such as a database that did not answer because of Ctrl-C.
            return INTERRUPTED
        say(str(error))
        codes = {**EXIT_CODES, **(exit_codes or {})}
        return next(codes[kind] for kind in type(error).__mro__ if kind in codes)


def say(text: str) -> None:
    """Print a line for the user on stderr."""
    print(f"headcount: {to_printable_lines(text)}", file=sys.stderr, flush=True)


def as_command(main: Callable[[], int]) -> int:
    """Run a command's `main` as a program and return its exit status.

    Expected failures end without a traceback: a HeadcountError and an OSError print a sentence on
    stderr; Ctrl-C and a closed output pipe end silently.
    """
    gc.enable()  # `jobs/__init__.py` has turned it off for the imports.
    os.umask(PRIVATE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Characters that the terminal's encoding lacks are shown as escapes.
            stream.reconfigure(errors="backslashreplace")
    try:
        return main()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output is gone. Python would raise again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (HeadcountError, OSError) as error:
        if was_interrupted(error):
            return INTERRUPTED
        say(f"{error} Run `python -m jobs.doctor` to find the cause.")
        return FAILED
    except Exception as error:  # Raised again, unless it follows from Ctrl-C.
        if was_interrupted(error):
            return INTERRUPTED
        raise
    finally:
        # Otherwise, garbage collection at the exit of Python would take half a second.
        gc.freeze()


def was_interrupted(error: BaseException) -> bool:
    """Tell whether Ctrl-C caused an error: interrupted code may raise an error of its own."""
    chain: list[BaseException] = []
    now: BaseException | None = error
    # An error may be its own cause: `raise error from error`.
    while now is not None and now not in chain:
        if isinstance(now, KeyboardInterrupt):
            return True
        chain.append(now)
        now = now.__cause__ or now.__context__
    return False
