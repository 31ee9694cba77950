"""A second Ctrl-C that arrives where Python ignores exceptions still ends a command."""

from __future__ import annotations

import subprocess
import sys

from tests.waiting import PATIENT_S

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
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=PATIENT_S
    )
    assert (done.returncode, done.stdout) == (0, "it ends\n")
    assert done.stderr == "headcount: ending at once\n"
