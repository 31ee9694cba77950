"""`python -m jobs.cluster`: the old name of `jobs.regroup`, which still works."""

from __future__ import annotations

import sys

from jobs.regroup import main
from jobs.running.command import as_command

if __name__ == "__main__":
    print("headcount: jobs.cluster is called jobs.regroup now.", file=sys.stderr)
    sys.exit(as_command(main))
