"""Why a phase was slower than in another session: in order, symmetric, and never nonsense."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.session_comparison import (
    LEAST_FACTOR,
    SHORT_S,
    Cause,
    PhaseFigures,
    compare_phases,
)
from cluster.core.sessions import PhaseName

TRAINING, DETECTION, CLUSTERING = PhaseName

COUNTS = st.integers(0, 10_000_000)
SECONDS = st.none() | st.floats(0, 1e7) | st.floats(-5, 5) | st.just(math.nan)
PHASES = st.builds(
    PhaseFigures,
    name=st.just(DETECTION),
    total=COUNTS,
    processed=COUNTS,
    skipped=COUNTS,
    failed=COUNTS,
    unchanged=COUNTS,
    faces=COUNTS,
    active_s=SECONDS,
    pixels=st.integers(0, 10**16),
    read_bytes=st.integers(0, 10**16),
    waited_s=st.floats(0, 1e7),
    workers=st.integers(0, 2000),
)


def photos(name: PhaseName = TRAINING, **numbers: float) -> PhaseFigures:
    """A thousand photos of ten million pixels and 3 MB each, read in 100 s by four workers."""
    usual = PhaseFigures(
        name,
        total=1000,
        processed=1000,
        active_s=100.0,
        pixels=10**10,
        read_bytes=3 * 10**9,
        workers=4,
    )
    return replace(usual, **numbers)  # type: ignore[arg-type]


def causes(this: PhaseFigures, other: PhaseFigures, *, is_same_pack: bool = True) -> list[Cause]:
    return [one.cause for one in compare_phases(this, other, is_same_pack=is_same_pack).reasons]


@given(PHASES, PHASES, st.sampled_from(PhaseName))
def test_swapping_the_sessions_gives_the_inverse(
    this: PhaseFigures, other: PhaseFigures, name: PhaseName
) -> None:
    this, other = replace(this, name=name), replace(other, name=name)
    there, back = compare_phases(this, other), compare_phases(other, this)
    assert (there.times_slower is None) == (back.times_slower is None)
    assert [one.cause for one in there.reasons] == [one.cause for one in back.reasons]
    for one, inverse in zip(there.reasons, back.reasons, strict=True):
        assert one.factor * inverse.factor == pytest.approx(1)
    if there.times_slower is not None and back.times_slower is not None:
        assert there.times_slower * back.times_slower == pytest.approx(1)


@given(PHASES, st.sampled_from(PhaseName))
def test_equal_phases_differ_in_nothing(phase: PhaseFigures, name: PhaseName) -> None:
    phase = replace(phase, name=name)
    compared = compare_phases(phase, phase)
    assert compared.reasons == ()
    assert compared.times_slower in (None, 1.0)


@given(PHASES, PHASES, st.sampled_from(PhaseName))
def test_every_number_is_finite_and_every_reason_pulls_the_same_way(
    this: PhaseFigures, other: PhaseFigures, name: PhaseName
) -> None:
    this, other = replace(this, name=name), replace(other, name=name)
    compared = compare_phases(this, other)
    numbers = [one.factor for one in compared.reasons]
    if compared.times_slower is None:
        assert numbers == []
        return
    assert all(math.isfinite(number) and number > 0 for number in [compared.times_slower, *numbers])
    is_slower = compared.times_slower > 1
    assert all((number > 1) == is_slower for number in numbers)
    assert all(max(number, 1 / number) > LEAST_FACTOR - 1e-9 for number in numbers)
    assert len(set(causes(this, other))) == len(numbers), "no cause is told twice"


@pytest.mark.parametrize(
    "empty",
    [
        PhaseFigures(TRAINING),
        photos(active_s=None),
        photos(active_s=0.0),
        photos(processed=0, skipped=1000, unchanged=1000),
    ],
)
def test_a_phase_without_work_or_time_is_not_compared(empty: PhaseFigures) -> None:
    assert compare_phases(photos(), empty).times_slower is None
    assert compare_phases(empty, photos()).times_slower is None
    assert compare_phases(empty, empty).times_slower is None


def test_more_pixels_a_photo_explain_what_they_explain() -> None:
    compared = compare_phases(photos(active_s=160.0, pixels=15 * 10**9), photos())
    assert compared.times_slower == pytest.approx(1.6)
    (reason,) = compared.reasons
    assert (reason.cause, reason.factor) == (Cause.PIXELS, pytest.approx(1.5))


@pytest.mark.parametrize(
    ("cause", "name", "numbers"),
    [
        (Cause.BYTES, TRAINING, {"read_bytes": 6 * 10**9}),
        (Cause.WORKERS, TRAINING, {"workers": 2}),
        (Cause.DATABASE, TRAINING, {"waited_s": 400.0}),
        (Cause.FAILURES, TRAINING, {"processed": 0, "failed": 1000}),
        (Cause.FACES, DETECTION, {"faces": 1000}),
        (Cause.WORKERS, CLUSTERING, {"workers": 2}),
        (Cause.DATABASE, DETECTION, {"waited_s": 1200.0}),
    ],
)
def test_each_cause_is_named_by_what_was_measured(
    cause: Cause, name: PhaseName, numbers: dict[str, float]
) -> None:
    compared = compare_phases(photos(name, active_s=200.0, **numbers), photos(name))
    (reason,) = compared.reasons
    assert (reason.cause, reason.factor) == (cause, pytest.approx(2))


def test_the_largest_cause_comes_first_and_what_remains_was_the_machine() -> None:
    slow = photos(active_s=900.0, workers=2, pixels=15 * 10**9)
    compared = compare_phases(slow, photos())
    assert [(one.cause, round(one.factor, 2)) for one in compared.reasons] == [
        (Cause.WORKERS, 2.0),
        (Cause.PIXELS, 1.5),
        (Cause.MACHINE, 3.0),
    ]


def test_what_another_cause_has_explained_is_not_explained_again() -> None:
    """Larger photos also have more bytes."""
    large = photos(active_s=200.0, pixels=2 * 10**10, read_bytes=6 * 10**9)
    assert causes(large, photos()) == [Cause.PIXELS]


def test_a_cause_that_pulls_the_other_way_is_not_told() -> None:
    small = photos(active_s=150.0, pixels=10**9, read_bytes=10**8)
    assert causes(small, photos()) == [Cause.MACHINE]


def test_a_short_phase_is_not_blamed_on_the_machine() -> None:
    few = photos(total=10, processed=10, active_s=SHORT_S / 2, pixels=10**8, read_bytes=3 * 10**7)
    assert causes(few, photos()) == [Cause.SHORT]


@pytest.mark.parametrize(
    ("name", "cause"),
    [(TRAINING, Cause.MACHINE), (DETECTION, Cause.PACK), (CLUSTERING, Cause.PACK)],
)
def test_another_pack_is_a_cause_where_its_models_matter(name: PhaseName, cause: Cause) -> None:
    slow = photos(name, active_s=200.0)
    assert causes(slow, photos(name), is_same_pack=False) == [cause]


def test_grouping_takes_for_each_face_a_time_that_grows_with_their_number() -> None:
    compared = compare_phases(
        photos(CLUSTERING, processed=2000, active_s=400.0), photos(CLUSTERING)
    )
    (reason,) = compared.reasons
    assert (reason.cause, reason.factor) == (Cause.FACES, pytest.approx(2))


def test_waiting_that_a_detector_fills_with_the_next_batch_takes_no_time() -> None:
    waiting = photos(DETECTION, active_s=200.0, waited_s=799.0)
    assert causes(waiting, photos(DETECTION)) == [Cause.MACHINE]


def test_photos_that_take_no_time_are_not_counted_as_speed() -> None:
    again = photos(DETECTION, processed=10, skipped=990, unchanged=900, active_s=1.0)
    assert (again.worked, again.per_s) == (10, 10.0)
    retried = photos(DETECTION, processed=999, failed=1, unchanged=995, active_s=1.0)
    assert retried.worked == 5
    duplicates = photos(TRAINING, processed=400, skipped=600, unchanged=100)
    assert duplicates.worked == 900
