"""The JSON of imported decisions, and of those that wait."""

from __future__ import annotations

from datetime import datetime

from cluster.core.decisions.decision_format import DecisionKind, LeftReason
from cluster.store.decisions.importing import ImportReport, LeftCount, LeftDecision
from cluster.store.decisions.kept_list import KeptInfo
from serve.bodies.session_bodies import Body

MOST_LISTED = 100


class LeftCountBody(Body):
    """How many decisions of a kind cannot be placed for a reason, which `says` describes."""

    kind: DecisionKind
    reason: LeftReason
    says: str
    count: int

    @classmethod
    def from_left(cls, left: LeftCount) -> LeftCountBody:
        """Return the body of a count."""
        return cls(kind=left.kind, reason=left.reason, says=left.reason.sentence, count=left.count)


class LeftDecisionBody(Body):
    """A decision that cannot be placed: the name of its person and the path of its photo."""

    kind: DecisionKind
    reason: LeftReason
    says: str
    name: str | None
    path: str | None

    @classmethod
    def from_left(cls, left: LeftDecision | KeptInfo) -> LeftDecisionBody:
        """Return the body of a decision."""
        says = left.reason.sentence
        return cls(kind=left.kind, reason=left.reason, says=says, name=left.name, path=left.path)


class ImportBody(Body):
    """What an import would change, by kind, and the decisions that it could not place.

    `people` get a name, are hidden or get a birth date; `placed` faces go where a user put them,
    and `grouped` faces where clustering put them. `left` counts the decisions that have to wait;
    `listed` has the first of them.
    """

    changed: dict[str, int]
    left: list[LeftCountBody]
    listed: list[LeftDecisionBody]

    @classmethod
    def from_report(cls, report: ImportReport) -> ImportBody:
        """Return the body of a report."""
        return cls(
            changed=report.changes,
            left=[LeftCountBody.from_left(one) for one in report.left],
            listed=[LeftDecisionBody.from_left(one) for one in report.listed[:MOST_LISTED]],
        )


class WaitingDecisionBody(LeftDecisionBody):
    """A decision that waits, with the time and the file of its import."""

    source: str
    kept_at: datetime

    @classmethod
    def from_kept(cls, kept: KeptInfo) -> WaitingDecisionBody:
        """Return the body of a decision that waits."""
        left = LeftDecisionBody.from_left(kept)
        return cls(**left.model_dump(), source=kept.source, kept_at=kept.kept_at)


class WaitingBody(Body):
    """The decisions that wait for their photo or face: how many there are, and the oldest."""

    count: int
    waiting: list[WaitingDecisionBody]
