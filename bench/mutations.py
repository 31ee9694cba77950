"""Reads damaged photos: each must give pixels or a reason, and the process must survive.

    python -m bench.mutations [--count N] [--seed N] [--photos DIR] [--only N] [--json]

Photos of every readable format, and with --photos those of a folder, are damaged by a seeded
generator. Some are odd instead (bench/odd_files.py, bench/odd_kinds.py) and must give the pixels
of the plain file. They are read as in training, and again at full size, in a separate process. A
crash is reported with the seed and the number of the mutation, and a new process continues.
Also reported: results other than pixels and UnreadableImage, mutations that take longer than a
limit, and the peak memory. `--only` reads one mutation in this process.
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

import numpy as np

from bench.libraries import list_photos
from bench.mutated import Mutation, Photo, make_photos, mutate
from cluster.core.errors import UnreadableImage
from cluster.vision.films.film_frames import list_pictures
from cluster.vision.photos.images import open_image
from cluster.vision.relations.film_records import read_film_record
from cluster.vision.relations.fingerprints import read_record
from cluster.vision.sources.file_kinds import find_film_format
from cluster.vision.sources.headers import HEAD_BYTES

MAX_PIXELS = 20_000_000
"""A tenth of the default. It bounds the memory that a picture needs."""

MAX_MEMORY_BYTES = 3 << 30
"""Address space of the reading process. Above it, Python raises MemoryError, which is reported."""

LIMIT_S = 20.0
MAX_PHOTO_BYTES = 3_000_000
FILM_FRAMES = 12
PIXELS, REASON, NO_MEMORY = "pixels", "reason", "no memory"


@dataclass(slots=True)
class Findings:
    """The results so far; `wrong` describes each wrong result by the number of its mutation."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    at_rest_mb: float = 0.0


def main() -> None:
    """Read the mutations and print the results; exit with 1 if any result was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutation")
    parser.add_argument("--photos", help="a folder of more photos to damage")
    parser.add_argument("--pack", help="not used")
    parser.add_argument("--only", type=int, help="read only this mutation, in this process")
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
    """Yield the photos of a folder that have at most MAX_PHOTO_BYTES."""
    for path in list_photos(folder, limit=None) if folder else ():
        data = Path(path).read_bytes()
        if 0 < len(data) <= MAX_PHOTO_BYTES:
            yield Photo(Path(path).name, data)


def watch(numbers: range, *, seed: int, photos: str | None = None) -> Findings:
    """Read the mutations `numbers` in another process; after a crash, start a new one."""
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
    """Start one reading process; return the number it reached, and its failure or ""."""
    command = [sys.executable, "-m", "bench.mutations", "--reader", "--seed", str(seed)]
    command += ["--first", str(numbers.start), "--count", str(len(numbers))]
    command += ["--photos", photos] if photos else []
    reached = numbers.start
    # libtiff prints a message for each damaged line.
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
    """Yield the JSON lines from a pipe. Raises TimeoutError if none comes for `timeout_s`."""
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
    """Add a line of the reading process: the start or the result of a mutation."""
    findings.at_rest_mb = said.get("at_rest_mb", findings.at_rest_mb)
    if "outcome" not in said:
        return
    findings.outcomes[said["outcome"]] += 1
    findings.slowest_s = max(findings.slowest_s, said["seconds"])
    findings.peak_mb = max(findings.peak_mb, said["peak_mb"])
    if said["outcome"] not in (PIXELS, REASON):
        findings.wrong[said["number"]] = said["outcome"]


def read_all(photos: list[Photo], *, seed: int, numbers: range) -> None:
    """Read the mutations; write a JSON line at the start and the end of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    say(at_rest_mb=peak_mb())
    for number in numbers:
        say(number=number)
        started = time.perf_counter()
        outcome = read_mutation(mutate(photos, seed=seed, number=number))
        seconds = round(time.perf_counter() - started, 3)
        say(number=number, outcome=outcome, seconds=seconds, peak_mb=peak_mb())


def read_mutation(mutation: Mutation) -> str:
    """Read a mutation as in training, and at full size; return the result in words."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        try:
            found = read_pixels(mutation.data, file)
            if mutation.plain is not None:
                plain = read_pixels(mutation.plain, file)
                if not are_alike(found, plain, most=mutation.most_levels):
                    return f"{mutation.kinds[0]} changes the pixels of {mutation.photo}"
        except UnreadableImage as error:
            if mutation.plain is not None:
                return f"{mutation.kinds[0]} makes {mutation.photo} unreadable: {error.reason}"
            return NO_MEMORY if "memory" in error.reason else REASON
        except Exception as error:  # A wrong result, which is reported with its number.
            return f"{type(error).__name__}: {error}"
    return PIXELS


def read_pixels(data: bytes, file: IO[bytes]) -> np.ndarray:
    """Write these bytes to `file`, read it as in training, and return its pixels, uint8.

    For a film, return the pixels of all searched frames. Raises UnreadableImage.
    """
    file.seek(0)
    file.truncate()
    file.write(data)
    file.flush()
    if find_film_format(data[:HEAD_BYTES]) is None:
        read_record(file.name, max_pixels=MAX_PIXELS)
        return open_image(data, path=file.name, max_pixels=MAX_PIXELS).pixels
    film = read_film_record(file.name, sha256=b"", max_pixels=MAX_PIXELS)
    pictures = list_pictures(
        file.name, max_pixels=MAX_PIXELS, duration_s=film.duration_s or 0.0, frames=FILM_FRAMES
    )
    shown = [one.image.pixels.reshape(-1, 3) for one in pictures]
    return np.concatenate(shown or [np.zeros((0, 3), np.uint8)])


def are_alike(one: np.ndarray, other: np.ndarray, *, most: int) -> bool:
    """Tell whether two pictures have the same shape, and no value differs by more than `most`."""
    if one.shape != other.shape:
        return False
    return bool((np.abs(one.astype(np.int16) - other.astype(np.int16)) <= most).all())


def say(**what: object) -> None:
    """Write a JSON line and flush it, so that a crash does not lose it."""
    print(json.dumps(what), flush=True)


def peak_mb() -> float:
    """Return the peak resident memory of this process, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


def describe(findings: Findings, *, seconds: float) -> dict[str, object]:
    """Return the figures that are printed, by name."""
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
    """Print the figures, and the command that repeats each wrong result."""
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
