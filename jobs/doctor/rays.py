"""Checks Ray: the named cluster, the local Rays of this library, and leftovers of killed runs."""

from __future__ import annotations

import os
import re
import resource
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cluster.core.errors import RayUnavailable
from cluster.environment import is_ray_open, ray_address_from_environment
from cluster.settings import without_password
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.private_places import find_private_folder
from jobs.doctor.processes import find_holders, find_of_folders
from jobs.doctor.units import count_nouns
from jobs.running.ray_files import RunningRay, is_held, list_running, ray_files

FEWEST_FILES = 4096
"""Each of Ray's processes has a few hundred open connections and files."""

MAX_FATAL = 300


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report the Ray that a session would run on, and problems that may prevent its start."""
    settings = read_settings(inquiry).settings
    address = settings.ray_address or ray_address_from_environment()
    if address is None:
        yield ok("cluster", "none is named: each run starts its own Ray on this machine")
    elif inquiry.is_offline:
        yield note("cluster", f"{without_password(address)} (not asked: --offline)")
    else:
        yield check_cluster(address)
    yield from check_running(settings.data_dir)
    yield from check_left_behind()
    if is_ray_open():
        says = "RAY_AUTH_MODE=disabled: everybody on this machine can run programs as you."
        yield warning("token", says, "unset RAY_AUTH_MODE")
    yield check_open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))


def check_cluster(address: str) -> Finding:
    """Report whether a Ray cluster answers at an address."""
    from jobs.running.local_ray import check_reachable  # noqa: PLC0415

    shown = without_password(address)
    try:
        check_reachable(address)
    except RayUnavailable as error:
        return problem("cluster", str(error).replace(address, shown))
    return ok("cluster", f"one answers at {shown}")


def check_running(data_dir: Path) -> Iterator[Finding]:
    """Report the running Rays of this library, and the address files of killed runs."""
    files = ray_files(data_dir)
    for running in list_running(data_dir):
        yield ok("running", describe_running(running, files))
    left = [file for file in files.glob("*.json") if not is_held(file)]
    if left:
        says = f"{count_nouns(len(left), 'run')} of this library ended unexpectedly."
        yield note("killed", says, "No action is needed: the next run removes the leftovers.")


def describe_running(running: RunningRay, files: Path) -> str:
    """Return the addresses of a Ray, and the process that started it."""
    pids = find_holders(files / f"{Path(running.folder).name}.json")
    by = f", started by process {', '.join(map(str, pids))}" if pids else ""
    return f"at {running.address}, dashboard {running.dashboard_url}{by}"


def check_left_behind() -> Iterator[Finding]:
    """Report processes and folders that ended Rays left behind."""
    parent = find_private_folder()
    yield from check_last_words(parent)
    ended = [lock.with_suffix("") for lock in parent.glob("????.lock") if not is_held(lock)]
    alive = sorted(process.pid for process in find_of_folders(ended))
    if alive:
        says = f"processes of killed runs that are still alive: {len(alive)}."
        yield warning("left behind", says, f"kill {' '.join(map(str, alive))}")
    if len(ended) > 1:
        yield note("left behind", f"{count_nouns(len(ended), 'temporary folder')} in {parent}")
    early = list(find_open_folders(parent))
    if early:
        named = ", ".join(map(str, early[:3])) + (", ..." if len(early) > 3 else "")
        says = (
            f"{count_nouns(len(early), 'folder')} of an earlier version, open to everybody: {named}"
        )
        yield warning("left behind", says, f"rm -r {' '.join(map(str, early))}")


def check_last_words(parent: Path) -> Iterator[Finding]:
    """Report why the raylet of the newest Ray died, if its log has a fatal message."""
    logs = sorted(parent.glob("????/session_2*/logs/raylet.out"), key=lambda log: log.parts[-3])
    for log in logs[-1:]:
        fatal = find_fatal(log.read_text(errors="replace"))
        if fatal is not None:
            cure = f"If the machine was busy, try again later; otherwise see {log.parent}."
            yield warning("last start", f"Ray's raylet died: {fatal}", cure)


def find_fatal(text: str) -> str | None:
    """Return the last fatal message in a log of Ray's; None when there is none."""
    found = re.findall(r"^\[[^\]]* C \d+ \d+\] \(\w+\) [\w.]+:\d+:\s*(.+)$", text, re.M)
    return found[-1].rpartition("Check failed: ")[2][:MAX_FATAL] if found else None


def find_open_folders(parent: Path) -> Iterator[Path]:
    """Yield Ray's folders of earlier versions, which everybody may write to."""
    for folder in sorted(Path(tempfile.gettempdir()).glob("headcount-*")):
        found = folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if folder != parent and is_ours and found.st_mode & 0o002:
            yield folder


def check_open_files(soft: int, hard: int) -> Finding:
    """Report how many open files a process may have."""
    shown = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    if soft != resource.RLIM_INFINITY and soft < FEWEST_FILES:
        can_raise = hard == resource.RLIM_INFINITY or hard >= FEWEST_FILES
        most = "65536" if hard == resource.RLIM_INFINITY else str(hard)
        cure = f"ulimit -n {most}" if can_raise else "Raise nofile in /etc/security/limits.conf."
        return warning("open files", f"a process may have {shown}; Ray needs more.", cure)
    return ok("open files", f"a process may have {shown}")
