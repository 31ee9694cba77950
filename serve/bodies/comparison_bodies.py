"""The JSON of the speed of sessions, and of the comparison of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.core.failure_reasons import ReasonCount
from cluster.core.session_comparison import Cause, PhaseComparison, PhaseFigures, compare_phases
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from cluster.core.time_left.speed_series import SpeedPoint
from cluster.store.sessions.session_rows import SessionInfo
from serve.bodies.session_bodies import Body

Speeds = Mapping[PhaseName, tuple[SpeedPoint, ...]]


class SpeedPointBody(Body):
    """Items finished per second between two times, in seconds of work, without pauses."""

    from_seconds: float
    until_seconds: float
    per_second: float

    @classmethod
    def from_point(cls, point: SpeedPoint) -> SpeedPointBody:
        """Return the body of a point."""
        return cls(from_seconds=point.from_s, until_seconds=point.until_s, per_second=point.per_s)


class PhaseSpeedBody(Body):
    """The speed of a phase over time, in photos per second, or in faces for clustering.

    There are no points if the session has no samples: it was run by an earlier version, or is older
    than `history_days`.
    """

    name: PhaseName
    points: list[SpeedPointBody]


class SpeedBody(Body):
    """The speed of a session's phases over time."""

    session_id: int
    phases: list[PhaseSpeedBody]

    @classmethod
    def from_speeds(cls, session_id: int, speeds: Speeds) -> SpeedBody:
        """Return the body of the speeds of a session's phases."""
        return cls(
            session_id=session_id,
            phases=[
                PhaseSpeedBody(name=name, points=_to_points(points))
                for name, points in speeds.items()
            ],
        )


def _to_points(points: Sequence[SpeedPoint]) -> list[SpeedPointBody]:
    return [SpeedPointBody.from_point(point) for point in points]


class PhaseFiguresBody(Body):
    """One phase of one session, in its current attempt.

    `worked` counts the items that took time: photos, or faces in clustering. `perSecond` and the
    values per photo refer to them. `seconds` is the working time of the phase, without pauses.
    `faces` counts the faces found, or in clustering the faces that belong to a person.
    `waitedSeconds` is the total time that workers waited for the database; `workers` is the largest
    number that worked at the same time. `peopleGained`, `peopleLost` and `peopleSplit` compare the
    people after the grouping with those before it. Null means unknown or not applicable.
    """

    status: PhaseStatus
    total: int
    processed: int
    skipped: int
    failed: int
    worked: int
    faces: int
    seconds: float | None
    per_second: float | None
    pixels_per_photo: float | None
    bytes_per_photo: float | None
    workers: int
    waited_seconds: float
    people_gained: int | None
    people_lost: int | None
    people_split: int | None
    speed: list[SpeedPointBody]

    @classmethod
    def from_figures(cls, phase: PhaseFigures, speed: tuple[SpeedPoint, ...]) -> PhaseFiguresBody:
        """Return the body of a phase's figures and its speed over time."""
        return cls(
            status=phase.status,
            total=phase.total,
            processed=phase.processed,
            skipped=phase.skipped,
            failed=phase.failed,
            worked=phase.worked,
            faces=phase.faces,
            seconds=phase.active_s,
            per_second=phase.per_s,
            pixels_per_photo=phase.pixels_each,
            bytes_per_photo=phase.bytes_each,
            workers=phase.workers,
            waited_seconds=phase.waited_s,
            people_gained=phase.people_gained,
            people_lost=phase.people_lost,
            people_split=phase.people_split,
            speed=_to_points(speed),
        )


class ReasonBody(Body):
    """A cause, and how many times slower it made the phase; below 1, it made the phase faster."""

    cause: Cause
    factor: float


class ComparedPhaseBody(Body):
    """A phase of a session and of the other one.

    `timesSlower` says how many times slower it was than in the other session: below 1, it was
    faster; null if one of the two did no work, or its time is unknown. `reasons` explain it, the
    largest first. The causes `short`, `pack` and `machine` stand for what is not measured: too
    short to tell, other models, or a slower machine.
    """

    name: PhaseName
    this: PhaseFiguresBody
    other: PhaseFiguresBody
    times_slower: float | None
    reasons: list[ReasonBody]


class FailureReasonBody(Body):
    """How many photos failed in a phase for a reason; "…" replaces the parts that vary."""

    phase: PhaseName
    reason: str
    count: int


class ComparedSessionBody(Body):
    """One of two sessions, and its most frequent reasons for failures, at most 20."""

    session_id: int
    library_id: int
    root_path: str
    name: str | None
    pack: str
    status: SessionStatus
    created_at: datetime
    failures: list[FailureReasonBody]

    @classmethod
    def from_session(
        cls, session: SessionInfo, reasons: Sequence[ReasonCount]
    ) -> ComparedSessionBody:
        """Return the body of a session and of the reasons for its failures."""
        return cls(
            session_id=session.id,
            library_id=session.library_id,
            root_path=session.root,
            name=session.name,
            pack=session.pack,
            status=session.status,
            created_at=session.created_at,
            failures=[
                FailureReasonBody(phase=one.phase, reason=one.reason, count=one.count)
                for one in reasons
            ],
        )


@dataclass(frozen=True, slots=True)
class ComparedSession:
    """The data of one session that a comparison needs."""

    session: SessionInfo
    phases: tuple[PhaseFigures, ...]
    speeds: Speeds
    reasons: tuple[ReasonCount, ...]


class ComparisonBody(Body):
    """The comparison of a session with another one, phase by phase.

    Sessions with different packs, or over different libraries, can be compared; `isSamePack` and
    `isSameLibrary` say whether they are the same.
    """

    this: ComparedSessionBody
    other: ComparedSessionBody
    is_same_pack: bool
    is_same_library: bool
    phases: list[ComparedPhaseBody]

    @classmethod
    def from_sessions(cls, this: ComparedSession, other: ComparedSession) -> ComparisonBody:
        """Return the body of the comparison of two sessions."""
        is_same_pack = this.session.pack == other.session.pack
        return cls(
            this=ComparedSessionBody.from_session(this.session, this.reasons),
            other=ComparedSessionBody.from_session(other.session, other.reasons),
            is_same_pack=is_same_pack,
            is_same_library=this.session.library_id == other.session.library_id,
            phases=[
                _to_phase(
                    compare_phases(mine, theirs, is_same_pack=is_same_pack),
                    PhaseFiguresBody.from_figures(mine, this.speeds[mine.name]),
                    PhaseFiguresBody.from_figures(theirs, other.speeds[theirs.name]),
                    name=mine.name,
                )
                for mine, theirs in zip(this.phases, other.phases, strict=True)
            ],
        )


def _to_phase(
    compared: PhaseComparison,
    this: PhaseFiguresBody,
    other: PhaseFiguresBody,
    *,
    name: PhaseName,
) -> ComparedPhaseBody:
    return ComparedPhaseBody(
        name=name,
        this=this,
        other=other,
        times_slower=compared.times_slower,
        reasons=[ReasonBody(cause=one.cause, factor=one.factor) for one in compared.reasons],
    )
