"""`python -m jobs.cluster`: the old name of `jobs.regroup`, which still works."""

from __future__ import annotations

import sys

from jobs.command import as_command
from jobs.regroup import main

if __name__ == "__main__":
    print("headcount: jobs.cluster is called jobs.regroup now.", file=sys.stderr)
    sys.exit(as_command(main))
