"""Formats findings as text, as JSON, and as an exit code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from cluster.core.printable import to_printable, to_printable_lines
from jobs.doctor.checks import Finding, Level, Section

ALL_WELL, PROBLEMS = 0, 1
NEXT = "next"
TITLES = {
    "versions": "Versions",
    "settings": "Settings",
    "pack": "Pack of face models",
    "machine": "Processor, memory and GPU",
    "folders": "Folders in use",
    "ports": "Ports and their reachability",
    "ray": "Ray",
    "database": "Database",
    "backups": "Backups",
    "sessions": "Last sessions",
    NEXT: "Problems and warnings",
}
_LEVELS = {Level.OK: "ok", Level.NOTE: "note", Level.WARNING: "WARNING", Level.PROBLEM: "PROBLEM"}
_LEVEL_WIDTH, _SUBJECT_WIDTH = 9, 22
_INDENT = 2


def list_next(sections: Iterable[Section]) -> Section:
    """Return all problems and then all warnings again, each with the name of its section.

    Equal findings of several sections are merged.
    """
    merged: dict[tuple[Level, str, str | None], list[str]] = {}
    for section in sections:
        for found in section.findings:
            if found.level.is_trouble:
                subjects = merged.setdefault((found.level, found.says, found.cure), [])
                subjects.append(f"{section.name}: {found.subject}")
    troubles = [Finding(", ".join(subjects), *key) for key, subjects in merged.items()]
    return Section(NEXT, tuple(sorted(troubles, key=lambda found: found.level is Level.WARNING)))


def status_of(sections: Iterable[Section]) -> int:
    """Return the exit code: 1 if there is a problem; warnings do not count."""
    levels = {found.level for section in sections for found in section.findings}
    return PROBLEMS if Level.PROBLEM in levels else ALL_WELL


def as_values(sections: Iterable[Section]) -> dict[str, list[dict[str, str | None]]]:
    """Return the sections as plain values for JSON, in their order."""
    return {section.name: [asdict(found) for found in section.findings] for section in sections}


def write_section(section: Section, *, columns: int) -> str:
    """Return a section as text, wrapped at `columns`; long words are not broken."""
    findings = list(section.findings)
    if section.name == NEXT:
        lines = [line for found in findings for line in _write_trouble(found, columns)]
    else:
        lines = [line for found in findings for line in _write_finding(found, columns)]
    return "\n".join(lines)


def summarise(troubles: Section) -> str:
    """Return one line with the numbers of problems and warnings."""
    levels = [found.level for found in troubles.findings]
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
    if not levels:
        return "No problems were found."
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _write_finding(found: Finding, columns: int) -> Iterator[str]:
    head = f"{_LEVELS[found.level]:<{_LEVEL_WIDTH}}{to_printable(found.subject):<{_SUBJECT_WIDTH}}"
    texts = [found.says, *([f"-> {found.cure}"] if found.cure else [])]
    margin = _LEVEL_WIDTH + _SUBJECT_WIDTH
    if len(found.subject) >= _SUBJECT_WIDTH:
        yield " " * _INDENT + head.rstrip()
        head = " " * margin
    for text in texts:
        for line in _wrap(text, columns - margin - _INDENT):
            yield " " * _INDENT + head + line
            head = " " * margin


def _write_trouble(found: Finding, columns: int) -> Iterator[str]:
    yield f"{' ' * _INDENT}{_LEVELS[found.level]:<{_LEVEL_WIDTH}}{to_printable(found.subject)}"
    for text in (found.says, f"-> {found.cure}" if found.cure else None):
        margin = _LEVEL_WIDTH + _INDENT
        for line in _wrap(text or "", columns - margin):
            yield " " * margin + line


def _wrap(text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(
        to_printable_lines(text), max(width, 20), break_long_words=False, break_on_hyphens=False
    )
