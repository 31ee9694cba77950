"""Another user of the machine gets nothing: no secret, no file, no port, with and without a token.

One library that is served with `api_token` and a database password, by the user that runs the
tests; the other user is the system's `nobody`.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from cluster.store.server.server_files import ServerFiles
from jobs.running.ray_files import list_running
from tests.headcount import PROJECT_DIR, FinishedLibrary, Headcount
from tests.waiting import PATIENT_S, wait_until

pytestmark = pytest.mark.long

TOKEN = "tok3n-0f-the-guarded-library"
PASSWORD = "passw0rd-0f-the-guarded-database"
DATABASE = "guarded"


@dataclass
class Guarded:
    """A run that serves, the folder with all that it writes, and its session over HTTP."""

    run: Headcount
    home: Path
    session_id: int

    @property
    def ray_address(self) -> str:
        """Where its Ray listens."""
        return list_running(self.run.data_dir)[0].address


@pytest.fixture(scope="module")
def guarded(demo_library: Path, database_server: str) -> Iterator[Guarded]:
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    url = database_server.replace("postgres@", f"postgres:{PASSWORD}@")
    home = Path("/tmp") / f"hg{os.getpid()}"
    home.mkdir(mode=0o700)
    run = Headcount(
        home / "data",
        extra={
            "HOME": str(home),
            "TMPDIR": str(home),
            "HEADCOUNT_API_TOKEN": TOKEN,
            "HEADCOUNT_DATABASE_URL": url.replace("/postgres?", f"/{DATABASE}?"),
            "HEADCOUNT_ALLOWED_ROOTS": str(demo_library),
        },
    )
    photos = str(demo_library / "party")
    run.start("--root", photos, "--keep")
    run.wait_until_ready()
    mine = {"Authorization": f"Bearer {TOKEN}"}
    answer = run.post("/api/v1/training", {"rootPath": photos}, **mine)
    assert answer.status == 201, answer.body
    path = f"/api/v1/training/{answer.body['sessionId']}/progress/unified"
    wait_until(
        lambda: run.get(path, **mine).body["overallStatus"] in ("completed", "failed"),
        "the session over HTTP ends",
    )
    assert run.get(path, **mine).body["overallStatus"] == "completed"
    yield Guarded(run, home, answer.body["sessionId"])
    run.kill()
    shutil.rmtree(home, ignore_errors=True)


def find_secrets(folder: Path) -> list[str]:
    """Return the files below `folder` that hold the token or the password."""
    return [
        str(file)
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
        if any(secret.encode() in file.read_bytes() for secret in (TOKEN, PASSWORD))
    ]


def test_no_secret_stands_in_anything_that_a_run_writes(guarded: Guarded) -> None:
    logs = list(guarded.home.rglob("session_*/logs/*"))
    assert any("job-driver" in log.name for log in logs), "Ray's logs of the job are looked at"
    assert find_secrets(guarded.home) == []


def test_no_secret_stands_on_a_command_line(guarded: Guarded) -> None:
    assert guarded.run.process is not None
    driver = psutil.Process(guarded.run.process.pid)
    lines = []
    for process in [driver, *driver.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            lines.append(" ".join(process.cmdline()))
    assert len(lines) > 5
    assert not [line for line in lines if TOKEN in line or PASSWORD in line]


def test_ray_shows_no_secret_to_its_own_user_either(guarded: Guarded) -> None:
    code = (
        "from ray.job_submission import JobSubmissionClient;"
        "import sys, ray; from ray.util import state;"
        f"client = JobSubmissionClient({guarded.ray_address!r});"
        "print(*client.list_jobs(), sep='\\n');"
        "ids = [job.submission_id for job in client.list_jobs() if job.submission_id];"
        "print(*map(client.get_job_logs, ids));"
        f"ray.init({guarded.ray_address!r}, log_to_driver=False);"
        "lists = (state.list_actors, state.list_tasks, state.list_runtime_envs);"
        f"[print(*one({guarded.ray_address!r}, detail=True), sep='\\n') for one in lists];"
        "from ray import serve; print(serve.status())"
    )
    shown = run_as_owner(guarded, code)
    assert f"headcount-session-{guarded.session_id}" in shown
    assert TOKEN not in shown
    assert PASSWORD not in shown


def run_as_owner(guarded: Guarded, code: str) -> str:
    """Run Python code with Ray's token, as this user's own commands do."""
    environment = guarded.run.environment | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(guarded.run.data_dir / "ray/token"),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def other() -> pwd.struct_passwd:
    """Another user of this machine, whom only root can act as."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to act as another user")
    return pwd.getpwnam("nobody")


def run_as(other: pwd.struct_passwd, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as another user, with nothing of this one's environment."""
    as_other = ["setpriv", f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}", "--clear-groups"]
    return subprocess.run(
        [*as_other, *command],
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/", "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_user_reads_no_file(guarded: Guarded, other: pwd.struct_passwd) -> None:
    for place in (guarded.home, guarded.run.data_dir, guarded.run.data_dir / "ray/token"):
        assert run_as(other, "cat", str(place)).returncode != 0
        assert run_as(other, "ls", str(place)).returncode != 0
    # Were the home open, what Headcount makes in it would be closed all the same.
    guarded.home.chmod(0o755)
    try:
        found = run_as(other, "find", str(guarded.home), "-type", "f", "-readable").stdout
        entered = run_as(other, "find", str(guarded.home), "-type", "d", "-executable").stdout
    finally:
        guarded.home.chmod(0o700)
    assert found == ""
    assert entered.split() == [str(guarded.home)]


def test_another_user_sees_no_process_environment(
    guarded: Guarded, other: pwd.struct_passwd
) -> None:
    assert guarded.run.process is not None
    driver = psutil.Process(guarded.run.process.pid)
    for process in [driver, *driver.children(recursive=True)]:
        assert run_as(other, "cat", f"/proc/{process.pid}/environ").stdout == ""


def list_ports(guarded: Guarded) -> list[int]:
    """Return every TCP port that the run listens on."""
    assert guarded.run.process is not None
    driver, ports = psutil.Process(guarded.run.process.pid), set[int]()
    for process in [driver, *driver.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # Workers come and go.
            found = process.net_connections("tcp")
            ports |= {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}
    return sorted(ports)


SUBMIT = """
import json, sys, urllib.request, urllib.error
port = sys.argv[1]
data = json.dumps({"entrypoint": "id"}).encode()
for path, body in (("/api/jobs/", data), ("/api/jobs/", None), ("/nodes?view=summary", None),
                   ("/api/v0/logs", None), ("/api/v1/people", None), ("/metrics", None)):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body,
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=float(sys.argv[2])) as answer:
            print(answer.status, path, "POST" if body else "GET", answer.read()[:300])
    except urllib.error.HTTPError as error:
        print(error.code, path)
    except (OSError, ValueError) as error:
        print(0, path, error)
"""


def test_another_user_runs_nothing_and_sees_nobody_through_any_port(
    guarded: Guarded, other: pwd.struct_passwd
) -> None:
    answered = []
    for port in list_ports(guarded):
        said = run_as(other, find_system_python(), "-c", SUBMIT, str(port), str(PATIENT_S)).stdout
        answered += [f"{port}: {line}" for line in said.splitlines() if line.startswith("200")]
    # Prometheus reads metrics without a token, on any path; they name no photo and no person.
    telling = [line for line in answered if "# HELP" not in line]
    assert telling == []


def find_system_python() -> str:
    """Return a Python that another user may start: the environment's may lie in a closed home."""
    return next(p for p in ("/usr/bin/python3", sys.executable) if Path(p).exists())


def test_another_user_gets_no_connection_to_ray(guarded: Guarded, other: pwd.struct_passwd) -> None:
    """Ray itself, without its token: a client that has all of Ray's code."""
    if run_as(other, sys.executable, "-c", "import ray").returncode != 0:
        pytest.skip("this environment lies where other users cannot start its Python")
    code = (
        "import ray;"
        f"ray.init({guarded.ray_address!r}, log_to_driver=False);"
        "print('in:', ray.get(ray.remote(lambda: 1).remote()))"
    )
    for mode in ("disabled", "token"):
        tried = run_as(
            other,
            *("env", f"RAY_AUTH_MODE={mode}", "RAY_AUTH_TOKEN=guessed"),
            *(
                "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0",
                "timeout",
                f"{PATIENT_S:.0f}",
                sys.executable,
                "-c",
                code,
            ),
        )
        assert "in:" not in tried.stdout, tried.stdout
        assert tried.returncode != 0


def test_another_user_gets_no_connection_to_the_database(
    finished_library: FinishedLibrary, other: pwd.struct_passwd
) -> None:
    """The embedded one: its socket lies in a folder that only its own user enters."""
    files = ServerFiles.under(finished_library.data_dir)
    for folder in (files.home, files.address):
        assert run_as(other, "ls", f"{folder}/").returncode != 0


def test_what_stays_after_the_end_holds_no_secret(guarded: Guarded) -> None:
    """The last test: it ends the run."""
    output = guarded.run.end()
    assert re.search(r"#token=", output), "the printed link carries the token"
    assert find_secrets(guarded.home) == []
    left = [p for p in guarded.home.rglob("session_*/*") if p.name != "logs"]
    assert left == []
