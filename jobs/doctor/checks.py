"""What the doctor's checks are made of: findings, and a check that takes no other one along.

Nothing here needs a package: the doctor also tells that the packages are not installed.
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
"""A disk or a server that is away may never answer, and a busy machine takes its time."""

SAY_INTERVAL_S = 10.0


class Level(StrEnum):
    """How much a finding matters. A problem keeps Headcount from working, or lets others in."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"

    @property
    def is_trouble(self) -> bool:
        """Something is to be done about it."""
        return self in (Level.WARNING, Level.PROBLEM)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `cure` is what to do about it, where there is something."""

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
    """What is looked into. `environment` is that of the process when it began.

    `shows_paths` lets the names of photo folders and of sessions be shown; `is_offline` starts no
    database and connects to nothing.
    """

    environment: Mapping[str, str]
    config: Path | None = None
    shows_paths: bool = False
    is_offline: bool = False

    @property
    def config_file(self) -> Path | None:
        """The file of settings, whether it is there or not; None when none is named or found."""
        named = self.config or self.environment.get("HEADCOUNT_CONFIG")
        if named:
            return Path(named).expanduser()
        local = PROJECT_DIR / "configs" / "local.yaml"
        return local if local.is_file() else None


Check = Callable[[Inquiry], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the check for a section is: it is imported when its turn comes.

    A package that is missing or broken so spoils the sections that need it, and no other.
    """

    section: str
    module: str
    function: str = "check"

    def load(self) -> Check:
        """Return the check; ImportError and whatever else a broken package raises."""
        loaded: Check = vars(import_module(self.module))[self.function]
        return loaded


def ok(subject: str, says: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(subject, Level.OK, says)


def note(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding that explains something and asks for nothing."""
    return Finding(subject, Level.NOTE, says, cure)


def warning(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding of what may go wrong."""
    return Finding(subject, Level.WARNING, says, cure)


def problem(subject: str, says: str, cure: str | None = None) -> Finding:
    """Return a finding of what does go wrong."""
    return Finding(subject, Level.PROBLEM, says, cure)


def look(
    source: Source, inquiry: Inquiry, *, limit_s: float = LIMIT_S, say: Callable[[str], None]
) -> Section:
    """Return what a check finds within `limit_s`; one that fails or hangs ends as a finding.

    `say` is called every few seconds while the check is waited for.
    """
    findings: list[Finding] = []
    thread = threading.Thread(target=_collect, args=(source, inquiry, findings), daemon=True)
    began = time.monotonic()
    thread.start()
    while thread.is_alive() and (waited_s := time.monotonic() - began) < limit_s:
        thread.join(min(SAY_INTERVAL_S, limit_s - waited_s))
        if thread.is_alive() and limit_s > SAY_INTERVAL_S:
            say(f"still looking at: {source.section} ({time.monotonic() - began:.0f} s)")
    found = tuple(findings)
    if thread.is_alive():
        says = f"no answer within {limit_s:g} seconds; the rest of this was not looked at."
        cure = "Is a disk or a server away, or the machine very busy? Try again when it is back."
        found += (problem("time", says, cure),)
    return Section(source.section, found)


def _collect(source: Source, inquiry: Inquiry, findings: list[Finding]) -> None:
    try:
        for finding in source.load()(inquiry):
            findings.append(finding)
    except ImportError as error:
        says = f"{sys.executable} lacks a package, or has a broken one: {error}."
        cure = "In the checkout: make run, then .venv/bin/python -m jobs.doctor."
        findings.append(problem("packages", says, cure))
    except OSError as error:
        findings.append(problem("not looked at", f"{error}.", "See the findings about folders."))
    except Exception as error:  # One check of many: what is wrong here may be anything.
        says = f"this check failed: {type(error).__name__}: {error}"
        findings.append(
            problem("doctor", says, "This is a defect of the doctor: please report it.")
        )
