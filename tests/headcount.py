"""Headcount as its users run it: a process of its own, with its own data and ports."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import PATIENT_RAY, PATIENT_S, wait_until

PROJECT_DIR = Path(__file__).resolve().parent.parent
PORTS = range(20_000, 26_000)
"""Above those of Ray's workers, and below those of its agents and those that kernels hand out: what
is found here is still free when the run that it is for begins to listen."""

WITHOUT_PAGE = {"HEADCOUNT_SERVE_ENABLED": "false", "HEADCOUNT_RAY_DASHBOARD": "false"}
"""The variables of a run that starts neither the HTTP server nor Ray's dashboard."""

_given: set[int] = set()


def find_free_port() -> int:
    """Return a port on which nothing listens, and which was not returned before."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@dataclass
class Answer:
    """What the HTTP application said."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Headcount:
    """Runs of `python -m jobs.train` over one data directory."""

    data_dir: Path
    pack: str = "bundled"
    port: int = field(default_factory=find_free_port)
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    printed: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a run: nothing of the caller's Headcount or Ray."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HEADCOUNT_", "RAY_"))
        }
        return kept | {
            **PATIENT_RAY,
            "HEADCOUNT_DATA_DIR": str(self.data_dir),
            "HEADCOUNT_PORT": str(self.port),
            "HEADCOUNT_PACK": self.pack,
            **self.extra,
        }

    def start(self, *arguments: str, job: str = "train") -> subprocess.Popen[str]:
        """Start `python -m jobs.train`, or another job, with these arguments."""
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", f"jobs.{job}", *arguments],
            cwd=PROJECT_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    def run(
        self, *arguments: str, job: str = "train", timeout_s: float = PATIENT_S
    ) -> tuple[int, str]:
        """Run it to its end; return the exit code and what it printed."""
        process = self.start(*arguments, job=job)
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return process.returncode, output

    def wait_until_ready(self) -> None:
        """Wait until the HTTP application answers that it is ready."""
        wait_until(self._is_ready, "Headcount answers that it is ready", every_s=0.2)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"It ended: {self.process.communicate()[0]}")
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    @property
    def dashboard_url(self) -> str:
        """The address of this run's Ray dashboard, as its summary says it."""
        assert self.process is not None
        while not (found := re.search(r"Ray dashboard +(\S+)", "".join(self.printed))):
            assert self.process.stdout is not None
            self.printed.append(self.process.stdout.readline())
        return found.group(1)

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET request."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """Send a POST request with a JSON body."""
        data = json.dumps(body).encode()
        return self.send("POST", path, data, {"Content-Type": "application/json", **headers})

    def delete(self, path: str, **headers: str) -> Answer:
        """Send a DELETE request."""
        return self.send("DELETE", path, None, headers)

    def send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        """Send a request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENT_S) as response:
                return _read(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return _read(error.code, error.headers, error.read())

    def end(self, *, number: int = signal.SIGINT) -> str:
        """End the run with a signal and return what it printed."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.communicate(timeout=PATIENT_S)[0]
        finally:
            self.kill()

    def kill(self) -> None:
        """End the run at once, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class FinishedLibrary:
    """A data directory with one completed session, and what its run printed. Nobody changes it."""

    data_dir: Path
    output: str
    photos_before: dict[str, tuple[object, ...]] = field(default_factory=dict)
    """What `describe_files` said of the library's root before the session."""
    photos_after: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def copy_to(self, data_dir: Path) -> None:
        """Give `data_dir` the same library; the database's files keep their owner."""
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(self.data_dir), str(data_dir)], check=True)


def describe_files(root: Path) -> dict[str, tuple[object, ...]]:
    """Return digest, mode, owner, link count and times of each file and folder below a root.

    Not the time of the last access, which reading changes.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in (root, *root.rglob("*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        stat = path.lstat()
        rights = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_nlink, stat.st_ino)
        found[str(path)] = (digest, *rights, stat.st_mtime_ns, stat.st_ctime_ns)
    return found


def _read(status: int, headers: Any, content: bytes) -> Answer:
    kind = headers.get("Content-Type", "")
    body = json.loads(content) if "json" in kind and content else content
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


def read_figures(output: str) -> dict[str, int]:
    """Return the figures of the summary that a run printed; `files` are photos and films."""
    found = re.findall(r"^  (\w+) +(\d+)$", output, re.MULTILINE)
    figures = {name: int(value) for name, value in found}
    return {**figures, "files": figures.get("photos", 0) + figures.get("films", 0)}
