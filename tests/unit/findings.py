"""The doctor's findings as levels and as text, which tests can compare."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.doctor.checks import Finding, Level


def levels(findings: Iterator[Finding]) -> list[Level]:
    return [found.level for found in findings]


def spoken(findings: Iterator[Finding]) -> str:
    return "\n".join(f"{f.subject}: {f.says} {f.cure or ''}" for f in findings)
