"""The commands: `python -m jobs.NAME`."""

import gc
import sys

# Python searches for garbage while it imports modules, which takes a command a third of a second.
# `as_command` turns the search on again. While `python -m` finds a module, sys.argv[0] is "-m".
if sys.argv[:1] == ["-m"]:
    gc.disable()
