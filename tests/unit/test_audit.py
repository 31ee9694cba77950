"""The audit of the locked packages: which findings fail it, and which are only reported."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from jobs.audit.__main__ import find_installed
from jobs.audit.decisions import Decision, Locked, Sender, Table, read_lock
from jobs.audit.licences import check_licences, is_allowed
from jobs.audit.senders import check_senders, check_sources
from jobs.audit.vulnerabilities import check_vulnerabilities

TABLE = Table(
    allowed=frozenset({"MIT", "BSD-3-Clause"}),
    decided={"odd": Decision("GPLv2", "a program of its own")},
    senders=(),
    words=("telemetry", "sentry.io"),
    reviewed={"chatty": frozenset({"telemetry"})},
    ignored={"CVE-1": "only on Windows"},
)
SENDER = Sender("chatty", "all.", "always.", "NO_CHAT=1.", {}, (), ())


def install(folder: Path, name: str, *metadata: str, **files: str) -> dict[str, Distribution]:
    """Install a package of a few lines into `folder`; return all packages there."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *metadata]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    for stem, content in files.items():
        (folder / f"{stem}.py").write_text(content)
    names = [f"{stem}.py" for stem in files]
    (info / "RECORD").write_text("\n".join(f"{one},," for one in names) + "\n")
    return find_installed([folder])


def test_a_lock_is_read_with_versions_that_hold_in_some_places_only(tmp_path: Path) -> None:
    lock = tmp_path / "cpu.txt"
    lock.write_text(
        "Some_Thing==1.2 \\\n    --hash=sha256:ab\n"
        "numpy==2.4 ; python_full_version < '3.12' \\\n    --hash=sha256:cd\n"
    )
    assert read_lock(lock) == [Locked("some-thing", "1.2"), Locked("numpy", "2.4")]


@pytest.mark.parametrize(
    "metadata",
    [
        ["License-Expression: MIT"],
        ["License-Expression: MIT OR (BSD-3-Clause AND MIT)"],
        ["Classifier: License :: OSI Approved :: MIT"],
        ["License: MIT"],
    ],
)
def test_a_licence_that_is_allowed_passes_however_it_is_stated(
    tmp_path: Path, metadata: list[str]
) -> None:
    installed = install(tmp_path, "fine", *metadata)
    assert not check_licences([Locked("fine", "1.0")], TABLE, installed=installed).problems


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        ["License-Expression: AGPL-3.0-only"],
        ["License-Expression: MIT AND SSPL-1.0"],
        ["Classifier: License :: OSI Approved"],
    ],
)
def test_a_licence_that_nobody_decided_on_fails(tmp_path: Path, metadata: list[str]) -> None:
    installed = install(tmp_path, "new", *metadata)
    (problem,) = check_licences([Locked("new", "1.0")], TABLE, installed=installed).problems
    assert "new 1.0" in problem


def test_a_licence_that_changed_since_it_was_decided_fails(tmp_path: Path) -> None:
    same = install(tmp_path / "same", "odd", "License: GPLv2")
    other = install(tmp_path / "other", "odd", "License: Proprietary")
    assert not check_licences([Locked("odd", "1.0")], TABLE, installed=same).problems
    (problem,) = check_licences([Locked("odd", "1.0")], TABLE, installed=other).problems
    assert "GPLv2 was accepted, it is Proprietary" in problem


def test_a_package_that_is_not_installed_here_is_said_not_to_be_checked() -> None:
    report = check_licences([Locked("elsewhere", "1.0")], TABLE, installed={})
    assert report.lines == ("elsewhere 1.0: not installed here: not checked",)
    assert not report.problems


def test_no_part_of_an_expression_is_passed_over() -> None:
    assert not is_allowed("MIT OR GPL-3.0-only", TABLE.allowed)
    assert not is_allowed("MIT; Other/Proprietary License", TABLE.allowed)


def test_a_word_of_telemetry_in_a_package_fails_until_it_is_reviewed(tmp_path: Path) -> None:
    install(tmp_path, "chatty", chatty="import telemetry")
    install(tmp_path, "new", new="URL = 'https://o1.ingest.Sentry.io/'")
    installed = install(tmp_path, "quiet", quiet="from opentelemetry import trace")
    locked = [Locked(name, "1.0") for name in ("chatty", "new", "quiet", "elsewhere")]
    report = check_sources(locked, TABLE, installed=installed)
    assert report.problems == ("new: 'sentry.io' is in new.py",)
    assert report.lines == ("chatty: telemetry", "new: sentry.io")


@pytest.mark.parametrize(
    ("code", "is_kept"),
    [
        ('os.environ["NO_CHAT"] = "1"', True),
        ('os.environ["NO_CHAT"] = "0"', False),
        ("", False),
    ],
)
def test_a_variable_that_keeps_a_package_quiet_must_be_set(
    tmp_path: Path, code: str, *, is_kept: bool
) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "settings.py").write_text(code)
    table = replace(TABLE, senders=(replace(SENDER, variables={"NO_CHAT": "1"}),))
    report = check_senders([], table, project_dir=tmp_path)
    assert (not report.problems) == is_kept
    assert report.lines == ("chatty: all. When: always. Off: NO_CHAT=1.",)


def test_what_would_let_a_package_send_is_neither_locked_nor_called(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "train.py").write_text("chatty.upload(photo)")
    sender = replace(SENDER, not_locked=("chatty-cloud",), not_called=("upload", "chatter"))
    table = replace(TABLE, senders=(sender,))
    report = check_senders([Locked("chatty-cloud", "1.0")], table, project_dir=tmp_path)
    assert [problem.split()[1] for problem in report.problems] == ["chatty-cloud", "upload"]


def pip_audit_that_says(folder: Path, said: str, *, code: int = 0) -> Path:
    """Replace pip-audit by a program that prints `said`."""
    program = folder / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\necho no route >&2\nexit {code}\n")
    program.chmod(0o700)
    return program


def answer(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def vulnerable(identifier: str, *aliases: str) -> dict[str, Any]:
    found = {"id": identifier, "aliases": aliases, "fix_versions": ["1.1"], "description": "bad"}
    return {"name": "leaky", "version": "1.0", "vulns": [found]}


def test_a_known_vulnerability_fails_and_says_which_version_mends_it(tmp_path: Path) -> None:
    program = pip_audit_that_says(tmp_path, answer(vulnerable("PYSEC-7", "CVE-7")), code=1)
    report = check_vulnerabilities([tmp_path / "cpu.txt"], TABLE, program=program)
    assert report.problems == ("leaky 1.0: CVE-7 PYSEC-7, fixed in: 1.1",)


def test_a_vulnerability_that_is_ignored_is_said_with_its_reason(tmp_path: Path) -> None:
    program = pip_audit_that_says(tmp_path, answer(vulnerable("PYSEC-1", "CVE-1")), code=1)
    report = check_vulnerabilities([tmp_path / "cpu.txt"], TABLE, program=program)
    assert not report.problems
    assert report.lines[-1] == "leaky 1.0: CVE-1 PYSEC-1, ignored: only on Windows"


def test_packages_that_the_index_does_not_know_are_said_not_to_be_checked(tmp_path: Path) -> None:
    fine = {"name": "fine", "version": "1.0", "vulns": []}
    program = pip_audit_that_says(tmp_path, answer(fine, {"name": "own", "skip_reason": "404"}))
    report = check_vulnerabilities([tmp_path / "cpu.txt"], TABLE, program=program)
    assert report.lines == (
        "1 packages checked",
        "not checked, because the index has no data: own",
    )


@pytest.mark.parametrize(
    "said", ["", "Traceback", "{}", answer({"name": "a", "skip_reason": "404"})]
)
def test_a_service_that_cannot_be_asked_is_said_and_fails_nothing(
    tmp_path: Path, said: str
) -> None:
    program = pip_audit_that_says(tmp_path, said, code=1)
    report = check_vulnerabilities([tmp_path / "cpu.txt"], TABLE, program=program)
    assert report.lines[0].startswith("not checked: ")
    assert not report.problems


def test_without_pip_audit_the_rest_is_audited_all_the_same(tmp_path: Path) -> None:
    report = check_vulnerabilities([], TABLE, program=tmp_path / "nowhere")
    assert report.lines == ("not checked: pip-audit is not installed here",)
    assert not report.problems
