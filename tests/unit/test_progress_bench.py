"""When bench/progress.py counts a client as behind, and what all clients share."""

from __future__ import annotations

from bench.progress import find_behind
from cluster.core.progress import PhaseSnapshot, unify
from cluster.core.sessions import PhaseName
from serve.bodies.progress_bodies import render_progress
from serve.live.event_streams import format_event


def test_a_client_is_behind_from_the_first_photo_that_it_lacks() -> None:
    reported_at = [10.0, 10.2, 10.4, 10.6]
    events = [(10.1, 1), (10.7, 4)]
    assert find_behind(events, 0.0, reported_at) == [10.7 - 10.2]


def test_a_client_that_has_seen_everything_is_not_behind() -> None:
    assert find_behind([(10.1, 2), (10.7, 2)], 0.0, [10.0, 10.05]) == []


def test_what_all_clients_are_shown_is_made_once() -> None:
    def progress(version: int) -> bytes:
        phases = tuple(PhaseSnapshot(name) for name in PhaseName)
        shown = unify(1, phases, version=version)
        assert render_progress(shown) in format_event(shown)
        return format_event(shown)

    assert progress(7) is progress(7)
    assert progress(7) != progress(8)
