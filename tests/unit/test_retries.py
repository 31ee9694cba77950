"""A database that is gone is waited for visibly, and not forever."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from cluster.core.errors import DatabaseUnavailable, PhaseFailed
from cluster.settings import Settings
from cluster.store.database.retries import RETRY_INTERVAL_S, RetryPolicy
from jobs.running.runtime import build_retry_policy


@dataclass
class Outage:
    """A database that is unreachable for some attempts, and a clock that sleeping moves."""

    attempts: int
    now: float = 100.0
    said: list[str | None] = field(default_factory=list)

    def work(self) -> str:
        if self.attempts:
            self.attempts -= 1
            raise DatabaseUnavailable("PostgreSQL at db does not answer.")
        return "done"

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def retry(self, timeout_s: float = 120.0) -> RetryPolicy:
        return RetryPolicy(timeout_s, self.said.append, clock=lambda: self.now, sleep=self.sleep)


def test_a_database_that_answers_is_not_waited_for() -> None:
    outage = Outage(attempts=0)
    assert outage.retry().run(outage.work) == "done"
    assert outage.said == []


def test_what_a_session_waits_for_is_said_until_the_database_is_back() -> None:
    outage = Outage(attempts=round(2 / RETRY_INTERVAL_S))
    assert outage.retry().run(outage.work) == "done"
    assert outage.said[0] == "database unreachable, retrying for 0 s"
    assert outage.said[-2:] == ["database unreachable, retrying for 2 s", None]


def test_waiting_ends_with_an_error_that_says_how_to_go_on() -> None:
    outage = Outage(attempts=10_000)
    with pytest.raises(DatabaseUnavailable, match=r"does not answer.* within 5 seconds; .*resume"):
        outage.retry(timeout_s=5).run(outage.work)
    assert outage.now - 100 < 6


def test_any_other_error_is_raised_at_once() -> None:
    def fail() -> None:
        raise PhaseFailed("no")

    outage = Outage(attempts=0)
    with pytest.raises(PhaseFailed):
        outage.retry().run(fail)
    assert outage.said == []


def test_a_command_says_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    outage = Outage(attempts=3)
    settings = Settings(database_url=SecretStr("postgresql://db/headcount"))
    retry = replace(build_retry_policy(settings), sleep=outage.sleep)
    assert retry.run(outage.work) == "done"
    assert capsys.readouterr().err == "headcount: database unreachable, retrying for 0 s\n"
