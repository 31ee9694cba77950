"""Times photos of a library in a Ray task, because a replica never loads a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from cluster.core.time_left.dry_times import TimedPhotos
from serve.parts import PackChoice

ANSWER_S = 30.0
"""Time for starting a worker, loading models and timing a few photos. A user waits meanwhile."""

StartProbe = Callable[[Sequence[str], PackChoice], Any]


class RayProbe:
    """Starts a task for each probe, and cancels it after `answer_s` seconds.

    `start` returns the object reference of the task, or raises PackNotFound.
    """

    def __init__(self, start: StartProbe, *, answer_s: float = ANSWER_S) -> None:
        self._start, self._answer_s = start, answer_s

    async def time(self, paths: Sequence[str], pack: PackChoice) -> TimedPhotos | None:
        """Return the times of these photos; None if the task failed or took too long."""
        task = await asyncio.to_thread(self._start, paths, pack)
        try:
            async with asyncio.timeout(self._answer_s):
                timed: TimedPhotos = await task
        except TimeoutError:
            await asyncio.to_thread(ray.cancel, task, force=True)
            return None
        except RayError:
            return None
        return timed if timed.photos else None
