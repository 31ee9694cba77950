"""Libraries and disturbances under which promises of time are measured (bench/eta.py)."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.libraries import make_library

Make = Callable[[Sequence[str], Path], object]

ALWAYS_S = 3600.0
LARGE_PX = (6000, 4000)
SLOW_PX = (2600, 1800)


@dataclass(frozen=True, slots=True)
class Load:
    """Other processes, one on each CPU or on every other one, that rest and compute alternately.

    `periods_s` are the seconds of rest and of computing, alternately, beginning with rest.
    """

    periods_s: tuple[float, ...]
    is_on_half: bool = False


BURSTS_S = tuple(np.random.default_rng(7).uniform(2.0, 11.0, 400).tolist())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of session: how its library is made from photos, and the disturbances.

    `sessions` is the number of sessions over it; the last one is measured. `load` is the work of
    other processes. With more than one of `nodes`, the last node is removed during the session.
    """

    make: Make
    sessions: int = 1
    load: Load | None = None
    nodes: int = 1


def make_plain(photos: Sequence[str], target: Path) -> None:
    """Link every photo."""
    make_library(photos, target, at_least=0)


def make_duplicates(photos: Sequence[str], target: Path) -> None:
    """Copy half of the photos three times each."""
    for number, photo in enumerate(photos[: len(photos) // 2]):
        for copy in range(3):
            name = f"{copy}-{number:06d}{Path(photo).suffix}"
            shutil.copyfile(photo, target / name)


def make_slow_folder(photos: Sequence[str], target: Path) -> None:
    """Link the photos, with a folder in the middle whose files take long to read for their size."""
    make_library(photos, target, at_least=0)
    folder = target / f"{len(photos) // 2:06d}-slow"
    folder.mkdir()
    picture = _draw(SLOW_PX, noise=0)
    for number in range(max(4, len(photos) // 60)):
        picture.rotate(number).save(folder / f"{number:04d}.png", compress_level=9)


def make_large_at_end(photos: Sequence[str], target: Path) -> None:
    """Link the photos, and add large ones whose names come last."""
    make_library(photos, target, at_least=0)
    for number in range(max(3, len(photos) // 60)):
        _draw(LARGE_PX, noise=number + 1).save(target / f"z{number:05d}.jpg", quality=92)


def make_half(photos: Sequence[str], target: Path) -> None:
    """Link every other photo in the first call, and the other half in the second."""
    known = {path.name for path in target.iterdir()}
    for number, photo in enumerate(photos):
        path = target / f"{number:06d}{Path(photo).suffix}"
        if path.name not in known and (known or number % 2 == 0):
            path.symlink_to(Path(photo).absolute())


KINDS = {
    "first": Kind(make_plain),
    "second": Kind(make_half, sessions=2),
    "duplicates": Kind(make_duplicates),
    "slow_folder": Kind(make_slow_folder),
    "large_at_end": Kind(make_large_at_end),
    "busy": Kind(make_plain, load=Load((12.0, 25.0))),
    "busy_half": Kind(make_plain, load=Load((0.0, ALWAYS_S), is_on_half=True)),
    "bursts": Kind(make_plain, load=Load(BURSTS_S)),
    "two_nodes": Kind(make_plain, nodes=2),
}


def _draw(size: tuple[int, int], *, noise: int) -> Image.Image:
    width, height = size
    rows = np.linspace(0, 255, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 255, width, dtype=np.float32)[None, :]
    pixels = np.stack([rows + columns, rows * 0 + columns, rows + columns * 0], axis=-1) / 2
    if noise:
        pixels += np.random.default_rng(noise).normal(0, 12, pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@contextmanager
def others_at_work(load: Load | None) -> Iterator[None]:
    """Let other processes rest and compute alternately, until the block ends."""
    if load is None:
        yield
        return
    count = max(1, multiprocessing.cpu_count() // (2 if load.is_on_half else 1))
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_alternate, args=(load.periods_s,), daemon=True)
        for _ in range(count)
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _alternate(periods_s: Sequence[float]) -> None:
    for number, period_s in enumerate(periods_s):
        if number % 2 == 0:
            time.sleep(period_s)
            continue
        ends_at = time.monotonic() + period_s
        while time.monotonic() < ends_at:
            sum(n * n for n in range(10_000))
