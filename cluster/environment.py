"""The environment that Headcount gives to the processes it starts, and what it reads of Ray's own.

Beside `cluster/settings.py` no module reads or changes the environment. Ray, its workers and
Serve's replicas inherit it, so no secret has to be handed to them in another way.
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
"""glibc's: blocks up to 32 MiB come from memory of which up to 128 MiB is kept when it is free, and
which all threads share: an arena of their own goes back to the kernel with each photo."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")

PATIENCE = {
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}
"""How long the parts of Ray wait for each other. Left alone, Serve's controller kills an HTTP proxy
that has not started in five seconds: on a busy machine it never starts."""

NOWHERE = "http://127.0.0.1:9/"

TOKEN_MODE, TOKEN_PATH, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN"


def prepare_environment() -> None:
    """Set what Ray and its workers read from the environment, before Ray starts.

    No usage statistics leave the machine; workers start at the usual priority and lower theirs when
    they work on photos (cluster/priority.py); they find this project's packages; a worker's BLAS
    takes one thread, because Headcount runs one worker a core, and a worker keeps the memory of one
    photo for the next: a tenth of the time went into pages that the kernel cleared again.
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
    """Set what a Ray that is for this machine alone reads besides: it listens on loopback.

    There Ray Serve may speak gRPC to its replicas, which takes a third off a request's time; on a
    network that would be one more way in. `python` in a job is the Python that started it. No proxy
    of the network is asked for addresses on loopback: it would be sent Ray's token.
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


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let the processes that are started meanwhile keep their temporary files in `folder`.

    What they leave when they are killed goes with it.
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
    """Tell whether the user has said outright that Ray asks nobody for a token."""
    return os.environ.get(TOKEN_MODE, "").lower() == "disabled"


def is_ray_mode_set() -> bool:
    """Tell whether the user has said whether Ray asks for a token."""
    return TOKEN_MODE in os.environ


def is_ray_token_named() -> bool:
    """Tell whether the user has given Ray a token, or named its file."""
    return bool(os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH))


def name_ray_token(file: Path) -> None:
    """Let Ray ask for the token in `file`, and send it, here and in all processes started here."""
    ask_for_ray_token()
    os.environ[TOKEN_PATH] = str(file)


def ask_for_ray_token() -> None:
    """Let Ray ask for the token that the environment names already."""
    os.environ[TOKEN_MODE] = "token"


def ray_address_from_environment() -> str | None:
    """Return the cluster that Ray itself was told of, as inside `ray job submit`; None for none."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return None if address in ("", "local") else address


def submission_id_from_environment() -> str | None:
    """Return the id of the submitted Ray job that this process drives; None when it drives none."""
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    submission_id = config.get("metadata", {}).get("job_submission_id")
    return None if submission_id is None else str(submission_id)


def environment_at_start() -> dict[str, str]:
    """Return the environment that this process was given, as it was before any of it was changed.

    Where the kernel does not tell, it is the environment as it is now.
    """
    try:
        content = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(pair).partition("=") for pair in content.split(b"\0") if pair)
    return {name: value for name, _, value in pairs}
