"""Asks pip-audit for known vulnerabilities of the locked versions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jobs.audit.decisions import Report, Table

TITLE = "Known vulnerabilities"
TIMEOUT_S = 15


class NotAsked(Exception):
    """pip-audit gave no answer about a lock; the message says why."""


def check_vulnerabilities(locks: Sequence[Path], table: Table, *, program: Path | None) -> Report:
    """Ask pip-audit about each lock; a check that is not possible is reported, not a problem."""
    if program is None or not program.is_file():
        return Report(TITLE, ("not checked: pip-audit is not installed here",))
    known: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        for lock in locks:
            known |= _ask(program, lock)
    except NotAsked as reason:
        return Report(TITLE, (f"not checked: {reason}",))
    return judge(known.values(), table)


def _ask(program: Path, lock: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return pip-audit's answers about a lock's packages, by name and version."""
    options = ["--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off"]
    options += [f"--cache-dir={program.parent.parent / 'cache'}", f"--timeout={TIMEOUT_S}"]
    command = [str(program), *options, "--requirement", str(lock)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(ran.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        said = ran.stderr.strip().splitlines() or ["no output"]
        raise NotAsked(f"pip-audit on {lock.name}: {said[-1]}") from None
    if answer and all("skip_reason" in one for one in answer):
        raise NotAsked(f"the package index here has no data about the versions in {lock.name}")
    return {(one["name"], one.get("version", "")): one for one in answer}


def judge(answer: Iterable[dict[str, Any]], table: Table) -> Report:
    """Sort pip-audit's answer: a package was checked, was skipped, or has vulnerabilities."""
    packages = list(answer)
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    lines = [f"{len(packages) - len(skipped)} packages checked"]
    if skipped:
        lines.append(f"not checked, because the index has no data: {', '.join(skipped)}")
    problems = []
    for package in packages:
        for found in package.get("vulns", []):
            names = {found["id"], *found.get("aliases", [])}
            what = f"{package['name']} {package['version']}: {' '.join(sorted(names))}"
            ignored = sorted(names & set(table.ignored))
            if ignored:
                lines.append(f"{what}, ignored: {table.ignored[ignored[0]]}")
            else:
                fixed = ", ".join(found.get("fix_versions", [])) or "none yet"
                problems.append(f"{what}, fixed in: {fixed}")
    return Report(TITLE, tuple(lines), tuple(problems))
