"""Traces of sessions: written, read and replayed through the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.eta_replay import kind_of, print_shares, replay
from bench.eta_scores import judge_looks
from bench.eta_traces import read_trace, write_trace
from cluster.core.time_left.forecast import Outlook
from cluster.core.time_left.timekeeping import TimeInputs
from cluster.core.time_left.workload import Probe
from tests.sessions_in_time import MadeSession

OUTLOOK = Outlook(workers=2, cpus=2, probe=Probe(8, 0.09, 1.0, 0.4), free=0.8)


def trace() -> list[TimeInputs]:
    made = MadeSession()
    return [
        TimeInputs(100.0 + now, phases, made.workload(phases), OUTLOOK)
        for now, phases in made.seconds(step_s=0.5)
    ]


def test_a_trace_is_read_as_it_was_written_from_its_first_moment(tmp_path: Path) -> None:
    inputs, path = trace(), tmp_path / "traces" / "first.jsonl"
    write_trace(path, inputs)
    read = read_trace(path)
    assert [one.now for one in read] == pytest.approx([one.now - 100.0 for one in inputs])
    assert [one.phases for one in read] == [one.phases for one in inputs]
    assert [one.outlook for one in read] == [one.outlook for one in inputs]
    assert [one.workload for one in read] == [one.workload for one in inputs]


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"at": 1.0}\n')
    with pytest.raises(ValueError, match="now"):
        read_trace(path)


def test_a_replay_shows_what_the_session_would_have_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scores = judge_looks("first", replay(trace()))
    session = scores[0]
    assert (session.scope, session.promised) == ("session", 1.0)
    assert session.held > 0.8
    assert session.bar is not None
    assert session.bar <= 10
    print_shares({"first-a": scores, "second-a": scores})
    printed = capsys.readouterr().out
    assert all(line in printed for line in ("all", "first", "second"))
    assert kind_of("slow_folder-b-3") == "slow_folder"
