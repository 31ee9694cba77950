"""The time of later phases is estimated from duplicates so far, unchanged files and free CPUs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cluster.core.progress import PhaseCounts, PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.forecast import OWN, Forecaster, Outlook
from cluster.core.time_left.timing import Scope
from cluster.core.time_left.workload import AlikeFiles, PhaseWork, Probe, Workload, share_of_copies

TRAINING, DETECTION, CLUSTERING = PhaseName
PROBE = Probe(8, 0.1, 1.0, 0.2, cpu_s=0.05)


def reading(
    *, total: int, processed: int, skipped: int = 0, unchanged: int = 0
) -> dict[PhaseName, PhaseSnapshot]:
    """Return the phases while photos are read; unchanged ones are skipped in both phases."""
    counts = PhaseCounts(total, processed, skipped + unchanged)
    return {
        TRAINING: PhaseSnapshot(TRAINING, PhaseStatus.RUNNING, counts, unchanged=unchanged),
        DETECTION: PhaseSnapshot(
            DETECTION, counts=PhaseCounts(total, 0, unchanged), unchanged=unchanged
        ),
        CLUSTERING: PhaseSnapshot(CLUSTERING),
    }


def expect_detection(phases: dict[PhaseName, PhaseSnapshot], outlook: Outlook) -> float:
    """Return the seconds that face detection is expected to take; a photo is one unit."""
    left = phases[DETECTION].counts.total - phases[DETECTION].shown
    work = Workload(detection=PhaseWork((left,), (float(left),)))
    forecaster = Forecaster(phases, work, outlook, {}, now=10.0)
    return forecaster.forecast()[Scope.FACE_DETECTION].middle_s


def test_duplicates_that_were_met_are_not_searched_and_more_are_expected() -> None:
    outlook = Outlook(workers=2, cpus=2, probe=PROBE)
    none = expect_detection(reading(total=600, processed=300), outlook)
    half = expect_detection(reading(total=600, processed=150, skipped=150), outlook)
    assert half == pytest.approx(none / 2, rel=0.1)


def test_unchanged_files_do_not_make_new_photos_duplicates() -> None:
    outlook = Outlook(workers=2, cpus=2, probe=PROBE)
    alone = expect_detection(reading(total=300, processed=10), outlook)
    beside = expect_detection(reading(total=600, processed=10, unchanged=300), outlook)
    assert beside == pytest.approx(alone)


def test_when_reading_has_ended_no_duplicate_is_counted_twice() -> None:
    outlook = Outlook(workers=2, cpus=2, probe=PROBE)
    phases = reading(total=600, processed=300, skipped=300)
    before = expect_detection(phases, outlook)
    settled = replace(phases[DETECTION], counts=PhaseCounts(600, 0, 300))
    assert expect_detection({**phases, DETECTION: settled}, outlook) == pytest.approx(before)


def test_the_share_of_the_cpus_that_others_leave_tells_how_fast_detectors_will_be() -> None:
    phases = reading(total=400, processed=400)
    free, busy = (
        expect_detection(phases, Outlook(workers=2, cpus=2, probe=PROBE, free=share))
        for share in (0.6, 0.2)
    )
    assert busy == pytest.approx(3 * free, rel=0.01)
    assert free == pytest.approx(400 * 0.05 / (2 * OWN * 0.6), rel=0.05)


def test_few_detectors_on_many_cpus_are_not_slowed_by_others() -> None:
    phases = reading(total=400, processed=400)
    few = Outlook(workers=2, cpus=16, probe=PROBE, free=0.5)
    assert expect_detection(phases, few) == pytest.approx(400 * 0.05 / 2, rel=0.05)


def test_no_free_cpus_at_all_are_not_believed_to_stay() -> None:
    outlook = Outlook(workers=2, cpus=2, probe=PROBE, free=0.0)
    assert math.isfinite(expect_detection(reading(total=400, processed=400), outlook))


def expect_copies(phases: dict[PhaseName, PhaseSnapshot], alike: AlikeFiles) -> float:
    """Return the number of photos that are expected to be searched."""
    work = Workload(alike=alike)
    return Forecaster(phases, work, Outlook(), {}, now=10.0)._items_left(DETECTION)[0]


LAST_ARE_COPIES = AlikeFiles(PhaseWork((100, 200), (0.0, 200.0)), total=200, share=0.95)
"""Three hundred files; each of the last two hundred is as large as one before it."""


def test_copies_that_come_last_are_expected_before_the_first_is_met() -> None:
    searched = expect_copies(reading(total=300, processed=50), LAST_ARE_COPIES)
    assert searched == pytest.approx(100, rel=0.15)


def test_equal_sizes_that_are_no_copies_are_soon_known_to_be_none() -> None:
    searched = expect_copies(reading(total=300, processed=200), LAST_ARE_COPIES)
    assert searched == pytest.approx(300, rel=0.05)


def test_that_all_files_are_copies_is_less_sure_than_that_none_is() -> None:
    phases, outlook = reading(total=1000, processed=1), Outlook(workers=2, cpus=2, probe=PROBE)
    bands = []
    for alike in (0.0, 999.0):
        files = AlikeFiles(PhaseWork((1000,), (alike,)), total=int(alike), share=0.98)
        work = Workload(detection=PhaseWork((1000,), (1000.0,)), alike=files)
        bands.append(
            Forecaster(phases, work, outlook, {}, now=1.0).forecast()[Scope.FACE_DETECTION]
        )
    none, every = bands
    assert every.middle_s < none.middle_s / 2
    assert every.high_s / every.low_s > 2 * none.high_s / none.low_s


@pytest.mark.parametrize("copies", [0, 200, 4000])
@pytest.mark.parametrize("largest", [8_000, 50_000, 5_000_000])
def test_sizes_that_are_equal_by_chance_are_told_from_copies(copies: int, largest: int) -> None:
    drawn = np.random.default_rng(3).integers(1, largest, 4000).tolist()
    sizes = drawn + drawn[:copies]
    different = set(sizes)
    alike = len(sizes) - len(different)
    neighbours = sum(size + 1 in different for size in different)
    share = share_of_copies(alike, sizes=len(different), neighbours=neighbours)
    assert share * alike == pytest.approx(copies, abs=0.06 * len(sizes))
