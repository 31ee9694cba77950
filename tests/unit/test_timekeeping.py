"""The promises of a session about its time, from its first second to its end."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.forecast import Outlook
from cluster.core.time_left.promises import is_held
from cluster.core.time_left.speed import KnownSpeed
from cluster.core.time_left.timekeeping import SessionClock
from cluster.core.time_left.timing import Moment, Scope, TimeRange
from cluster.core.time_left.workload import Probe
from tests.sessions_in_time import CLUSTERING, DETECTION, TRAINING, MadeSession, pause

FROM_S = 5.0

made_sessions = st.builds(
    MadeSession,
    photos=st.integers(1, 5_000),
    reading=st.floats(5.0, 1_000.0),
    finding=st.floats(1.0, 300.0),
    faces=st.floats(0.0, 5.0),
    duplicates=st.floats(0.0, 0.95),
    counting_s=st.floats(0.0, 20.0),
    slowness=st.floats(0.3, 4.0),
)


def watch(
    session: MadeSession, outlook: Outlook | None = None, *, step_s: float = 1.0
) -> list[tuple[float, Moment]]:
    """Return the forecasts of a clock at each second of a session."""
    clock, moments = SessionClock(outlook=outlook or Outlook()), []
    for now, phases in session.seconds(step_s=step_s):
        clock.workload = session.workload(phases)
        moments.append((now, clock.tick(phases, now=now)))
    return moments


@settings(max_examples=40)
@given(made_sessions)
def test_a_range_is_given_from_five_seconds_on_and_never_nonsense(session: MadeSession) -> None:
    end_s = session.ends[2]
    step_s = max(1.0, end_s / 300)
    for now, moment in watch(session, step_s=step_s):
        for left in moment.ranges.values():
            assert 0 <= left.low_s <= left.middle_s <= left.high_s < math.inf
        if FROM_S <= now < end_s:
            assert set(moment.ranges) == set(Scope)


@settings(max_examples=40)
@given(made_sessions)
def test_the_percentage_of_time_never_falls_and_is_100_only_at_the_end(
    session: MadeSession,
) -> None:
    moments = watch(session, step_s=max(1.0, session.ends[2] / 300))
    shares = [moment.time_percentage for _, moment in moments]
    assert shares == sorted(shares)
    assert shares[-1] == 100.0
    assert all(share < 100.0 for share in shares[:-1])


KNOWN = Outlook(
    past={TRAINING: KnownSpeed(math.log(90.0), 0.25), DETECTION: KnownSpeed(math.log(22.0), 0.25)},
    workers=2,
    cpus=2,
)
PROBED = Outlook(workers=2, cpus=2, probe=Probe(8, 0.09, 1.0, 0.4))


@pytest.mark.parametrize("outlook", [KNOWN, PROBED], ids=["second session", "first session"])
@pytest.mark.parametrize(
    "session",
    [
        MadeSession(),
        MadeSession(photos=4_000),
        MadeSession(photos=900, duplicates=0.7),
        MadeSession(photos=300, faces=4.0, finding=18.0),
    ],
    ids=["plain", "large", "duplicates", "many faces"],
)
def test_four_of_five_promises_hold(session: MadeSession, outlook: Outlook) -> None:
    end_s = session.ends[2]
    made = [
        (moment.ranges[Scope.SESSION].middle_s, end_s - now)
        for now, moment in watch(session, outlook)
        if FROM_S <= now < end_s
    ]
    held = [is_held(promised_s, real_s) for promised_s, real_s in made]
    assert sum(held) >= 0.8 * len(held)


@pytest.mark.parametrize("outlook", [KNOWN, PROBED], ids=["second session", "first session"])
def test_the_percentage_of_time_is_near_the_share_of_time_that_passed(outlook: Outlook) -> None:
    session = MadeSession(photos=3_000)
    end_s = session.ends[2]
    for now, moment in watch(session, outlook):
        share = 100 * now / end_s
        if share >= 10:
            assert abs(moment.time_percentage - share) <= 10


def test_a_phase_to_come_is_part_of_the_session_before_it_was_ever_measured() -> None:
    _, moment = watch(MadeSession(photos=3_000))[6]
    ranges = moment.ranges
    assert ranges[Scope.FACE_DETECTION].middle_s > 10
    assert ranges[Scope.SESSION].middle_s > ranges[Scope.TRAINING].middle_s
    assert ranges[Scope.SESSION].middle_s > ranges[Scope.FACE_DETECTION].middle_s


def test_while_photos_are_counted_the_band_reaches_to_photos_that_may_come() -> None:
    counted = watch(MadeSession(photos=3_000, counting_s=0.5))[6][1].ranges[Scope.SESSION]
    session = MadeSession(photos=3_000, counting_s=20.0)
    counting = watch(session)[6][1].ranges[Scope.SESSION]
    assert counting.high_s / counting.middle_s > counted.high_s / counted.middle_s
    assert counting.low_s < session.ends[2] - 6 < counting.high_s


def test_while_nothing_is_found_no_time_is_said_for_ten_seconds_at_most() -> None:
    nothing, clock = MadeSession(counting_s=1e9, photos=1, reading=1e-9).at(0.0), SessionClock()
    said = [bool(clock.tick(nothing, now=float(now)).ranges) for now in range(60)]
    assert not said[2]
    assert all(said[10:])
    left = clock.moment.ranges[Scope.SESSION]
    assert left.low_s < 59 < left.high_s
    assert clock.moment.time_percentage < 50


def test_a_pause_is_no_work_and_has_no_promise() -> None:
    session, clock = MadeSession(photos=3_000), SessionClock(outlook=KNOWN)
    for second in range(20):
        clock.workload = session.workload(session.at(second))
        clock.tick(session.at(second), now=float(second))
    worked_s = clock.moment.worked_s
    for second in range(20, 200):
        moment = clock.tick(pause(session.at(20)), now=float(second))
        assert moment.ranges == {}
    assert moment.worked_s == pytest.approx(worked_s, abs=1.0)
    for second in range(20, 60):
        moment = clock.tick(session.at(second), now=float(second + 180))
    left_s = session.ends[2] - 59
    assert moment.ranges[Scope.SESSION].middle_s == pytest.approx(left_s, rel=0.15)


def test_the_band_widens_when_the_speed_changes_and_is_right_again_after_30_seconds() -> None:
    quick, slow = MadeSession(photos=20_000, finding=40.0), MadeSession(photos=20_000, finding=10.0)
    clock, now = SessionClock(outlook=KNOWN), 200.0
    clock.workload = quick.workload(quick.at(now))
    phases = quick.at(now)
    done = phases[DETECTION].counts.processed
    for _ in range(60):
        now, done = now + 1, done + int(quick.finding)
        moment = clock.tick(_with_found(phases, done), now=now)
    before = moment.ranges[Scope.FACE_DETECTION]
    widest = 0.0
    for _ in range(30):
        now, done = now + 1, done + int(slow.finding)
        moment = clock.tick(_with_found(phases, done), now=now)
        left = moment.ranges[Scope.FACE_DETECTION]
        widest = max(widest, left.high_s / left.low_s)
    real_s = (20_000 - done) / slow.finding
    assert widest > before.high_s / before.low_s
    assert left.low_s <= real_s <= left.high_s


def _with_found(phases: dict, done: int) -> dict:  # type: ignore[type-arg]
    detection = phases[DETECTION]
    counts = replace(detection.counts, processed=done)
    return {**phases, DETECTION: replace(detection, counts=counts)}


def test_what_is_shown_does_not_jump_each_second() -> None:
    moments = watch(MadeSession(photos=3_000), PROBED)
    middles = [m.ranges[Scope.SESSION].middle_s for _, m in moments[8:-4]]
    for before, after in itertools.pairwise(middles):
        assert abs(after - (before - 1)) <= 0.1 * before + 1


def test_the_time_before_a_session_began_is_no_work() -> None:
    session, clock = MadeSession(photos=3_000), SessionClock(outlook=KNOWN)
    waiting = {
        name: replace(phase, status=PhaseStatus.PENDING) for name, phase in session.at(0).items()
    }
    clock.tick(waiting, now=0.0)
    for second in range(8, 28):
        clock.workload = session.workload(session.at(second - 8))
        moment = clock.tick(session.at(second - 8), now=float(second))
    assert moment.worked_s == pytest.approx(19.0)


def test_a_clock_goes_on_where_a_killed_process_left_it() -> None:
    session = MadeSession(photos=3_000)
    moments = watch(session, PROBED)[:100]
    kept = replace(moments[-1][1], ranges={})
    clock = SessionClock(kept)
    for second in range(100, 106):
        clock.workload = session.workload(session.at(second))
        moment = clock.tick(session.at(second), now=float(second + 5_000))
    assert moment.time_percentage >= kept.time_percentage
    assert moment.worked_s == pytest.approx(kept.worked_s + 5, abs=1)
    left_s = session.ends[2] - 105
    assert moment.ranges[Scope.SESSION].middle_s == pytest.approx(left_s, rel=0.25)


def test_a_new_attempt_begins_again() -> None:
    session, clock = MadeSession(), SessionClock()
    for second in range(30):
        clock.tick(session.at(second), now=float(second))
    assert clock.moment.worked_s > 20
    again = {name: replace(phase, attempt=2) for name, phase in session.at(1).items()}
    moment = clock.tick(again, now=31.0)
    assert moment.worked_s < 2
    assert moment.time_percentage < 50


def test_a_completed_session_has_nothing_left() -> None:
    moment = watch(MadeSession())[-1][1]
    assert moment.time_percentage == 100.0
    assert moment.ranges in ({}, dict.fromkeys(Scope, TimeRange(0.0, 0.0, 0.0)))
    assert set(moment.phases_s) == set(PhaseName) or CLUSTERING in moment.phases_s
