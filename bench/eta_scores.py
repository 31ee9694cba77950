"""Scores promises of time. Pure: a session's looks in, shares of kept promises and coverage out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from cluster.core.progress import Eta, UnifiedProgress
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.promises import is_held
from cluster.core.time_left.timing import Scope

LOOK_S = 0.25
FROM_S = 5.0
FROM_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """The progress that was shown at one moment, in seconds of a monotonic clock."""

    at: float
    shown: UnifiedProgress


@dataclass(frozen=True, slots=True)
class Score:
    """The accuracy of the promises about one scope; `looks` counts the moments from 5 s on.

    `held`, `coverage` and the errors are those of the promises from a tenth of the time on.
    """

    kind: str
    scope: str
    seconds: float
    looks: int
    promises: int
    promised: float
    held: float
    coverage: float
    median_error: float
    p90_error: float
    bar: float | None = None
    naive: float | None = None


Ask = Callable[[UnifiedProgress], Eta | None]


def judge_looks(kind: str, looks: Sequence[Look]) -> list[Score]:
    """Return the scores of the session and its phases."""
    start, end = looks[0].at, looks[-1].at
    scores = [
        _judge(
            kind,
            Scope.SESSION,
            looks,
            ask=_ask_session,
            times=(start, end),
            bar=measure_bar(looks),
            naive=judge_naive(looks),
        )
    ]
    for name in PhaseName:
        running = [x.at for x in looks if x.shown.phase(name).status is PhaseStatus.RUNNING]
        if running:
            times = (running[0], running[-1] + LOOK_S / 2)
            scores.append(
                _judge(kind, Scope.of(name), looks, ask=partial(_ask_phase, name), times=times)
            )
    return scores


def _ask_session(shown: UnifiedProgress) -> Eta | None:
    return shown.eta


def _ask_phase(name: PhaseName, shown: UnifiedProgress) -> Eta | None:
    return shown.phase(name).eta


def _judge(
    kind: str,
    scope: Scope,
    looks: Sequence[Look],
    *,
    ask: Ask,
    times: tuple[float, float],
    bar: float | None = None,
    naive: float | None = None,
) -> Score:
    start, end = times
    asked = [look for look in looks if start + FROM_S <= look.at < end]
    judged = [look for look in looks if start + FROM_SHARE * (end - start) <= look.at < end]
    made = [(eta, end - look.at) for look in judged if (eta := ask(look.shown)) is not None]
    errors = sorted(abs(eta.seconds - real_s) / max(real_s, LOOK_S) for eta, real_s in made)
    count = max(1, len(made))
    return Score(
        kind,
        scope.value,
        round(end - start, 1),
        len(asked),
        len(made),
        round(sum(ask(look.shown) is not None for look in asked) / max(1, len(asked)), 3),
        round(sum(is_held(eta.seconds, real_s) for eta, real_s in made) / count, 3),
        round(sum(eta.low <= real_s <= eta.high for eta, real_s in made) / count, 3),
        round(median(errors), 3) if errors else 0.0,
        round(errors[int(0.9 * (len(errors) - 1))], 3) if errors else 0.0,
        bar,
        naive,
    )


def measure_bar(looks: Sequence[Look]) -> float:
    """Return the largest difference of the percentage of time from the true share, in points."""
    start, end = looks[0].at, looks[-1].at
    shares = [
        (100 * (look.at - start) / (end - start), look.shown.time_percentage) for look in looks
    ]
    return round(max(abs(x - y) for x, y in shares if x >= 100 * FROM_SHARE), 1)


def judge_naive(looks: Sequence[Look]) -> float:
    """Return the share of kept promises of a naive estimate: time so far, scaled by percentage."""
    start, end = looks[0].at, looks[-1].at
    held = []
    for look in looks:
        if look.at >= start + FROM_S and look.at < end and look.shown.percentage > 0:
            passed_s = look.at - start
            held.append(is_held(passed_s * (100 / look.shown.percentage - 1), real_s=end - look.at))
    return round(sum(held) / max(1, len(held)), 3)


def print_scores(scores: Sequence[Score], *, with_head: bool) -> None:
    """Print the scores as rows of a table."""
    if with_head:
        print(
            f"{'kind':<13}{'scope':<16}{'seconds':>8}{'looks':>7}{'promised':>10}{'held':>7}"
            f"{'covered':>9}{'median':>8}{'p90':>7}{'bar':>7}{'naive':>7}"
        )
    for s in scores:
        bar = "" if s.bar is None else f"{s.bar:.1f}"
        naive = "" if s.naive is None else f"{s.naive:.2f}"
        print(
            f"{s.kind:<13}{s.scope:<16}{s.seconds:>8.1f}{s.looks:>7}{s.promised:>10.2f}"
            f"{s.held:>7.2f}{s.coverage:>9.2f}{s.median_error:>8.2f}{s.p90_error:>7.2f}"
            f"{bar:>7}{naive:>7}",
            flush=True,
        )
