"""What the doctor says of the machine: its cores, memory and GPU, and the limits of processes."""

from __future__ import annotations

from pathlib import Path

from jobs.doctor.checks import Level
from jobs.doctor.machine import check_cores, check_gpus, check_memory, read_limits, read_meminfo
from jobs.doctor.processes import parse_locks
from jobs.doctor.rays import check_last_words, check_open_files
from tests.unit.findings import levels


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
