"""The doctor's judgement: what it makes of what it sees, and what it keeps to itself."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from cluster.core.notices import Channel
from cluster.core.sessions import SessionStatus
from cluster.store.condition import Condition, EmbeddedState
from cluster.store.sessions.notification_rows import NotificationInfo
from cluster.store.sessions.session_rows import SessionInfo
from cluster.vision.packs.opening import Opening, read_told
from jobs.doctor.checks import (
    Finding,
    Inquiry,
    Level,
    Section,
    Source,
    look,
    note,
    ok,
    problem,
    warning,
)
from jobs.doctor.configuration import check_variables, read_usable, show_value
from jobs.doctor.machine import check_cores, check_gpus, check_memory, read_limits, read_meminfo
from jobs.doctor.pack import judge as judge_pack
from jobs.doctor.package_versions import compare, describe_headcount, read_pins
from jobs.doctor.privacy import describe_error, find_secrets, hide, mask
from jobs.doctor.private_places import Found, Place, find_kind, judge, parse_mounts
from jobs.doctor.processes import parse_locks
from jobs.doctor.rays import check_last_words, check_open_files
from jobs.doctor.report import as_values, list_next, status_of, summarise, write_section
from jobs.doctor.sessions_check import judge_revision, judge_session, judge_unsent, judge_watch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INQUIRY = Inquiry({})


def levels(findings: Iterator[Finding]) -> list[Level]:
    return [found.level for found in findings]


def spoken(findings: Iterator[Finding]) -> str:
    return "\n".join(f"{f.subject}: {f.says} {f.cure or ''}" for f in findings)


# A check that fails, or hangs, takes no other along.


def check_that_fails(_inquiry: Inquiry) -> Iterator[Finding]:
    yield ok("first", "seen")
    raise ZeroDivisionError("oh")


def check_that_hangs(_inquiry: Inquiry) -> Iterator[Finding]:
    yield ok("first", "seen")
    threading.Event().wait()


def check_without_package(_inquiry: Inquiry) -> Iterator[Finding]:
    raise ImportError("No module named 'ray'")
    yield


Look = Callable[..., Section]


@pytest.fixture
def look_with(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Runs one of the checks above, which the doctor finds by the names of module and function."""
    module = ModuleType("checks_of_tests")
    vars(module).update(globals())
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(function: str, *, limit_s: float = 600) -> Section:
        source = Source("here", module.__name__, function)
        return look(source, INQUIRY, limit_s=limit_s, say=lambda _text: None)

    return run


def test_a_check_that_fails_keeps_what_it_had_found(look_with: Look) -> None:
    section = look_with("check_that_fails")
    assert [f.level for f in section.findings] == [Level.OK, Level.PROBLEM]
    assert "ZeroDivisionError: oh" in section.findings[1].says


def test_a_check_that_hangs_ends_as_a_finding(look_with: Look) -> None:
    section = look_with("check_that_hangs", limit_s=0.5)
    assert [f.level for f in section.findings][-1] is Level.PROBLEM
    assert "no answer within 0.5 seconds" in section.findings[-1].says


def test_a_package_that_is_missing_is_a_problem_with_its_cure(look_with: Look) -> None:
    (found,) = look_with("check_without_package").findings
    assert "No module named 'ray'" in found.says
    assert "make run" in (found.cure or "")


def test_a_check_that_cannot_be_imported_is_a_problem() -> None:
    source = Source("here", "jobs.doctor.no_such_module")
    (found,) = look(source, INQUIRY, say=lambda _text: None).findings
    assert found.level is Level.PROBLEM


# What is left out.


@pytest.mark.parametrize(
    "error",
    [
        "/photos/Rosa 1999/a b.jpg: there is no such file",
        "/photos/Trip: Rosa/a.jpg: there is no such file",
        "Rosa/a.jpg: there is no such file",
        "Rosa 2.JPEG: there is no such file",
        "the file /photos/Rosa, Max/x: Rosa.heic: there is no such file",
        "s3://bucket/Rosa & co/x: there is no such file",
        "~/Rosa: there is no such file",
        "It failed ('Rosa'): there is no such file",
        'It failed ("x/Rosa"): there is no such file',
        "Person 3 is called Rosa: there is no such file",
        "C:\\Fotos\\Rosa 1999\\x: there is no such file",
    ],
)
def test_an_error_is_told_without_paths_and_names(error: str) -> None:
    said = hide(error, names=["Rosa"])
    assert "Rosa" not in said
    assert said.endswith(": there is no such file")


def test_an_error_without_a_path_is_told_whole() -> None:
    said = "driver lost: the process that ran this session ended unexpectedly."
    assert hide(said, names=["Rosa"]) == said


def test_a_traceback_is_told_by_its_last_line_and_our_own_place() -> None:
    error = (
        "Traceback (most recent call last):\n"
        '  File "/srv/rosa/headcount/cluster/tasks/ingest.py", line 12, in ingest\n'
        '    open("/photos/Rosa/a.jpg")\n'
        "FileNotFoundError: [Errno 2] No such file or directory: '/photos/Rosa/a.jpg'\n"
    )
    said = describe_error(error, names=[], shows_paths=False)
    assert said == (
        "FileNotFoundError: [Errno 2] No such file or directory: (hidden)"
        " (cluster/tasks/ingest.py:12 in ingest)"
    )
    assert "/photos/Rosa/a.jpg" in describe_error(error, names=[], shows_paths=True)


def test_the_row_that_a_database_complains_of_is_not_told() -> None:
    error = (
        "Traceback (most recent call last):\n"
        '  File "/x/cluster/store/people/groups.py", line 3, in name\n'
        "    db.execute(statement)\n"
        "    ~~~~~~~~~~^^^^^^^^^^^\n"
        'IntegrityError: null value in column "name" of relation "person"\n'
        "DETAIL:  Failing row contains (1, Rosalinde, f).\n"
        "[parameters: {'name': 'Rosalinde'}]\n"
        "(Background on this error at: https://example.org/e)\n"
    )
    said = describe_error(error, names=[], shows_paths=True)
    assert said.startswith("IntegrityError: null value")
    assert said.endswith("(cluster/store/people/groups.py:3 in name)")
    assert "Rosalinde" not in said


def test_secrets_are_masked_wherever_they_stand() -> None:
    environment = {
        "HEADCOUNT_API_TOKEN": "t0ken/with-slash",
        "HEADCOUNT_DATABASE_URL": "postgresql://me:pa%24s@w0rd@db/x?password=other1",
        "RAY_AUTH_TOKEN_PATH": "/not/a/secret",
        "http_proxy": "http://u:pr0xy-secret@proxy:1",
    }
    config = 'port: 8000\n  api_token: "in-the-file"\ndatabase_url: postgres://a:filepass@b/c\n'
    secrets = find_secrets(environment, config)
    said = "t0ken/with-slash pa%24s@w0rd pa%24s w0rd pa$s other1 pr0xy-secret in-the-file filepass"
    section = Section("here", (problem(said, said, said), ok("path", "/not/a/secret")))
    first, second = mask(section, secrets=secrets, home="/srv/rosa").findings
    for text in (first.subject, first.says, first.cure):
        assert set((text or "").split()) == {"***"}
    assert second.says == "/not/a/secret"


@pytest.mark.parametrize(
    "config",
    [
        "notify: https://h/T0KEN\n",
        "notify:\n  - https://h/T0KEN\n  - 'mailto://a:T1KEN@b'\nport: 1\n",
        "notify: ['https://h/T0KEN', \"mailto://a:T1KEN@b\"]\nallowed_roots:\n  - s3://kept\n",
    ],
)
def test_the_urls_of_channels_are_masked_and_those_of_roots_are_not(config: str) -> None:
    secrets = find_secrets({"HEADCOUNT_NOTIFY": "tgram://T2KEN/1 json://x"}, config)
    section = Section("here", (ok("x", "https://h/T0KEN mailto://a:T1KEN@b tgram://T2KEN/1"),))
    (found,) = mask(section, secrets=secrets, home="").findings
    assert not [one for one in ("T0KEN", "T2KEN") if one in found.says]
    assert ("T1KEN" in found.says) is ("T1KEN" not in config)
    assert "s3://kept" not in secrets


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    section = Section("here", (ok("x", "a port, port 5432, ports"),))
    (found,) = mask(section, secrets={"port"}, home="").findings
    assert found.says == "a ***, *** 5432, ports"


def test_the_home_directory_is_written_as_a_tilde() -> None:
    section = Section("here", (ok("x", "/srv/rosa/data, /srv/rosa, /srv/rosalinde"),))
    (found,) = mask(section, secrets=(), home="/srv/rosa").findings
    assert found.says == "~/data, ~, /srv/rosalinde"


def test_roots_and_secrets_are_counted_and_not_shown() -> None:
    settings, _ = read_usable(
        {"allowed_roots": ["/photos/Rosa", "/x"], "api_token": "t", "ray_address": "ray://u:p@h:1"}
    )
    assert show_value("allowed_roots", settings, shows_paths=False) == "2 folders (hidden)"
    assert "/photos/Rosa" in show_value("allowed_roots", settings, shows_paths=True)
    assert show_value("api_token", settings, shows_paths=True) == "set (not shown)"
    assert show_value("ray_address", settings, shows_paths=True) == "ray://u@h:1"


def test_a_session_is_told_without_its_root_and_its_name() -> None:
    session = make_session(status=SessionStatus.FAILED, error="/photos/Rosa/a: gone")
    said = spoken(judge_session(session, CONDITION, shows_paths=False))
    assert "Rosa" not in said
    assert "Rosa's birthday" in spoken(judge_session(session, CONDITION, shows_paths=True))


# How it is written.

SECTIONS = [
    Section("versions", (ok("python", "3.12"), warning("packages", "others", "do this"))),
    Section("pack", (problem("packages", "missing", "make run"), note("x", "y", "z"))),
    Section("ray", (problem("packages", "missing", "make run"),)),
]


def test_what_would_go_wrong_begins_with_problems_and_says_each_once() -> None:
    assert list_next(SECTIONS).findings == (
        problem("pack: packages, ray: packages", "missing", "make run"),
        warning("versions: packages", "others", "do this"),
    )
    assert summarise(list_next(SECTIONS)) == "1 problem, 1 warning."


def test_only_problems_make_the_exit_status_one() -> None:
    assert status_of(SECTIONS) == 1
    assert status_of(SECTIONS[:1]) == 0


def test_no_line_of_prose_is_wider_than_the_terminal() -> None:
    found = warning("a subject", "many words " * 40, "and a cure " * 40)
    for section in (Section("ray", (found,)), list_next([Section("ray", (found,))])):
        text = write_section(section, columns=100)
        assert max(map(len, text.splitlines())) <= 100
        assert text.count("many") == 40
        assert text.count("cure") == 40


def test_json_holds_what_the_text_holds() -> None:
    assert as_values(SECTIONS)["versions"][1] == {
        "subject": "packages",
        "level": "warning",
        "says": "others",
        "cure": "do this",
    }
    assert list(as_values(SECTIONS)) == ["versions", "pack", "ray"]


# Versions.

LOCK = (
    "numpy==2.4 ; python_full_version < '3.12' \\\n    --hash=sha256:ab\n"
    "numpy==2.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:ab\n"
    "ray==2.60 \\\n    --hash=sha256:ab\ncolorama==1 ; sys_platform == 'win32'\n"
)


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"numpy": "2.5", "ray": "2.60"}, None),
        ({"numpy": "2.4", "ray": "2.60", "extra": "1"}, None),
        ({"numpy": "2.6", "ray": "2.60"}, "numpy is 2.6, not 2.4 or 2.5"),
        ({"numpy": "2.5"}, "ray 2.60 is missing"),
        ({"ray": "2.60"}, None),
    ],
)
def test_what_is_installed_is_compared_with_the_lock(
    installed: dict[str, str], said: str | None
) -> None:
    found = compare(read_pins(LOCK), installed, lock="cpu.txt")
    assert (found.level is Level.OK) == (said is None)
    assert (said or "those of cpu.txt") in found.says


def test_the_version_is_that_of_the_changelog_where_there_is_no_git(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n## 1.2.2\n")
    assert describe_headcount(tmp_path).startswith("1.2.3 ")
    (tmp_path / "CHANGELOG.md").unlink()
    assert describe_headcount(tmp_path).startswith("unknown")


# Settings.


def test_values_that_cannot_be_used_are_left_out_and_the_others_kept(tmp_path: Path) -> None:
    settings, left_out = read_usable(
        {"port": "abc", "data_dir": str(tmp_path), "prot": 1, "weight_training": 0.9, "host": "::1"}
    )
    assert set(left_out) == {"port", "prot", "weight_training"}
    assert (settings.data_dir, settings.host, settings.port) == (tmp_path, "::1", 8000)


def test_an_empty_token_is_left_out_and_opens_nothing() -> None:
    settings, left_out = read_usable({"api_token": " "})
    assert (settings.api_token, left_out) == (None, ("api_token",))


def test_telemetry_that_was_turned_on_is_a_warning_and_values_of_others_are_not_told() -> None:
    found = list(check_variables({"ORT_DISABLE_TELEMETRY": "0", "PGSERVICE": "work-secret"}))
    assert levels(iter(found)) == [Level.WARNING, Level.NOTE]
    assert "work-secret" not in spoken(iter(found))
    assert not list(check_variables({"ORT_DISABLE_TELEMETRY": "1"}))


# The pack.

OPENED = Opening(("CPUExecutionProvider",), "Pack x.", "insightface", "/m/x", {"a.onnx": 5}, "CPU")


def test_models_that_open_are_all_well() -> None:
    assert set(levels(judge_pack(OPENED, requested="auto", provider="auto"))) == {Level.OK}


def test_a_process_that_is_ended_by_the_processor_is_told_so() -> None:
    told = '{"providers": ["A"], "explanation": "Pack x.", "kind": "bundled", "folder": "/m"}\n'
    opening = read_told(told, "", status=-4)
    assert opening.explanation == "Pack x."
    said = spoken(judge_pack(opening, requested="auto", provider="auto"))
    assert "SIGILL" in said
    assert "this processor lacks" in said


def test_a_process_that_fails_is_told_by_its_last_words() -> None:
    opening = read_told("noise\n", "Traceback\nRuntimeError: bad file\n", status=1)
    assert "RuntimeError: bad file" in (opening.error or "")


def test_cuda_that_falls_back_to_the_processor_is_a_warning() -> None:
    opening = replace(OPENED, providers=("CUDAExecutionProvider", "CPUExecutionProvider"))
    assert Level.WARNING in levels(judge_pack(opening, requested="auto", provider="auto"))
    assert Level.WARNING not in levels(judge_pack(opening, requested="auto", provider="cpu"))


# The machine.


def test_a_group_is_bound_by_those_above_it(tmp_path: Path) -> None:
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (tmp_path / "a/cpu.max").write_text("150000 100000\n")
    (inner / "cpu.max").write_text("max 100000\n")
    (inner / "memory.max").write_text("4000000000\n")
    (tmp_path / "a/memory.max").write_text("max\n")
    assert read_limits("0::/a/b\n", root=tmp_path) == (1.5, 4_000_000_000)
    assert read_limits("", root=tmp_path) == (None, None)


def test_limits_of_the_first_version_of_groups_are_read(tmp_path: Path) -> None:
    for group in ("cpu", "memory"):
        (tmp_path / group).mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("200000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert read_limits("4:cpu:/\n", root=tmp_path) == (2.0, None)


def test_a_limit_below_the_cores_is_noted_and_too_little_memory_a_warning() -> None:
    assert check_cores(8, of=8, limit=2.0).level is Level.NOTE
    assert check_cores(8, of=8, limit=None).level is Level.OK
    memory = read_meminfo("MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\nSwapTotal: 0 kB\n")
    assert levels(check_memory(memory, limit_bytes=None)) == [Level.OK, Level.OK]
    assert levels(check_memory(memory, limit_bytes=500_000_000))[0] is Level.WARNING


def test_a_gpu_that_the_packages_cannot_use_is_a_warning() -> None:
    told = "NVIDIA H100, 580.1, 81559, 5\n"
    assert Level.WARNING in levels(check_gpus(told, provider="auto"))
    assert levels(check_gpus(told, provider="cpu")) == [Level.OK]
    assert levels(check_gpus(None, provider="auto")) == [Level.OK]
    assert levels(check_gpus("failed: no driver", provider="auto")) == [Level.WARNING]


# Folders.

PLACE = Place("data_dir", Path("/d"), True, True, holds_database=True, needs_bytes=5_000_000_000)
GOOD = Found(
    exists=True,
    is_folder=True,
    mode=0o700,
    owner=os.geteuid(),
    kind="ext4",
    is_read_only=False,
    is_writable=True,
    is_readable=True,
    is_reachable=True,
    free_bytes=10_000_000_000,
    free_inodes=1_000_000,
)


def test_a_folder_of_ours_alone_with_room_is_all_well() -> None:
    assert not list(judge(PLACE, GOOD))
    assert not list(judge(PLACE, replace(GOOD, exists=False, mode=0o777, owner=4321)))


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"owner": 4321}, Level.PROBLEM, "another user"),
        ({"mode": 0o755}, Level.WARNING, "others may enter"),
        ({"is_read_only": True, "is_writable": False}, Level.PROBLEM, "read-only"),
        ({"is_writable": False}, Level.PROBLEM, "may not write"),
        ({"exists": False, "is_writable": False}, Level.PROBLEM, "cannot be created"),
        ({"is_readable": False}, Level.PROBLEM, "may not read"),
        ({"kind": "nfs4"}, Level.PROBLEM, "no file system for PostgreSQL"),
        ({"kind": "fuse.sshfs"}, Level.PROBLEM, "no file system for PostgreSQL"),
        ({"kind": "exfat"}, Level.PROBLEM, "no owners and modes"),
        ({"free_bytes": 1_000}, Level.PROBLEM, "full"),
        ({"free_bytes": 1_000_000_000}, Level.WARNING, "may need up to 5.0 GB"),
        ({"free_inodes": 3}, Level.PROBLEM, "inodes"),
        ({"is_folder": False}, Level.PROBLEM, "not a folder"),
        ({"is_folder": False, "exists": False}, Level.PROBLEM, "in its way"),
    ],
)
def test_what_is_wrong_with_a_folder_is_told_with_its_cure(
    change: dict[str, object], level: Level, said: str
) -> None:
    (found,) = judge(PLACE, replace(GOOD, **change))  # type: ignore[arg-type]
    assert (found.level, said in found.says) == (level, True), found
    assert found.cure


def test_what_must_be_private_is_a_problem_when_it_is_open() -> None:
    (found,) = judge(Place("Ray's token", Path("/d/t"), True, True), replace(GOOD, mode=0o640))
    assert found.level is Level.PROBLEM


def test_a_folder_that_nobody_gets_to_is_not_open() -> None:
    assert not list(judge(PLACE, replace(GOOD, mode=0o755, is_reachable=False)))


@pytest.mark.parametrize("kind", ["ext4", "fuse.fuse-overlayfs", "overlay", "tmpfs", "xfs"])
def test_file_systems_of_this_machine_are_for_a_database(kind: str) -> None:
    assert not list(judge(PLACE, replace(GOOD, kind=kind)))


def test_code_that_everybody_may_change_is_a_problem() -> None:
    (found,) = judge(Place("checkout", Path("/c")), replace(GOOD, mode=0o777))
    assert found.level is Level.PROBLEM


def test_the_innermost_and_latest_mount_holds_a_path() -> None:
    mounts = parse_mounts(
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        "2 1 0:5 / /srv/my\\040photos rw shared:1 - nfs4 server:/x rw\n"
        "3 1 0:6 / /srv/my\\040photos rw - tmpfs none rw\n"
    )
    assert find_kind("/srv/my photos/a", mounts) == "tmpfs"
    assert find_kind("/srv/my photosets", mounts) == "ext4"
    assert find_kind("/x", []) == "unknown"


def test_the_holders_of_a_lock_are_named_and_those_who_wait_are_not() -> None:
    text = (
        "1: FLOCK  ADVISORY  WRITE 442 fe:00:2155168 0 EOF\n"
        "2: FLOCK  ADVISORY  READ 501 fe:00:77 0 EOF\n"
        "3: FLOCK  ADVISORY  READ 502 fe:00:77 0 EOF\n"
        "3: -> FLOCK  ADVISORY  WRITE 503 fe:00:77 0 EOF\n"
        "4: POSIX  ADVISORY  WRITE 504 fe:00:77 0 EOF\n"
    )
    assert parse_locks(text, inode=77) == [501, 502]


def test_too_few_open_files_are_a_warning_with_the_command_that_helps() -> None:
    assert check_open_files(1024, 524288).cure == "ulimit -n 524288"
    assert "limits.conf" in (check_open_files(1024, 1024).cure or "")
    assert check_open_files(4096, 4096).level is Level.OK


DEATH = (
    "[2026-11-26 00:09:07,740 C 26799 26799] (raylet) node_manager.cc:3576:  An unexpected system "
    "state has occurred. Check failed: status.has_value() Timed out waiting for file x/y\n"
)


def test_the_newest_ray_that_died_is_told_by_its_last_words(tmp_path: Path) -> None:
    for folder, session, text in (("aaaa", "2026-01-01", DEATH), ("bbbb", "2026-01-02", "well\n")):
        logs = tmp_path / folder / f"session_{session}" / "logs"
        logs.mkdir(parents=True)
        (logs / "raylet.out").write_text(text)
    assert not list(check_last_words(tmp_path))
    (logs / "raylet.out").write_text(f"well\n{DEATH}\n*** StackTrace ***\n")
    (found,) = check_last_words(tmp_path)
    assert found.says.endswith("status.has_value() Timed out waiting for file x/y")
    assert found.cure


# The database and its sessions.

CONDITION = Condition(
    version="18.4",
    most_clients=200,
    size_bytes=1,
    pgvector="0.8",
    revision="0004",
    newest_revision="0004",
    clients={},
    rows={},
    names=("Rosa's birthday",),
)


def make_session(
    *, status: SessionStatus, error: str | None = None, job_id: str | None = None
) -> SessionInfo:
    return SessionInfo(
        id=7,
        library_id=1,
        root="/photos/Rosa",
        name="Rosa's birthday",
        pack="bundled",
        status=status,
        options={},
        job_id=job_id,
        error=error,
        census={},
        created_at=NOW,
        started_at=NOW,
        completed_at=None,
    )


@pytest.mark.parametrize(
    ("revision", "level"),
    [
        ("0004", Level.OK),
        ("0003", Level.NOTE),
        (None, Level.NOTE),
        ("0009", Level.PROBLEM),
        ("abc", Level.PROBLEM),
    ],
)
def test_tables_of_a_newer_version_are_a_problem(revision: str | None, level: Level) -> None:
    assert judge_revision(replace(CONDITION, revision=revision)).level is level


def test_a_session_that_nobody_runs_is_to_be_resumed() -> None:
    session = make_session(status=SessionStatus.RUNNING)
    lost = replace(CONDITION, unattended=(7,))
    said = spoken(judge_session(session, lost, shows_paths=False))
    assert "no process runs it" in said
    assert "python -m jobs.train --resume 7" in said
    assert levels(judge_session(session, CONDITION, shows_paths=False)) == [Level.OK]


def test_a_session_that_waits_for_its_job_is_no_trouble() -> None:
    session = make_session(status=SessionStatus.PENDING, job_id="headcount-7")
    lost = replace(CONDITION, unattended=(7,))
    assert levels(judge_session(session, lost, shows_paths=False)) == [Level.OK]


def test_a_message_that_was_not_sent_is_told_with_its_channel_and_its_reason() -> None:
    message = NotificationInfo(
        session_id=7,
        status=SessionStatus.FAILED,
        channel=Channel("https://hooks.example/T0KEN").name,
        tries=3,
        created_at=NOW,
        sent_at=None,
        next_try_at=None,
        error="it answered 500",
    )
    found = judge_unsent(message)
    assert found.level is Level.WARNING
    assert "webhook:" in found.says
    assert "it answered 500" in found.says
    assert "T0KEN" not in found.says


def test_a_server_whose_watch_is_gone_is_a_warning() -> None:
    assert levels(judge_watch(EmbeddedState(True, True, False))) == [Level.WARNING]
    assert levels(judge_watch(EmbeddedState(True, True, True))) == [Level.OK]
    assert not list(judge_watch(EmbeddedState(True, False, False)))
