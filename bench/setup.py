"""Measures the installation of locks into new environments, by pip, and by uv as `make` does it.

    python -m bench.setup [--lock cpu|gpu] [--rounds N] [--json]

Measured in turn: pip without a cache, uv with an empty cache, uv with a full cache. The time of uv
includes its own installation by pip, and compiling the modules of a first start. Afterwards, the
imports of a start are timed in each environment. The best of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from jobs.install import AS_LOCKED, STARTS

PROJECT_DIR = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--rounds", type=int, default=1, metavar="N")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    locks = [f"requirements/{name}.txt" for name in ("build", options.lock)]
    figures = compare(locks, rounds=options.rounds)
    for name, value in figures.items():
        print(f"{name:<26}{value:8.2f}")
    if options.json:
        print(json.dumps(figures))


def compare(locks: list[str], *, rounds: int) -> dict[str, float]:
    """Return the seconds of each way, of the first imports after it, and their ratios."""
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
            for name, value in measure_round(Path(folder), locks).items():
                seconds.setdefault(name, []).append(value)
    best = {name: min(values) for name, values in seconds.items()}
    return {
        **{f"{name}_s": value for name, value in best.items()},
        "uv_cold_of_pip": best["uv_cold"] / best["pip"],
        "uv_warm_of_pip": best["uv_warm"] / best["pip"],
        "first_imports_of_pip": best["uv_cold_first_imports"] / best["pip_first_imports"],
    }


def measure_round(folder: Path, locks: list[str]) -> dict[str, float]:
    """Set up three environments below `folder`, with uv's cache; return the seconds by name."""
    environment = {
        **os.environ,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": str(PROJECT_DIR),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds = {}
    for name, install in (("pip", by_pip), ("uv_cold", by_uv), ("uv_warm", by_uv)):
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        python = str(folder / name / "bin" / "python")
        seconds[name] = measure(install, python, locks, environment)
        seconds[f"{name}_first_imports"] = measure(import_all, python, environment)
    return seconds


def by_pip(python: str, locks: list[str], environment: Mapping[str, str]) -> None:
    """Install with pip alone."""
    for lock in locks:
        run([python, "-m", "pip", "install", *AS_LOCKED, "-r", lock], environment)


def by_uv(python: str, locks: list[str], environment: Mapping[str, str]) -> None:
    """Install as `make` does."""
    run([python, "-m", "jobs.install", "--compile", *locks], environment)


def import_all(python: str, environment: Mapping[str, str]) -> None:
    """Import the modules of the processes of a start, one process after the other."""
    for modules in STARTS:
        run([python, "-c", f"import {modules}"], environment)


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command in the project's folder. Raises CalledProcessError."""
    subprocess.run(command, env=dict(environment), cwd=PROJECT_DIR, check=True)


def measure(work: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
