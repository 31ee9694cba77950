"""Damaged photos through the reader: each ends in pixels or in a reason, and the process lives.

    python -m bench.mutations [--count N] [--seed N] [--photos DIR] [--only N] [--json]

Photos of every format that is read, and with --photos those of a folder, are damaged in a seeded
way and read as training reads them, and once more at full size. That happens in a process of its
own, so that a crash is seen: it is told with the seed and the number of the mutation, and the rest
goes on in a new process. Also told: what is neither pixels nor UnreadableImage, what takes longer
than a limit, and the peak of memory. `--only` reads one mutation in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, Any

from bench.libraries import list_photos
from bench.mutated import Mutation, Photo, make_photos, mutate
from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import open_image
from cluster.vision.relations.fingerprints import read_record

MAX_PIXELS = 20_000_000
"""A tenth of the default: what a picture of this size needs bounds the memory."""

MAX_MEMORY_BYTES = 3 << 30
"""Addresses that the reading process may have; more is a MemoryError, and told."""

LIMIT_S = 20.0
MAX_PHOTO_BYTES = 3_000_000
PIXELS, REASON, NO_MEMORY = "pixels", "reason", "no memory"


@dataclass(slots=True)
class Findings:
    """What came of the mutations so far; `wrong` is by number."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    at_rest_mb: float = 0.0


def main() -> None:
    """Read the mutations, print what came of them; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--photos", help="a folder of more photos to damage")
    parser.add_argument("--pack", help="not used")
    parser.add_argument("--only", type=int, help="read this one, here")
    parser.add_argument("--reader", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    photos = [*make_photos(), *read_photos(options.photos)]
    numbers = range(options.first, options.first + options.count)
    if options.only is not None:
        print(read_mutation(mutate(photos, seed=options.seed, number=options.only)))
    elif options.reader:
        read_all(photos, seed=options.seed, numbers=numbers)
    else:
        started = time.perf_counter()
        findings = watch(numbers, seed=options.seed, photos=options.photos)
        figures = describe(findings, seconds=time.perf_counter() - started)
        tell(figures, findings, options)
        sys.exit(1 if findings.wrong else 0)


def read_photos(folder: str | None) -> Iterator[Photo]:
    """Yield the photos of a folder that are small enough to be damaged many times."""
    for path in list_photos(folder, limit=None) if folder else ():
        data = Path(path).read_bytes()
        if 0 < len(data) <= MAX_PHOTO_BYTES:
            yield Photo(Path(path).name, data)


def watch(numbers: range, *, seed: int, photos: str | None = None) -> Findings:
    """Let a process read the mutations `numbers`, another one those after a crash."""
    findings = Findings()
    while numbers:
        reached, end = watch_reader(numbers, findings, seed=seed, photos=photos)
        if end:
            findings.wrong[reached] = end
        numbers = range(reached + 1, numbers.stop)
    return findings


def watch_reader(
    numbers: range, findings: Findings, *, seed: int, photos: str | None
) -> tuple[int, str]:
    """Return the number that was reached, and how the process ended when it should not have."""
    command = [sys.executable, "-m", "bench.mutations", "--reader", "--seed", str(seed)]
    command += ["--first", str(numbers.start), "--count", str(len(numbers))]
    command += ["--photos", photos] if photos else []
    reached = numbers.start
    # libtiff complains about each damaged line.
    with subprocess.Popen(command, stdout=PIPE, stderr=DEVNULL) as reader:
        assert reader.stdout is not None
        try:
            for said in read_lines(reader.stdout, timeout_s=LIMIT_S):
                note(said, findings)
                reached = int(said.get("number", reached))
        except TimeoutError:
            reader.kill()
            return reached, f"took longer than {LIMIT_S:.0f} s"
        status = reader.wait()
    return (numbers.stop - 1, "") if status == 0 else (reached, f"the process ended with {status}")


def read_lines(pipe: IO[bytes], *, timeout_s: float) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines that come until the end; TimeoutError when nothing came for so long."""
    buffer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(timeout_s):
            received = os.read(pipe.fileno(), 65_536)
            if not received:
                return
            *lines, buffer = (buffer + received).split(b"\n")
            yield from map(json.loads, lines)
    raise TimeoutError


def note(said: dict[str, Any], findings: Findings) -> None:
    """Add what the reader said: that it begins with a number, or what became of it."""
    findings.at_rest_mb = said.get("at_rest_mb", findings.at_rest_mb)
    if "outcome" not in said:
        return
    findings.outcomes[said["outcome"]] += 1
    findings.slowest_s = max(findings.slowest_s, said["seconds"])
    findings.peak_mb = max(findings.peak_mb, said["peak_mb"])
    if said["outcome"] not in (PIXELS, REASON):
        findings.wrong[said["number"]] = said["outcome"]


def read_all(photos: list[Photo], *, seed: int, numbers: range) -> None:
    """Read the mutations and say, as JSON lines, with which it begins and what became of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    say(at_rest_mb=peak_mb())
    for number in numbers:
        say(number=number)
        started = time.perf_counter()
        outcome = read_mutation(mutate(photos, seed=seed, number=number))
        seconds = round(time.perf_counter() - started, 3)
        say(number=number, outcome=outcome, seconds=seconds, peak_mb=peak_mb())


def read_mutation(mutation: Mutation) -> str:
    """Read a mutation as training does, and at full size; return what came of it."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(mutation.data)
        file.flush()
        try:
            read_record(file.name, max_pixels=MAX_PIXELS)
            open_image(mutation.data, path=file.name, max_pixels=MAX_PIXELS)
        except UnreadableImage as error:
            return NO_MEMORY if "memory" in error.reason else REASON
        except Exception as error:  # What must not be is told, with its number.
            return f"{type(error).__name__}: {error}"
    return PIXELS


def say(**what: object) -> None:
    """Write a JSON line, at once: it is to outlive a crash."""
    print(json.dumps(what), flush=True)


def peak_mb() -> float:
    """Return the most memory that this process has had resident so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


def describe(findings: Findings, *, seconds: float) -> dict[str, object]:
    """Return the figures."""
    return {
        "mutations": findings.outcomes.total(),
        "pixels": findings.outcomes[PIXELS],
        "reason": findings.outcomes[REASON],
        "wrong": len(findings.wrong),
        "slowest_s": findings.slowest_s,
        "memory_at_rest_mb": findings.at_rest_mb,
        "memory_peak_mb": findings.peak_mb,
        "seconds": round(seconds, 1),
    }


def tell(figures: dict[str, object], findings: Findings, options: argparse.Namespace) -> None:
    """Print the figures, and how to see again what was wrong."""
    for name, value in figures.items():
        print(f"{name:<20}{value}")
    again = f"python -m bench.mutations --seed {options.seed}"
    again += f" --photos {options.photos}" if options.photos else ""
    for number, what in sorted(findings.wrong.items()):
        print(f"wrong: {what}: {again} --only {number}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
