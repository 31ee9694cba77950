"""Sets the environment variables of the processes that Headcount starts, and reads those of Ray.

Only this module and `cluster/settings.py` read or change the environment. Ray, its workers and
Serve's replicas inherit it, so secrets reach them without another channel.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent

KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": 32 << 20,
    "MALLOC_TRIM_THRESHOLD_": 128 << 20,
    "MALLOC_ARENA_MAX": 1,
}
"""Settings of glibc's malloc. Blocks up to 32 MiB come from the heap, up to 128 MiB of free heap is
kept, and all threads share one arena, because a separate arena would go back to the kernel after
each photo."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")

PATIENCE = {
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}
"""How long the parts of Ray wait for each other. By default, Serve's controller kills an HTTP proxy
that has not started within five seconds, so on a busy machine it would never start."""

NOWHERE = "http://127.0.0.1:9/"

TOKEN_MODE, TOKEN_PATH, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


def prepare_environment() -> None:
    """Set the variables that Ray and its workers read; call it before Ray starts.

    No usage statistics leave the machine. Workers start at normal priority, and lower it themselves
    when they work on photos (cluster/priority.py). Workers find this project's packages. BLAS uses
    one thread in each worker, because there is one worker for each core. A worker keeps the memory
    of one photo for the next, because otherwise a tenth of its time goes into pages that the kernel
    clears again.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_REPORT_URL", NOWHERE)
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, value in KEPT_MEMORY.items():
        os.environ.setdefault(name, str(value))
    paths = [str(PROJECT_DIR), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))


def prepare_loopback_environment() -> None:
    """Set the further variables of a Ray that serves this machine alone, on loopback.

    Ray Serve speaks gRPC to its replicas, which takes a third off a request's time; on a network it
    would be another open port. `python` in a job is the Python of this process. Requests to
    loopback do not go through an HTTP proxy, which would receive Ray's token.
    """
    bin_dir, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != bin_dir:
        os.environ["PATH"] = f"{bin_dir}{os.pathsep}{path}"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_SERVE_USE_GRPC_BY_DEFAULT", "1")
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        others = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(dict.fromkeys([*others, *LOOPBACK_NAMES]))


def sender_environment(*, with_proxies: bool) -> dict[str, str]:
    """Return the environment of a process that sends notices: no secret, and no login of others.

    A proxy could connect to addresses that the process itself must refuse. So the process gets the
    user's proxies only if it may connect to every address.
    """
    kept = {name: os.environ[name] for name in _FOR_SENDERS if name in os.environ}
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy") and with_proxies}
    return {**kept, **proxies, "NETRC": os.devnull}


_FOR_SENDERS = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Make processes that are started within the block keep their temporary files in `folder`.

    Files that a killed process leaves behind are removed with the folder.
    """
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def is_ray_open() -> bool:
    """Tell whether the user has explicitly disabled Ray's token."""
    return os.environ.get(TOKEN_MODE, "").lower() == "disabled"


def is_ray_mode_set() -> bool:
    """Tell whether the user has set whether Ray requires a token."""
    return TOKEN_MODE in os.environ


def is_ray_token_named() -> bool:
    """Tell whether the user has set a token for Ray, or named its file."""
    return bool(os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH))


def name_ray_token(file: Path) -> None:
    """Make Ray require and send the token in `file`, here and in all child processes."""
    ask_for_ray_token()
    os.environ[TOKEN_PATH] = str(file)


def ask_for_ray_token() -> None:
    """Make Ray require the token that the environment already names."""
    os.environ[TOKEN_MODE] = "token"


def ray_address_from_environment() -> str | None:
    """Return the address in RAY_ADDRESS, which `ray job submit` sets; None when there is none."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return None if address in ("", "local") else address


def submission_id_from_environment() -> str | None:
    """Return the submission id of the Ray job that this process drives; None outside a job."""
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    submission_id = config.get("metadata", {}).get("job_submission_id")
    return None if submission_id is None else str(submission_id)


def environment_at_start() -> dict[str, str]:
    """Return the environment with which this process was started.

    Without /proc, it is the current environment.
    """
    try:
        content = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(pair).partition("=") for pair in content.split(b"\0") if pair)
    return {name: value for name, _, value in pairs}
