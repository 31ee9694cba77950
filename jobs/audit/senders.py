"""Checks that packages which can send or fetch data are prevented from it, and finds new ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from jobs.audit.decisions import Locked, Report, Sender, Table

OUR_CODE = ("cluster", "serve", "jobs")
SCANNED = {".py", ".js", ".mjs", ".html", ".so", ".dylib", ".dll", ".node", ""}
"""Suffixes of code. A program has none; a library may have a version after its suffix."""


def check_senders(locked: Iterable[Locked], table: Table, *, project_dir: Path) -> Report:
    """List the data that each known package would send; a missing prevention is a problem."""
    names = {package.name for package in locked}
    code = _our_code(project_dir)
    lines, problems = [], []
    for sender in table.senders:
        lines.append(f"{sender.package}: {sender.sends} When: {sender.when} Off: {sender.off}")
        problems += [f"{sender.package}: {fault}" for fault in _faults(sender, code, names)]
    return Report(
        "Data that packages could send, and its prevention", tuple(lines), tuple(problems)
    )


def _faults(sender: Sender, code: str, locked: set[str]) -> Iterable[str]:
    for variable, value in sender.variables.items():
        if f'environ["{variable}"] = "{value}"' not in code:
            yield f"no line of the code sets {variable}={value}"
    for name in sender.not_locked:
        if name in locked:
            yield f"{name} is locked, and with it the package sends data"
    for call in sender.not_called:
        if re.search(rf"(?<!\w){re.escape(call)}", code):
            yield f"{call} is in the code"


def _our_code(project_dir: Path) -> str:
    """Return Headcount's code as one text, without `jobs.audit`, which names forbidden calls."""
    files = [file for room in OUR_CODE for file in sorted((project_dir / room).rglob("*.py"))]
    audit = project_dir / "jobs" / "audit"
    return "\n".join(file.read_text() for file in files if not file.is_relative_to(audit))


def check_sources(
    locked: Iterable[Locked], table: Table, *, installed: Mapping[str, Distribution]
) -> Report:
    """Search the installed files for words of telemetry; each new hit must be reviewed once."""
    lines, problems = [], []
    for package in locked:
        found = installed.get(package.name)
        hits = find_words(found, table.words) if found else {}
        fresh = sorted(set(hits) - table.reviewed.get(package.name, frozenset()))
        problems += [f"{package.name}: {word!r} is in {hits[word]}" for word in fresh]
        if hits:
            lines.append(f"{package.name}: {', '.join(sorted(hits))}")
    return Report("Words of telemetry in the packages' files", tuple(lines), tuple(problems))


def find_words(found: Distribution, words: tuple[str, ...]) -> dict[str, str]:
    """Return the words that a package's files contain, each with the first file that has it."""
    hits: dict[str, str] = {}
    for name in found.files or []:
        file = Path(str(found.locate_file(name)))
        if not _is_code(file) or not file.is_file():
            continue
        content = file.read_bytes().lower().replace(b"opentelemetry", b"")
        for word in words:
            if word.encode() in content:
                hits.setdefault(word, str(name))
    return hits


def _is_code(file: Path) -> bool:
    is_metadata = file.parent.suffix == ".dist-info"
    return not is_metadata and (file.suffix in SCANNED or ".so." in file.name)
