"""How long a session will take, estimated before it begins."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cluster.core.dry_runs import describe_range
from cluster.core.sessions import PhaseName
from cluster.core.time_left.dry_times import (
    DryWork,
    PastSessions,
    TimedPhoto,
    TimedPhotos,
    expect_time,
)
from cluster.core.time_left.speed import KnownSpeed
from cluster.core.time_left.timing import TimeRange

PHOTO = TimedPhoto(
    size_bytes=200_000,
    pixels=2_000_000,
    read_s=0.05,
    waited_s=0.0,
    search_s=0.2,
    search_wall_s=0.2,
    faces=1,
)
TIMED = TimedPhotos((PHOTO,) * 8, warm_up_s=1.0, cpus=2, detectors=2)
NOTHING = PastSessions()
counts = st.integers(0, 2_000_000)
seconds = st.floats(1e-5, 100)


def work(photos: int, *, faces: int = 0) -> DryWork:
    return DryWork(
        to_read=photos,
        bytes_to_read=200_000 * photos,
        to_decode=photos,
        to_search=photos,
        known_faces=faces,
    )


timed_photos = st.builds(
    TimedPhoto,
    size_bytes=st.integers(1, 10**9),
    pixels=st.integers(1, 2 * 10**8),
    read_s=st.floats(0, 60),
    waited_s=st.floats(0, 60),
    search_s=st.floats(0, 60),
    search_wall_s=st.floats(0, 60),
    faces=st.integers(0, 500),
)
timings = st.none() | st.builds(
    TimedPhotos,
    photos=st.lists(timed_photos, min_size=1, max_size=8).map(tuple),
    warm_up_s=seconds,
    cpus=st.integers(1, 256),
    detectors=st.integers(1, 256),
    on_gpu=st.booleans(),
    others_busy=st.floats(0, 1),
)
speeds = st.builds(KnownSpeed, log_speed=st.floats(-5, 10), sigma=st.floats(0.05, 1))
pasts = st.builds(
    PastSessions,
    speeds=st.dictionaries(st.sampled_from(PhaseName), speeds),
    grouping=st.none() | st.floats(0.1, 10),
    faces=st.none() | st.floats(0, 50),
    pixels=st.none() | st.floats(0, 2e8),
)


@given(read=counts, searched=counts, known=counts, timed=timings, past=pasts)
def test_whatever_is_known_the_range_is_one(
    read: int, searched: int, known: int, timed: TimedPhotos | None, past: PastSessions
) -> None:
    to_do = DryWork(
        to_read=read,
        bytes_to_read=read * 1000,
        to_decode=min(read, searched),
        to_search=searched,
        known_faces=known,
    )
    time = expect_time(to_do, timed=timed, past=past)
    assert 0 <= time.low_s <= time.middle_s <= time.high_s < math.inf
    assert describe_range(time)


@given(photos=st.integers(1, 100_000))
def test_more_photos_take_longer(photos: int) -> None:
    fewer = expect_time(work(photos), timed=TIMED, past=NOTHING)
    more = expect_time(work(2 * photos), timed=TIMED, past=NOTHING)
    assert more.middle_s > fewer.middle_s


def test_the_time_is_that_of_the_photos_shared_by_the_cpus() -> None:
    """1,000 photos of a quarter of a second on two CPUs take 125 s, plus bookkeeping."""
    time = expect_time(work(1000), timed=TIMED, past=NOTHING)
    assert 125 < time.middle_s < 175
    assert time.low_s < 140 < time.high_s


def test_a_guess_is_wider_than_what_was_timed() -> None:
    timed = expect_time(work(1000), timed=TIMED, past=NOTHING)
    guessed = expect_time(work(1000), timed=None, past=NOTHING)
    assert guessed.high_s / guessed.low_s > 2 * timed.high_s / timed.low_s


def test_a_busy_machine_takes_longer_and_is_less_certain() -> None:
    quiet = expect_time(work(1000), timed=TIMED, past=NOTHING)
    busy = expect_time(work(1000), timed=replace(TIMED, others_busy=0.8), past=NOTHING)
    assert busy.middle_s > 1.5 * quiet.middle_s
    assert busy.high_s / busy.low_s > quiet.high_s / quiet.low_s


def test_earlier_sessions_narrow_the_range_and_draw_it_to_them() -> None:
    known = {
        PhaseName.TRAINING: KnownSpeed(math.log(20), 0.2),
        PhaseName.FACE_DETECTION: KnownSpeed(math.log(3), 0.2),
    }
    alone = expect_time(work(1000), timed=TIMED, past=NOTHING)
    both = expect_time(work(1000), timed=TIMED, past=PastSessions(known))
    assert both.middle_s > alone.middle_s
    assert both.high_s / both.low_s < alone.high_s / alone.low_s


def test_photos_that_differ_say_less_than_equal_ones() -> None:
    slow = replace(PHOTO, search_s=2.0, read_s=0.5)
    mixed = replace(TIMED, photos=(PHOTO,) * 7 + (slow,))
    few, many = (expect_time(work(1000), timed=one, past=NOTHING) for one in (mixed, TIMED))
    assert few.high_s / few.low_s > many.high_s / many.low_s


def test_known_bytes_are_read_and_not_decoded() -> None:
    moved = replace(work(1000), to_decode=0, to_search=0)
    moved_time = expect_time(moved, timed=TIMED, past=NOTHING)
    assert moved_time.middle_s < 0.2 * expect_time(work(1000), timed=TIMED, past=NOTHING).middle_s


def test_a_library_without_changes_takes_a_few_seconds() -> None:
    time = expect_time(work(0, faces=5000), timed=None, past=NOTHING)
    assert time.high_s < 15


def test_a_range_is_told_in_units_that_a_user_would_choose() -> None:
    told = {
        (0.5, 1, 3): "1 to 3 seconds",
        (40, 50, 80): "40 to 80 seconds",
        (130, 170, 230): "2 to 4 minutes",
        (170, 180, 200): "about 3 minutes",
        (4_000, 8_000, 11_000): "1 to 4 hours",
        (3_600, 3_600, 3_600): "about 60 minutes",
    }
    assert {key: describe_range(TimeRange(*key)) for key in told} == told
