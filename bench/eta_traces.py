"""Traces of sessions: the inputs of their clock at each moment, one JSON line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from cluster.core.time_left.timekeeping import TimeInputs
from cluster.core.time_left.workload import Workload

_LINE = TypeAdapter(TimeInputs)
UNCHANGED = Workload(known_files=-1)
"""Stands for the workload of the previous line, so that a trace stays small."""


def write_trace(path: Path, inputs: Sequence[TimeInputs]) -> None:
    """Write a trace; its times begin at 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines, before = [], None
    for one in inputs:
        is_same = one.workload == before
        before = one.workload
        shown = replace(one, now=one.now - inputs[0].now)
        lines.append(_LINE.dump_json(replace(shown, workload=UNCHANGED) if is_same else shown))
    path.write_bytes(b"\n".join(lines) + b"\n")


def read_trace(path: Path) -> list[TimeInputs]:
    """Return the moments of a trace. Raises ValueError for a file that is not a trace."""
    inputs: list[TimeInputs] = []
    for line in path.read_bytes().splitlines():
        one = _LINE.validate_json(line)
        if one.workload == UNCHANGED and inputs:
            one = replace(one, workload=inputs[-1].workload)
        inputs.append(one)
    return inputs
