"""Submits a session as a Ray job that runs the command `jobs.train`."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayError
from ray.job_submission import JobSubmissionClient

from cluster.store.sessions.session_rows import SessionInfo
from serve.problems import JobNotSubmitted

STOP_WAIT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitter:
    """Submits sessions to the cluster whose dashboard is at `address`.

    `python` is the interpreter on the cluster. `runtime_env` is Ray's runtime environment of the
    job's driver: its working directory and environment variables.
    """

    address: str
    python: str
    runtime_env: Mapping[str, Any]

    @property
    def dashboard_url(self) -> str | None:
        """The dashboard's address for browsers; None if only the cluster's address is known."""
        return self.address if self.address.startswith("http") else None

    def __call__(self, session: SessionInfo) -> str:
        """Submit `session` and return the id of its job. Raises JobNotSubmitted."""
        try:
            client = JobSubmissionClient(self.address)
            return str(
                client.submit_job(
                    entrypoint=entrypoint(session, python=self.python),
                    submission_id=_free_id(client, session),
                    runtime_env=give_time_to_stop(self.runtime_env),
                    metadata=metadata(session),
                )
            )
        except (RuntimeError, OSError, RayError) as error:
            raise JobNotSubmitted(
                f"Session {session.id} could not be submitted to the Ray cluster."
            ) from error


def give_time_to_stop(runtime_env: Mapping[str, Any]) -> dict[str, Any]:
    """Return the runtime environment, with STOP_WAIT_S seconds between stopping and killing a job.

    Ray's default is three seconds, and photos in flight may take longer to settle.
    """
    variables = {"RAY_JOB_STOP_WAIT_TIME_S": f"{STOP_WAIT_S}", **runtime_env.get("env_vars", {})}
    return {**runtime_env, "env_vars": variables}


def entrypoint(session: SessionInfo, *, python: str) -> str:
    """Return the shell command that runs `session`, with its root quoted for the shell."""
    # --root=ROOT is one word, because a folder may be named like an option.
    # --if-waiting: a user may pause or cancel the session before its job begins.
    line = [python, "-m", "jobs.train", f"--root={session.root}"]
    line += ["--resume", str(session.id), "--if-waiting"]
    return shlex.join(line)


def metadata(session: SessionInfo) -> dict[str, str]:
    """Return the metadata of the job that Ray's dashboard shows."""
    return {"session": str(session.id), "root": session.root, "pack": session.pack}


def _free_id(client: JobSubmissionClient, session: SessionInfo) -> str:
    """Return headcount-session-ID, or with -2, -3, ... if the session was submitted before."""
    name = f"headcount-session-{session.id}"
    taken = {job.submission_id for job in client.list_jobs()}
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    return next(free for free in names if free not in taken)
