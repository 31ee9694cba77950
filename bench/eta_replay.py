"""Replays traces of sessions through the current clock, without running a session.

    python -m bench.eta --photos DIR --pack FOLDER --trace FOLDER
    python -m bench.eta_replay FOLDER/*.jsonl [--json]

A trace has the inputs of a clock, four times a second (bench/eta_traces.py). So a change of the
estimates is measured on the same sessions as before, and other work on the machine has no effect.
The output is the scores of bench/eta.py for each trace, then those of all promises: of all traces,
and without each kind in turn. The kind is the first word of a file's name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from bench.eta_scores import Look, Score, judge_looks, print_scores
from bench.eta_traces import read_trace
from cluster.core.progress import unify
from cluster.core.sessions import PhaseName
from cluster.core.time_left.timekeeping import SessionClock, TimeInputs

TICK_S = 1.0
"""Seconds between two ticks of a clock, as in cluster/actors/progress_actor.py."""


def main() -> None:
    """Replay, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="+", type=Path, help="files that bench/eta.py wrote")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    scores = {
        path.stem: judge_looks(path.stem, replay(read_trace(path))) for path in options.traces
    }
    for number, found in enumerate(scores.values()):
        print_scores(found, with_head=number == 0)
    print_shares(scores)
    if options.json:
        rows = [score for found in scores.values() for score in found]
        print(json.dumps([{name: getattr(s, name) for name in Score.__slots__} for s in rows]))


def replay(inputs: Sequence[TimeInputs]) -> list[Look]:
    """Return the progress that a session with these inputs shows at each moment of the trace."""
    clock, looks, ticked_at = SessionClock(), [], float("-inf")
    statuses = None
    for one in inputs:
        now_statuses = [phase.status for phase in one.phases.values()]
        if one.now - ticked_at >= TICK_S or now_statuses != statuses:
            clock.workload, clock.outlook = one.workload, one.outlook
            clock.tick(one.phases, now=one.now)
            ticked_at, statuses = one.now, now_statuses
        phases = tuple(one.phases[name] for name in PhaseName)
        left = clock.moment.ranges.items()
        ranges = {scope: range_.after(one.now - ticked_at) for scope, range_ in left}
        shown = replace(clock.moment, ranges=ranges)
        looks.append(Look(one.now, unify(1, phases, version=1, moment=shown)))
    return looks


def print_shares(scores: Mapping[str, Sequence[Score]]) -> None:
    """Print the shares of all promises, and those without each kind."""
    kinds = sorted({kind_of(name) for name in scores})
    print("\nshares of all promises, and of those without one kind")
    for left_out in ("", *kinds):
        rows = [s for name, found in scores.items() if kind_of(name) != left_out for s in found]
        print(f"{left_out or 'all':<14}{describe(rows)}")


def kind_of(name: str) -> str:
    """Return the kind of the session of a trace with this name."""
    return name.split("-")[0]


def describe(rows: Iterable[Score]) -> str:
    """Return the shares held and covered by scope, weighted by promises, and the bars' errors."""
    by_scope: dict[str, list[Score]] = {}
    for row in rows:
        by_scope.setdefault(row.scope, []).append(row)
    parts = [
        f"{scope} {_mean(own, 'held'):.2f} held {_mean(own, 'coverage'):.2f} covered"
        for scope, own in by_scope.items()
    ]
    bars = [row.bar for own in by_scope.values() for row in own if row.bar is not None]
    return ", ".join(parts) + (f"; bar {fmean(bars):.0f} on average, {max(bars):.0f} at most")


def _mean(rows: Sequence[Score], name: str) -> float:
    total = sum(row.promises for row in rows)
    return sum(getattr(row, name) * row.promises for row in rows) / max(1, total)


if __name__ == "__main__":
    main()
