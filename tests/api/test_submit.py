"""A session as a Ray job."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.core.sessions import SessionStatus
from cluster.store.sessions.session_rows import SessionInfo
from serve import submit
from serve.problems import JobNotSubmitted
from serve.submit import JobSubmitter, entrypoint

SESSION = SessionInfo(
    id=5,
    library_id=1,
    root="/photos/it's $HOME; rm -rf",
    name=None,
    pack="bundled",
    status=SessionStatus.PENDING,
    options={},
    job_id=None,
    error=None,
    census={},
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    started_at=None,
    completed_at=None,
)


@dataclass
class Job:
    submission_id: str


class FakeClient:
    """The part of Ray's job client that Headcount uses, in place of the dashboard."""

    taken: list[str] = []  # noqa: RUF012
    error: Exception | None = None
    submitted: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, address: str) -> None:
        if self.error is not None:
            raise self.error
        self.address = address

    def list_jobs(self) -> list[Job]:
        return [Job(name) for name in self.taken]

    def submit_job(self, **options: Any) -> str:
        type(self).submitted = options
        return str(options["submission_id"])


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    class Client(FakeClient):
        """Each test has its own."""

    monkeypatch.setattr(submit, "JobSubmissionClient", Client)
    return Client


SUBMIT = JobSubmitter(
    address="http://127.0.0.1:8265", python="/opt/my env/python", runtime_env={"env_vars": {}}
)


def test_the_shell_line_survives_any_root() -> None:
    line = shlex.split(entrypoint(SESSION, python="/opt/my env/python"))
    root = f"--root={SESSION.root}"
    assert line[:3] == ["/opt/my env/python", "-m", "jobs.train"]
    assert line[3:] == [root, "--resume", "5", "--if-waiting"]


def test_a_root_that_looks_like_an_option_stays_one_word() -> None:
    line = shlex.split(entrypoint(replace(SESSION, root="--keep"), python="python"))
    assert line[3] == "--root=--keep"


def test_the_job_is_named_after_its_session(client: type[FakeClient]) -> None:
    assert SUBMIT(SESSION) == "headcount-session-5"
    assert client.submitted["metadata"] == {
        "session": "5",
        "root": SESSION.root,
        "pack": "bundled",
    }
    # Ray would kill a job three seconds after it was stopped.
    assert client.submitted["runtime_env"] == {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "20"}}


def test_a_session_that_is_submitted_again_gets_the_next_free_name(
    client: type[FakeClient],
) -> None:
    client.taken = ["headcount-session-5", "headcount-session-5-2", "headcount-session-6"]
    assert SUBMIT(SESSION) == "headcount-session-5-3"


@pytest.mark.parametrize("error", [ConnectionError("refused"), RuntimeError("500"), OSError("x")])
def test_a_cluster_that_takes_no_job_is_one_error(
    client: type[FakeClient], error: Exception
) -> None:
    client.error = error
    with pytest.raises(JobNotSubmitted):
        SUBMIT(SESSION)
