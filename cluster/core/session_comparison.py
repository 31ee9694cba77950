"""Compares the speed of a phase in two sessions, and says what made one of them slower.

How many times slower a phase was is a product of factors. Those that were measured are listed, the
largest first, while a part of the whole is unexplained; the rest has one cause that was not
measured. Swapping the sessions gives the same causes with inverse factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cluster.core.sessions import PhaseName, PhaseStatus

LEAST_FACTOR = 1.15
"""A smaller difference is not told: two runs over the same photos differ by as much."""

SHORT_S = 10.0
"""In a phase that is shorter than this, to start and to end take a part that matters."""

COMMIT_LANES: Mapping[PhaseName, int] = MappingProxyType(
    {PhaseName.TRAINING: 1, PhaseName.FACE_DETECTION: 2, PhaseName.CLUSTERING: 1}
)
"""How many things a worker does at once: a detector commits one batch while it searches the next
(cluster/actors/detection.py), so that only waiting beyond that takes time."""

LONGEST_DELAY = 20.0
"""The most that waiting for the database is taken to delay a phase."""


class Cause(StrEnum):
    """What can make a phase slower; the last three are given for what was not measured."""

    PIXELS = "pixels"
    BYTES = "bytes"
    FACES = "faces"
    WORKERS = "workers"
    DATABASE = "database"
    FAILURES = "failures"
    SHORT = "short"
    PACK = "pack"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """One phase of one session in numbers, those of its current attempt.

    `active_s` is how long it has worked, without pauses; None when it is not known. `unchanged`,
    `pixels`, `read_bytes`, `waited_s` and `workers` are as in its row (SessionPhase). `faces` are
    those that were found, or in clustering those that have a person. What a grouping did to people
    is None in other phases, and when it is not known.
    """

    name: PhaseName
    status: PhaseStatus = PhaseStatus.COMPLETED
    total: int = 0
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    unchanged: int = 0
    faces: int = 0
    active_s: float | None = None
    pixels: int = 0
    read_bytes: int = 0
    waited_s: float = 0.0
    workers: int = 0
    people_gained: int | None = None
    people_lost: int | None = None
    people_split: int | None = None

    @property
    def worked(self) -> int:
        """How many items took time: photos, or in clustering faces.

        In training, duplicates are read before they are skipped. In face detection, skipped photos
        are not opened; when a phase is tried again, those that were finished before are left out.
        """
        worked = self.processed + self.skipped + self.failed - self.unchanged
        if self.name is PhaseName.FACE_DETECTION:
            worked = min(worked, self.processed + self.failed)
        return max(0, worked)

    @property
    def per_s(self) -> float | None:
        """Items that took time, per second; None when there are none, or the time is not known."""
        return divide(self.worked, self.active_s)

    @property
    def pixels_each(self) -> float | None:
        """Decoded pixels for each photo that took time; None when nothing was decoded."""
        return divide(self.pixels, self.worked)

    @property
    def bytes_each(self) -> float | None:
        """Bytes that were read for each photo that took time; None when nothing was read."""
        return divide(self.read_bytes, self.worked)

    @property
    def waiting(self) -> float | None:
        """How many of a worker's seconds, on average, went by while it waited for the database."""
        if not self.active_s or self.active_s <= 0 or self.workers <= 0:
            return None
        return max(0.0, self.waited_s) / (self.active_s * self.workers)


def divide(amount: float, by: float | None) -> float | None:
    """Return amount / by; None when one of them is not above 0, or the quotient is no number."""
    if by is None or not (by > 0 and amount > 0):
        return None
    quotient = amount / by
    return quotient if 0 < quotient < math.inf else None


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause, and how many times slower it made a phase; below 1.0, it made the phase faster."""

    cause: Cause
    factor: float


@dataclass(frozen=True, slots=True)
class PhaseComparison:
    """How many times slower a phase was than in the other session, and why, in order.

    Below 1.0, it was faster. None when one of the two did no work, or its time is not known.
    """

    times_slower: float | None
    reasons: tuple[Reason, ...] = ()


def compare_phases(
    this: PhaseFigures, other: PhaseFigures, *, is_same_pack: bool = True
) -> PhaseComparison:
    """Return how many times slower `this` was than `other`, and the causes of the difference.

    A cause is told when it changed the speed by more than LEAST_FACTOR in the direction of the
    whole, and when at least as much is not explained by the causes before it.
    """
    slower = _log_ratio(other.per_s, this.per_s)
    if slower is None:
        return PhaseComparison(None)
    direction = -1.0 if slower < 0 else 1.0
    rest, least = abs(slower), math.log(LEAST_FACTOR)
    causes = [(direction * log, cause) for cause, log in _list_factors(this, other)]
    reasons = []
    # Rounded, so that equal factors keep the order of Cause whatever the last bit is.
    for log, cause in sorted(causes, key=lambda one: -round(one[0], 9)):
        if log <= least or rest <= least:
            break
        reasons.append(Reason(cause, math.exp(direction * log)))
        rest -= log
    if rest > least:
        cause = _name_rest(this, other, is_same_pack=is_same_pack)
        reasons.append(Reason(cause, math.exp(direction * rest)))
    return PhaseComparison(math.exp(slower), tuple(reasons))


def _list_factors(this: PhaseFigures, other: PhaseFigures) -> Iterator[tuple[Cause, float]]:
    """Yield the logarithms of how many times slower each measured cause made `this`."""
    known = (
        (Cause.PIXELS, _log_ratio(this.pixels_each, other.pixels_each)),
        (Cause.BYTES, _log_ratio(this.bytes_each, other.bytes_each)),
        (Cause.FACES, _log_ratio(_weigh_faces(this), _weigh_faces(other))),
        (Cause.WORKERS, _log_ratio(other.workers, this.workers)),
        (Cause.DATABASE, _log_ratio(_delay(this), _delay(other))),
        (Cause.FAILURES, _log_ratio(_weigh_failures(this), _weigh_failures(other))),
    )
    yield from ((cause, log) for cause, log in known if log is not None)


def _log_ratio(one: float | None, other: float | None) -> float | None:
    """Return log(one / other), exactly the negative of log(other / one); None when undefined."""
    if not one or not other or one <= 0 or other <= 0:
        return None
    return math.log(one) - math.log(other)


def _weigh_faces(phase: PhaseFigures) -> float | None:
    """Return the work that faces make for each item.

    To describe a face takes about as long as to search a photo. A face is compared with all others,
    so grouping takes for each face a time that grows with their number.
    """
    match phase.name:
        case PhaseName.FACE_DETECTION:
            return 1.0 + (divide(phase.faces, phase.processed) or 0.0)
        case PhaseName.CLUSTERING:
            return float(phase.worked)
        case _:
            return None


def _weigh_failures(phase: PhaseFigures) -> float:
    """Return the work that failures make: each is taken to cost as much as two other photos.

    A photo that fails is often waited for, or crashes its worker.
    """
    return 1.0 + min(1.0, divide(phase.failed, phase.worked) or 0.0)


def _delay(phase: PhaseFigures) -> float | None:
    """Return how many times slower a phase was than without waiting for the database."""
    waiting, lanes = phase.waiting, COMMIT_LANES[phase.name]
    if waiting is None:
        return None
    left = lanes - max(waiting, lanes - 1)
    return 1 / max(left, 1 / LONGEST_DELAY)


def _name_rest(this: PhaseFigures, other: PhaseFigures, *, is_same_pack: bool) -> Cause:
    if min(this.active_s or 0.0, other.active_s or 0.0) < SHORT_S:
        return Cause.SHORT
    if not is_same_pack and this.name is not PhaseName.TRAINING:
        return Cause.PACK
    return Cause.MACHINE
