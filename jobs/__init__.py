"""The commands: `python -m jobs.NAME`."""

import gc
import sys

# Garbage collection during the imports takes a third of a second of each command. `as_command`
# turns it on again. While `python -m` finds the command's module, sys.argv[0] is "-m".
if sys.argv[:1] == ["-m"]:
    gc.disable()
