"""Installs locks into this Python's environment, with uv, or with pip when uv does not work.

    python -m jobs.install [--compile] LOCK [LOCK ...]

`make` runs this module in an environment with nothing but pip, so it needs no other package. Both
ways install exactly the packages of the locks, by version and hash; uv is faster.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

UV_LOCK = Path(__file__).resolve().parent.parent / "requirements" / "uv.txt"

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
UV = (sys.executable, "-m", "uv", "pip")
AS_LOCKED = ("--quiet", "--no-deps", "--require-hashes", "--no-build-isolation")

HOW_UV_FETCHES = (
    *("UV_CACHE_DIR", "UV_NO_CACHE", "UV_LINK_MODE", "UV_CONFIG_FILE", "UV_CREDENTIALS_DIR"),
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE"),
    *("UV_KEYRING_PROVIDER", "UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
    *("UV_HTTP", "UV_NO_PROXY", "UV_REQUEST_TIMEOUT", "UV_CONCURRENT"),
)
"""Prefixes of the variables that tell uv where and how to fetch packages. They are kept. All other
variables of uv could change which packages are installed, or where, so they are removed."""

WHERE_UV_LOOKS = ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL")
OTHER_ENVIRONMENTS = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")

PLACES_OF_PIP = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}
WAYS_OF_PIP = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""Settings of pip about indexes and connections, with the equivalent variables of uv."""

STARTS = (
    "cluster, jobs.train, jobs.running.runtime, cluster.vision.packs.detector, insightface, "
    "hdbscan, sklearn, faiss, av",
    "cluster, ray.serve, uvicorn, ray._private.workers.default_worker, "
    "ray.dashboard.dashboard, ray.dashboard.agent, ray._private.runtime_env.agent.main",
)
"""The modules that the processes of a first start import."""

Run = Callable[[Sequence[str], Mapping[str, str]], int]


def main(arguments: list[str] | None = None) -> int:
    """Install the locks that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.install", description=__doc__)
    parser.add_argument("locks", nargs="+", metavar="LOCK")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the modules that a start of Headcount imports",
    )
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    by_uv, status = install(
        options.locks, environment, pip_settings=read_pip_settings(), run=run_command
    )
    if by_uv and options.compile:
        compile_starts(environment)
    return status


def install(
    locks: Sequence[str],
    environment: Mapping[str, str],
    *,
    pip_settings: Mapping[str, str],
    run: Run,
) -> tuple[bool, int]:
    """Install the locks; return whether uv did it, and the exit code of uv or pip."""
    if "no-index" in pip_settings:  # uv has this only as an option
        return False, install_by_pip(locks, environment, run=run)
    get_uv = [*PIP, "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    if run([*get_uv, "-r", str(UV_LOCK)], environment) != 0:
        print("uv is not available: installing with pip, which takes longer", file=sys.stderr)
        return False, install_by_pip(locks, environment, run=run)
    for_uv = environment_for_uv(environment, pip_settings=pip_settings)
    by_uv = [*UV, "install", "--python", sys.executable, *AS_LOCKED]
    if all(run([*by_uv, "-r", lock], for_uv) == 0 for lock in locks):
        return True, 0
    print("uv could not install this: trying pip, which takes longer", file=sys.stderr)
    return False, install_by_pip(locks, environment, run=run)


def install_by_pip(locks: Sequence[str], environment: Mapping[str, str], *, run: Run) -> int:
    """Install the locks in their order; return the exit code of the first failure, or 0."""
    for lock in locks:
        if status := run([*PIP, "install", *AS_LOCKED, "-r", lock], environment):
            return status
    return 0


def environment_for_uv(
    environment: Mapping[str, str], *, pip_settings: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment for uv: the user's settings for fetching, and no others of uv's.

    Without an index for uv, the indexes of pip are used. From several indexes uv takes, as pip
    does, the one that has the file in the lock.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in OTHER_ENVIRONMENTS
        and (not name.startswith("UV_") or name.startswith(HOW_UV_FETCHES))
    }
    told = dict(WAYS_OF_PIP)
    if not any(name in kept for name in WHERE_UV_LOOKS):
        told |= PLACES_OF_PIP
    found = {
        variable: " ".join(pip_settings[name].split())
        for name, variable in told.items()
        if name in pip_settings
    }
    if "find-links" in pip_settings:
        found["UV_FIND_LINKS"] = ",".join(pip_settings["find-links"].split())
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **found, **kept}


def read_pip_settings() -> dict[str, str]:
    """Return pip's settings from its files and the environment, global and for `install`."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False)
    return parse_pip_settings(listed.stdout)


def parse_pip_settings(listed: str) -> dict[str, str]:
    """Return the settings in the output of `pip config list`.

    The environment overrides `install`, which overrides `global`.
    """
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)=('.*'|\".*\")$", listed, re.M):
            settings[name] = str(ast.literal_eval(value))
    return settings


def compile_starts(environment: Mapping[str, str]) -> None:
    """Compile the modules that a start of Headcount imports, because uv compiles nothing.

    pip would compile all files, and a start imports a fifth of them. Errors of imports are ignored
    here; the start itself reports them.
    """
    writing = {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    importing = [
        subprocess.Popen(
            [sys.executable, "-c", f"import {modules}"], env=writing, stderr=subprocess.DEVNULL
        )
        for modules in STARTS
    ]
    for one in importing:
        one.wait()


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command with its output visible, and return its exit code."""
    return subprocess.run(command, env=dict(environment), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
