"""The JSON of promises: the times left that a session showed, and how accurate they were."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.core.time_left.promises import Judgement, Sample, judge_all
from cluster.core.time_left.timing import Scope
from serve.bodies.session_bodies import Body


class PromiseBody(Body):
    """One promise: the time left, in seconds, that was shown after `workedSeconds` of work.

    `middle` is the median; `low` to `high` is the band that should contain 80 % of the outcomes.
    All three are null if no time was shown. `scope` is the whole session or one phase.
    """

    scope: Scope
    worked_seconds: float
    low: float | None
    middle: float | None
    high: float | None

    @classmethod
    def from_sample(cls, sample: Sample) -> PromiseBody:
        """Return the body of a sample."""
        left = sample.left
        return cls(
            scope=sample.scope,
            worked_seconds=round(sample.worked_s, 1),
            low=None if left is None else round(left.low_s, 1),
            middle=None if left is None else round(left.middle_s, 1),
            high=None if left is None else round(left.high_s, 1),
        )


class JudgementBody(Body):
    """How accurate the promises about one scope were, which took `seconds`.

    Of `promises`, `held` were within 15 % or 2 seconds of the real time left, and `covered` had it
    in their band. `moments` counts all samples, also those without a promise. Errors are shares of
    the real time left.
    """

    scope: Scope
    seconds: float
    moments: int
    promises: int
    held: int
    covered: int
    median_error: float | None
    ninth_decile_error: float | None

    @classmethod
    def from_judgement(cls, judged: Judgement) -> JudgementBody:
        """Return the body of a judgement."""
        return cls(
            scope=judged.scope,
            seconds=round(judged.lasted_s, 1),
            moments=judged.samples,
            promises=judged.promises,
            held=judged.held,
            covered=judged.covered,
            median_error=judged.median_error,
            ninth_decile_error=judged.ninth_decile_error,
        )


class PromisesBody(Body):
    """The promises of a session, and, once it has completed, their accuracy by scope."""

    session_id: int
    outcomes: list[JudgementBody]
    promises: list[PromiseBody]

    @classmethod
    def from_samples(
        cls, session_id: int, samples: Sequence[Sample], *, is_over: bool
    ) -> PromisesBody:
        """Return the body; promises of a session that is not complete are not judged."""
        return cls(
            session_id=session_id,
            outcomes=[JudgementBody.from_judgement(one) for one in judge_all(samples)]
            if is_over
            else [],
            promises=[PromiseBody.from_sample(sample) for sample in samples],
        )
