"""Compares the speed of a phase in two sessions, and lists the causes of the difference.

The slowdown of a phase is taken as a product of factors. The measured factors are listed, the
largest first, until they explain the slowdown; a remainder gets one cause that was not measured.
Swapping the sessions gives the same causes with inverse factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cluster.core.sessions import PhaseName, PhaseStatus

LEAST_FACTOR = 1.15
"""A smaller factor is not reported, because two runs over the same photos differ by as much."""

SHORT_S = 10.0
"""In a shorter phase, starting and ending take a considerable part of the time."""

COMMIT_LANES: Mapping[PhaseName, int] = MappingProxyType(
    {PhaseName.TRAINING: 1, PhaseName.FACE_DETECTION: 2, PhaseName.CLUSTERING: 1}
)
"""The number of batches that a worker handles at the same time: a detector commits one batch while
it searches the next (cluster/actors/detection.py), so that only longer waits delay it."""

LONGEST_DELAY = 20.0
"""The largest factor by which waiting for the database is assumed to slow a phase down."""


class Cause(StrEnum):
    """A cause of a slower phase; one of the last three is given for an unmeasured remainder."""

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
    """The numbers of one phase of one session, in its current attempt.

    `active_s` is how long it has worked, without pauses; None if unknown. `unchanged`, `pixels`,
    `read_bytes`, `waited_s` and `workers` are those of its row (SessionPhase). `faces` are the
    faces that were found, or in clustering the faces that have a person. The changes of a grouping
    to people are None in other phases, and if unknown.
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
        """The number of items that needed work: photos, or faces in clustering.

        In training, duplicates are read before they are skipped. In face detection, skipped photos
        are not opened; when a phase is tried again, those that were finished before are left out.
        """
        worked = self.processed + self.skipped + self.failed - self.unchanged
        if self.name is PhaseName.FACE_DETECTION:
            worked = min(worked, self.processed + self.failed)
        return max(0, worked)

    @property
    def per_s(self) -> float | None:
        """Items that needed work, per second; None if there are none, or if the time is unknown."""
        return divide(self.worked, self.active_s)

    @property
    def pixels_each(self) -> float | None:
        """Decoded pixels per photo that needed work; None if nothing was decoded."""
        return divide(self.pixels, self.worked)

    @property
    def bytes_each(self) -> float | None:
        """Bytes read per photo that needed work; None if nothing was read."""
        return divide(self.read_bytes, self.worked)

    @property
    def waiting(self) -> float | None:
        """Seconds of waiting for the database per second of a worker, which may exceed 1."""
        if not self.active_s or self.active_s <= 0 or self.workers <= 0:
            return None
        return max(0.0, self.waited_s) / (self.active_s * self.workers)


def divide(amount: float, by: float | None) -> float | None:
    """Return amount / by; None unless both are above 0 and the quotient is finite."""
    if by is None or not (by > 0 and amount > 0):
        return None
    quotient = amount / by
    return quotient if 0 < quotient < math.inf else None


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause, and the factor by which it made a phase slower; below 1.0, it made it faster."""

    cause: Cause
    factor: float


@dataclass(frozen=True, slots=True)
class PhaseComparison:
    """How many times slower a phase was than in the other session, and the reasons, in order.

    `times_slower` is below 1.0 if the phase was faster, and None if one of the two did no work or
    its time is unknown.
    """

    times_slower: float | None
    reasons: tuple[Reason, ...] = ()


def compare_phases(
    this: PhaseFigures, other: PhaseFigures, *, is_same_pack: bool = True
) -> PhaseComparison:
    """Return how many times slower `this` was than `other`, and the causes of the difference.

    A cause is listed if it changed the speed by more than LEAST_FACTOR in the direction of the
    whole difference, and if the causes before it leave more than LEAST_FACTOR unexplained.
    """
    slower = _log_ratio(other.per_s, this.per_s)
    if slower is None:
        return PhaseComparison(None)
    direction = -1.0 if slower < 0 else 1.0
    rest, least = abs(slower), math.log(LEAST_FACTOR)
    causes = [(direction * log, cause) for cause, log in _list_factors(this, other)]
    reasons = []
    # Rounded, so that equal factors keep the order of Cause despite rounding errors.
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
    """Yield each measured cause, and the logarithm of the factor by which it slowed `this` down."""
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
    """Return the work per item that depends on faces.

    Embedding a face takes about as long as searching a photo. Grouping compares each face with all
    others, so the time per face grows with their number.
    """
    match phase.name:
        case PhaseName.FACE_DETECTION:
            return 1.0 + (divide(phase.faces, phase.processed) or 0.0)
        case PhaseName.CLUSTERING:
            return float(phase.worked)
        case _:
            return None


def _weigh_failures(phase: PhaseFigures) -> float:
    """Return the work per item, assuming that a failed photo takes as much time as two others.

    A photo that fails often reaches its time limit, or crashes its worker.
    """
    return 1.0 + min(1.0, divide(phase.failed, phase.worked) or 0.0)


def _delay(phase: PhaseFigures) -> float | None:
    """Return the factor by which waiting for the database slowed a phase down."""
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
