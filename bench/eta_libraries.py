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

BUSY_AFTER_S, BUSY_FOR_S = 12.0, 25.0
LARGE_PX = (6000, 4000)
SLOW_PX = (2600, 1800)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of session: how its library is made of photos, and what else happens.

    `sessions` is how many are run over it; the last one is measured. `is_busy` has other processes
    use all CPUs for a while. With `nodes`, Ray has that many nodes, and the last one goes away.
    """

    make: Make
    sessions: int = 1
    is_busy: bool = False
    nodes: int = 1


def make_plain(photos: Sequence[str], target: Path) -> None:
    """Link every photo."""
    make_library(photos, target, at_least=0)


def make_duplicates(photos: Sequence[str], target: Path) -> None:
    """Link half of the photos, and each of them twice more, as copies of the same file."""
    for number, photo in enumerate(photos[: len(photos) // 2]):
        for copy in range(3):
            name = f"{copy}-{number:06d}{Path(photo).suffix}"
            shutil.copyfile(photo, target / name)


def make_slow_folder(photos: Sequence[str], target: Path) -> None:
    """Link the photos, and put a folder in their middle whose files take long for their size."""
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
    """Link every other photo at first, and in a second session all of them."""
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
    "busy": Kind(make_plain, is_busy=True),
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
def busy_machine(is_wanted: bool) -> Iterator[None]:
    """Let processes use every CPU for a while, some seconds after the block was entered."""
    if not is_wanted:
        yield
        return
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_compute, daemon=True) for _ in range(_count_cpus())]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _count_cpus() -> int:
    return multiprocessing.cpu_count()


def _compute() -> None:
    time.sleep(BUSY_AFTER_S)
    ends_at = time.monotonic() + BUSY_FOR_S
    while time.monotonic() < ends_at:
        sum(n * n for n in range(10_000))
