"""Runs the doctor's checks, each so that its failure does not affect the others.

This module needs no package, because the doctor must also report that packages are missing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path

from cluster.environment import PROJECT_DIR

LIMIT_S = 180.0
"""The time limit of a check. A disk or server that is not connected may never answer."""

SAY_INTERVAL_S = 10.0


class Level(StrEnum):
    """The severity of a finding.

    A problem prevents Headcount from working, or gives access to others.
    """

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"

    @property
    def is_trouble(self) -> bool:
        """The finding is a warning or a problem, so the user should act."""
        return self in (Level.WARNING, Level.PROBLEM)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check of a `subject`; `cure` says what to do, or is None."""

    subject: str
    level: Level
    says: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The findings about one part of Headcount."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Inquiry:
    """The options of the doctor. `environment` is the environment at the start of the process.

    With `shows_paths`, names of photo folders and sessions are shown. With `is_offline`, no
    database is started and no connection is made.
    """

    environment: Mapping[str, str]
    config: Path | None = None
    shows_paths: bool = False
    is_offline: bool = False

    @property
    def config_file(self) -> Path | None:
        """The settings file; a named one may not exist. None if none is named or found."""
        named = self.config or self.environment.get("HEADCOUNT_CONFIG")
        if named:
            return Path(named).expanduser()
        local = PROJECT_DIR / "configs" / "local.yaml"
        return local if local.is_file() else None


Check = Callable[[Inquiry], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Source:
    """The module and function of a section's check, which is imported just before it runs.

    So a missing or broken package affects only the sections that need it.
    """

    section: str
    module: str
    function: str = "check"

    def load(self) -> Check:
        """Import and return the check. Raises ImportError, or any error of a broken package."""
        loaded: Check = vars(import_module(self.module))[self.function]
        return loaded


def ok(subject: str, says: str) -> Finding:
    """Return a finding that reports a good state."""
    return Finding(subject, Level.OK, says)


def note(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding that explains something and needs no action."""
    return Finding(subject, Level.NOTE, says, cure)


def warning(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding about something that may go wrong."""
    return Finding(subject, Level.WARNING, says, cure)


def problem(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding about something that is wrong."""
    return Finding(subject, Level.PROBLEM, says, cure)


def look(
    source: Source, inquiry: Inquiry, *, limit_s: float = LIMIT_S, say: Callable[[str], None]
) -> Section:
    """Return the findings of a check within `limit_s`; a failure or a timeout is a finding too.

    `say` is called with a message every few seconds until the check ends.
    """
    findings: list[Finding] = []
    thread = threading.Thread(target=_collect, args=(source, inquiry, findings), daemon=True)
    began = time.monotonic()
    thread.start()
    while thread.is_alive() and (waited_s := time.monotonic() - began) < limit_s:
        thread.join(min(SAY_INTERVAL_S, limit_s - waited_s))
        if thread.is_alive() and limit_s > SAY_INTERVAL_S:
            say(f"still checking: {source.section} ({time.monotonic() - began:.0f} s)")
    found = tuple(findings)
    if thread.is_alive():
        says = f"no answer within {limit_s:g} seconds; the rest of this section was not checked."
        cure = "Is a disk or server not connected, or the machine very busy? Try again later."
        found += (problem("time", says, cure),)
    return Section(source.section, found)


def _collect(source: Source, inquiry: Inquiry, findings: list[Finding]) -> None:
    try:
        for finding in source.load()(inquiry):
            findings.append(finding)
    except ImportError as error:
        says = f"{sys.executable} lacks a package, or one is broken: {error}."
        cure = "In the checkout: make run, then .venv/bin/python -m jobs.doctor."
        findings.append(problem("packages", says, cure))
    except OSError as error:
        findings.append(problem("not checked", f"{error}.", "See the findings about folders."))
    except Exception as error:  # Any error of one check must not stop the others.
        says = f"this check failed: {type(error).__name__}: {error}"
        findings.append(
            problem("doctor", says, "This is a defect of the doctor: please report it.")
        )
