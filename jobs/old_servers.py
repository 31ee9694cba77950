"""Finds the programs of an earlier PostgreSQL, in the installed package or in an older release.

The package contains several major versions of PostgreSQL. If the installed package lacks the wanted
one, a release that has it is installed, by version and hash, into a temporary folder. Headcount's
environment is not changed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster.core.errors import DatabaseUnavailable
from cluster.store.server.server_files import Release
from cluster.store.server.server_programs import find_programs, find_version, list_releases

LOCK = Path(__file__).resolve().parent.parent / "requirements" / "servers.txt"
INSTALL_LIMIT_S = 1800.0

Run = Callable[[Sequence[str]], int]


def run_installer(command: Sequence[str]) -> int:
    """Run pip with its output visible, and return its exit code."""
    return subprocess.run(command, check=False, timeout=INSTALL_LIMIT_S).returncode


@contextmanager
def find_release(
    major: int, *, named: Path | None, scratch: Path, run: Run = run_installer
) -> Iterator[Release]:
    """Yield the programs of a major version, for the block.

    `named` is a folder of programs that the user chose. A package is installed below `scratch`, and
    removed after the block. Raises DatabaseUnavailable if the programs cannot be provided.
    """
    if named is not None:
        yield check_release(Release(major, named.expanduser().resolve()))
        return
    installed = list_releases(find_programs().parents[2]).get(major)
    if installed is not None:
        yield Release(major, installed)
        return
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="servers-", dir=scratch) as folder:
        yield Release(major, install_release(major, Path(folder), run=run))


def check_release(release: Release) -> Release:
    """Return the release; raise DatabaseUnavailable unless its folder has these programs."""
    found = find_version(release.programs)
    if found == release.major:
        return release
    says = "no program postgres that runs" if found is None else f"PostgreSQL {found}"
    raise DatabaseUnavailable(
        f"{release.programs} has {says}; the database needs PostgreSQL {release.major}."
    )


def install_release(major: int, folder: Path, *, run: Run) -> Path:
    """Install the package into `folder`, and return the folder of a major version's programs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    status = run([*pip, *exact, "--target", str(folder), "--requirement", str(LOCK)])
    programs = list_releases(folder).get(major)
    if status == 0 and programs is not None:
        return programs
    why = "could not be installed" if status else "does not have them"
    raise DatabaseUnavailable(
        f"The programs of PostgreSQL {major} are needed, and the package of {LOCK.name} {why}. "
        f"Install PostgreSQL {major} with pgvector, and name its folder of programs by --programs."
    )
