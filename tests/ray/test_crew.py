"""A crew sees each photo to its end, whatever becomes of the workers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.core.errors import PhaseFailed
from cluster.core.photos import Item
from cluster.crew import MAX_CRASHES_IN_A_ROW, Crew
from cluster.tasks.ingest import TrainingBatch

POISON, SLEEPER = 7, 9


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@ray.remote(max_retries=0)
def look_at(batch: TrainingBatch, log: Path) -> int:
    """Note each photo; die of the poisonous one, sleep over the sleeping one."""
    for item in batch.items:
        if item.image_id == POISON:
            os._exit(1)
        while item.image_id == SLEEPER:
            time.sleep(0.1)
    with log.open("a") as file:
        file.writelines(f"{item.image_id}\n" for item in batch.items)
    return len(batch.items)


class Tasks:
    """Workers of the crew: one Ray task a batch."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def capacity(self) -> int:
        return 2

    def start(self, batch: TrainingBatch) -> ray.ObjectRef:
        return look_at.remote(batch, self._log)

    def finished(self, reference: ray.ObjectRef, answer: Any) -> None:
        pass

    def end(self, reference: ray.ObjectRef) -> None:
        ray.cancel(reference, force=True)


def make_batch(items: Sequence[Item]) -> TrainingBatch:
    return TrainingBatch(1, 1, items[0].image_id, "tiny", tuple(items))


def run(
    image_ids: Sequence[int], log: Path, *, clock: Callable[[], float] = time.monotonic
) -> tuple[list[int], list[int]]:
    """Return the photos that were seen, and those that were given up, in order of id."""
    given_up: list[int] = []
    crew = Crew(
        Tasks(log),
        make_batch=make_batch,
        give_back=lambda batch: None,
        give_up=lambda batch: given_up.extend(item.image_id for item in batch.items),
        clock=clock,
    )
    waiting = [Item(n, f"/{n}.jpg", n) for n in image_ids]
    while waiting or not crew.is_idle:
        crew.hand_out_returned()
        while waiting and crew.has_room:
            crew.hand_out([waiting.pop(0) for _ in range(min(4, len(waiting)))])
        crew.collect(timeout_s=1.0)
    seen = [int(line) for line in log.read_text().split()] if log.exists() else []
    return sorted(seen), given_up


def test_a_photo_that_crashes_its_worker_is_given_up_and_its_neighbours_are_done_once(
    tmp_path: Path,
) -> None:
    seen, given_up = run([5, 6, POISON, 8, 10, 11], tmp_path / "log")
    assert (seen, given_up) == ([5, 6, 8, 10, 11], [POISON])


@pytest.mark.long
def test_a_photo_that_its_worker_never_comes_back_from_is_given_up_too(tmp_path: Path) -> None:
    hasty = time.monotonic()
    seen, given_up = run(
        [6, 8, SLEEPER, 10], tmp_path / "log", clock=lambda: 30 * (time.monotonic() - hasty)
    )
    assert (seen, given_up) == ([6, 8, 10], [SLEEPER])


@pytest.mark.long
def test_a_phase_whose_workers_all_die_ends_with_what_the_last_one_said(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed, match="Workers keep dying"):
        run([POISON] * (MAX_CRASHES_IN_A_ROW + 5), tmp_path / "log")
