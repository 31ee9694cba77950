"""A dispatcher sees each photo to its end, whatever becomes of the workers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.core.errors import PhaseFailed
from cluster.core.pictures.photos import Batch, Item
from cluster.pipeline.dispatcher import MAX_CRASHES_IN_A_ROW, Dispatcher

pytestmark = pytest.mark.long

POISON, LEAVER, SLEEPER = 7, 8, 9


@pytest.fixture(autouse=True)
def running_ray(shared_ray: None) -> None:
    """All tests here need a Ray."""


@dataclass(frozen=True)
class Looked:
    """What a batch came to."""

    left: tuple[Item, ...] = ()


@ray.remote(max_retries=0)
def look_at(batch: Batch, log: Path, *, leaves: bool = False) -> Looked:
    """Note each photo; die of the poisonous one, sleep over the sleeping one.

    One that `leaves` gives back what comes after a certain photo.
    """
    items, left = batch.items, ()
    file_ids = [item.file_id for item in items]
    if leaves and LEAVER in file_ids:
        last = file_ids.index(LEAVER) + 1
        items, left = items[:last], items[last:]
    for item in items:
        if item.file_id == POISON:
            os._exit(1)
        while item.file_id == SLEEPER:
            time.sleep(0.1)
    with log.open("a") as file:
        file.writelines(f"{item.file_id}\n" for item in items)
    return Looked(left)


class Tasks:
    """Workers of the dispatcher: one Ray task a batch."""

    def __init__(self, log: Path, *, leaves: bool = False) -> None:
        self._log, self._leaves = log, leaves
        self.held: dict[ray.ObjectRef, Batch] = {}
        self.now = 0.0

    def clock(self) -> float:
        """Return a time that only passes while nothing is done but to sleep."""
        batches = list(self.held.values())
        if len(batches) == 1 and SLEEPER in {item.file_id for item in batches[0].items}:
            self.now += 1000.0
        return self.now

    def capacity(self) -> int:
        return 2

    def start(self, batch: Batch) -> ray.ObjectRef:
        reference: ray.ObjectRef = look_at.remote(batch, self._log, leaves=self._leaves)
        self.held[reference] = batch
        return reference

    def finished(self, reference: ray.ObjectRef, answer: Any) -> None:
        del self.held[reference]

    def end(self, reference: ray.ObjectRef) -> None:
        ray.cancel(reference, force=True)


def make_batch(items: Sequence[Item]) -> Batch:
    return Batch(1, 1, items[0].file_id, "tiny", tuple(items))


def run(file_ids: Sequence[int], log: Path, *, leaves: bool = False) -> tuple[list[int], list[int]]:
    """Return the photos that were seen, and those that were given up, in order of id."""
    given_up: list[int] = []
    tasks = Tasks(log, leaves=leaves)
    dispatcher = Dispatcher(
        tasks,
        make_batch=make_batch,
        requeue=lambda batch: None,
        abandon=lambda batch: given_up.extend(item.file_id for item in batch.items),
        clock=tasks.clock,
    )
    waiting = [Item(n, f"/{n}.jpg", n) for n in file_ids]
    while waiting or not dispatcher.is_idle:
        dispatcher.dispatch_requeued()
        while waiting and dispatcher.has_room:
            dispatcher.dispatch([waiting.pop(0) for _ in range(min(4, len(waiting)))])
        dispatcher.collect(timeout_s=1.0)
    seen = [int(line) for line in log.read_text().split()] if log.exists() else []
    return sorted(seen), given_up


def test_a_photo_that_crashes_its_worker_is_abandoned_and_its_neighbours_are_done_once(
    tmp_path: Path,
) -> None:
    seen, given_up = run([5, 6, POISON, 8, 10, 11], tmp_path / "log")
    assert (seen, given_up) == ([5, 6, 8, 10, 11], [POISON])


def test_what_a_worker_leaves_is_done_by_another_once_and_nobody_is_blamed(tmp_path: Path) -> None:
    photos = [5, LEAVER, 10, 11] + [LEAVER] * (MAX_CRASHES_IN_A_ROW + 5) + [12]
    seen, given_up = run(photos, tmp_path / "log", leaves=True)
    assert (seen, given_up) == (sorted(photos), [])


def test_a_photo_that_crashes_its_worker_is_found_though_others_are_left(tmp_path: Path) -> None:
    photos = [LEAVER, POISON, 10, 11]
    seen, given_up = run(photos, tmp_path / "log", leaves=True)
    assert (seen, given_up) == ([LEAVER, 10, 11], [POISON])


@pytest.mark.drill
def test_a_photo_that_its_worker_never_comes_back_from_is_abandoned_too(tmp_path: Path) -> None:
    seen, given_up = run([6, 8, SLEEPER, 10], tmp_path / "log")
    assert (seen, given_up) == ([6, 8, 10], [SLEEPER])


@pytest.mark.drill
def test_a_phase_whose_workers_all_die_ends_with_what_the_last_one_said(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed, match="Workers keep dying"):
        run([POISON] * (MAX_CRASHES_IN_A_ROW + 5), tmp_path / "log")
