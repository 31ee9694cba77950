"""A second Ctrl-C that arrives where Python ignores exceptions still ends a command."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import signal, time, weakref
from jobs.running.interrupts import Interrupt

class Thing:
    pass

interrupt, thing = Interrupt(), Thing()
with interrupt.caught():
    watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    signal.raise_signal(signal.SIGINT)
    try:
        del thing
        time.sleep(1000)
    except KeyboardInterrupt:
        print("it ends")
"""


def test_an_interrupt_that_python_ignores_is_raised_again_without_a_traceback() -> None:
    # With a timeout, subprocess sleeps, which unit tests may not.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "it ends\n")
    assert done.stderr == "headcount: ending at once\n"
