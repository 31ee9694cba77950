"""Checks processor, memory and GPU, as the kernel and the driver report them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jobs.doctor.checks import Finding, Inquiry, note, ok, warning
from jobs.doctor.configuration import read_settings
from jobs.doctor.units import count_nouns, describe_bytes

CGROUPS = Path("/sys/fs/cgroup")
LEAST_AVAILABLE_BYTES = 2_000_000_000
"""The approximate need of Ray, PostgreSQL and two detectors."""

BUSY_PER_CORE = 5.0
"""The load average for each core at which Ray's start has timed out."""

UNLIMITED_BYTES = 1 << 60
"""Version 1 of cgroups writes a number of about 2 ** 63 when there is no limit."""

QUERY = "--query-gpu=name,driver_version,memory.total,memory.used"
INSTRUCTIONS = {"avx2": "AVX2", "avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI"}


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report processor, cores, load, memory and GPUs."""
    settings = read_settings(inquiry).settings
    yield from check_processor(read_file(Path("/proc/cpuinfo")))
    limit_cores, limit_bytes = read_limits(read_file(Path("/proc/self/cgroup")))
    cores = len(os.sched_getaffinity(0))
    yield check_cores(cores, of=os.cpu_count() or cores, limit=limit_cores)
    yield check_load(os.getloadavg(), cores=min(cores, limit_cores or cores))
    memory = read_meminfo(read_file(Path("/proc/meminfo")))
    yield from check_memory(memory, limit_bytes=limit_bytes)
    yield from check_gpus(ask_driver(), provider=settings.provider)


def read_file(file: Path) -> str:
    """Return a file of the kernel as text; "" when it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def check_processor(cpuinfo: str) -> Iterator[Finding]:
    """Report the processor, and the instructions that make models and comparisons fast."""
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.M)
    yield ok("processor", model[1] if model else "unknown model")
    flags = re.search(r"^flags\s*:\s*(.+)$", cpuinfo, re.M)
    if flags:
        words = set(flags[1].split())
        has = [f"{name} {'yes' if flag in words else 'no'}" for flag, name in INSTRUCTIONS.items()]
        says = ", ".join(has)
        yield ok("instructions", says) if "avx2" in words else note("instructions", says)


def check_cores(cores: int, *, of: int, limit: float | None) -> Finding:
    """Report how many cores this process may use."""
    limited = "" if limit is None else f", limited to {limit:g} by the cgroup"
    says = f"{cores} of {of}{limited}"
    if limit is not None and limit < cores:
        cure = "Set detectors to that number, because Headcount starts one for each core."
        return note("cores", says, cure)
    return ok("cores", says)


def check_load(averages: tuple[float, float, float], *, cores: float) -> Finding:
    """Report how busy the machine is."""
    says = f"{', '.join(f'{one:.1f}' for one in averages)} in the last 1, 5 and 15 minutes"
    if averages[0] > BUSY_PER_CORE * cores:
        cure = "Wait, or end other programs: Ray's start may time out and be repeated."
        return warning("load", says, cure)
    return ok("load", says)


def read_meminfo(text: str) -> dict[str, int]:
    """Return the bytes of each line of /proc/meminfo."""
    return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


def check_memory(memory: Mapping[str, int], *, limit_bytes: int | None) -> Iterator[Finding]:
    """Report how much memory there is, and whether it is enough for a run."""
    total, available = memory.get("MemTotal", 0), memory.get("MemAvailable", 0)
    limited = "" if limit_bytes is None else f", limited to {describe_bytes(limit_bytes)}"
    says = f"{describe_bytes(total)}, {describe_bytes(available)} available{limited}"
    least = min(available, available if limit_bytes is None else limit_bytes)
    if least < LEAST_AVAILABLE_BYTES:
        cure = "End other programs, or set detectors to a smaller number."
        yield warning("memory", says, cure)
    else:
        yield ok("memory", says)
    swap, free = memory.get("SwapTotal", 0), memory.get("SwapFree", 0)
    used = f"{describe_bytes(swap)}, {describe_bytes(swap - free)} used"
    yield ok("swap", used if swap else "none")


def read_limits(membership: str, *, root: Path = CGROUPS) -> tuple[float | None, int | None]:
    """Return the cgroups' limits of cores and bytes for this process; None without a limit.

    `membership` is the content of /proc/self/cgroup, `root` the folder of the groups. The limits of
    all groups above apply too.
    """
    second = re.search(r"^0::/(.*)$", membership, re.M)
    path = root / (second[1] if second else "")
    folders = [path, *path.parents][: len(path.relative_to(root).parts) + 1]
    quotas = [read_file(folder / "cpu.max") for folder in folders]
    sizes = [read_file(folder / "memory.max").strip() for folder in folders]
    # Version 1 of cgroups, where a container sees its own group at the top.
    quotas.append(
        " ".join(read_file(root / "cpu" / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
    )
    sizes.append(read_file(root / "memory" / "memory.limit_in_bytes").strip())
    cores = [found for text in quotas if (found := _quota(text)) is not None]
    limits = [int(text) for text in sizes if text.isdigit() and int(text) < UNLIMITED_BYTES]
    return min(cores, default=None), min(limits, default=None)


def _quota(text: str) -> float | None:
    """Return how many cores `QUOTA PERIOD` allows; None for `max`, -1 or an empty text."""
    parts = text.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or not int(parts[1]):
        return None
    return int(parts[0]) / int(parts[1])


def ask_driver() -> str | None:
    """Return nvidia-smi's line for each GPU, or "failed: ..."; None when there is no driver."""
    command = ["nvidia-smi", QUERY, "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return None
    except (OSError, subprocess.SubprocessError) as error:
        return f"failed: {error}"
    if told.returncode:
        return f"failed: {(told.stdout or told.stderr).strip()}"
    return told.stdout


def check_gpus(told: str | None, *, provider: str) -> Iterator[Finding]:
    """Report the GPUs, and whether the packages can use them."""
    if told is None:
        yield ok("gpu", "none: there is no nvidia-smi")
        return
    if told.startswith("failed"):
        yield warning("gpu", f"nvidia-smi {told}", "Load or install NVIDIA's driver again.")
        return
    lines = [[part.strip() for part in line.split(",")] for line in told.splitlines() if line]
    for number, (name, driver, total, used) in enumerate(lines):
        says = f"{name}, {total} MiB, {used} MiB used, driver {driver}"
        yield ok(f"gpu {number}", says)
    if lines and not has_package("onnxruntime-gpu") and provider != "cpu":
        says = f"{count_nouns(len(lines), 'GPU')}, but the ONNX Runtime supports only the CPU."
        yield warning("gpu", says, "make clean, then make run LOCK=gpu.")


def has_package(name: str) -> bool:
    """Tell whether a package is installed in this environment."""
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
