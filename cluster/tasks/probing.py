"""Times a few photos of a library, each read and searched as in a session.

`time_photos` is the logic. `time_in_task` is a Ray task, for a process that must not load a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psutil
import ray

from cluster.core.time_left.dry_times import TimedPhoto, TimedPhotos
from cluster.priority import work_in_background
from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector import (
    DetectorOptions,
    FaceDetector,
    PreparedPhoto,
    load_detector,
)
from cluster.vision.packs.pack_files import BUNDLED, Pack
from cluster.vision.photos.images import DECODE_LONG_SIDE_PX, shrink
from cluster.vision.relations.fingerprints import make_record_and_image, warm_up_fingerprints
from cluster.vision.sources.deadlines import within
from cluster.vision.sources.photo_bytes import read_photo

FEWEST = 2
LIMIT_S = 4.0
"""Enough for eight camera photos on a slow machine, and short for a user who waits."""


@dataclass(frozen=True, slots=True)
class Room:
    """The resources of a session: `cpus` that read, and `detectors`; None means one for each
    CPU.
    """

    cpus: int
    wanted_detectors: int | None = None

    @property
    def detectors(self) -> int:
        """The given number of detectors, or one for each CPU."""
        return self.wanted_detectors or self.cpus


@dataclass(frozen=True, slots=True)
class Moment:
    """Clock readings in seconds: the time, and the CPU times of this process and of the machine."""

    wall_s: float
    own_s: float
    machine_s: float

    @classmethod
    def now(cls) -> Moment:
        """Read the clocks."""
        busy = psutil.cpu_times()
        idle_s = busy.idle + getattr(busy, "iowait", 0.0)
        return cls(time.perf_counter(), time.process_time(), sum(busy[:8]) - idle_s)


def time_photos(
    paths: Sequence[str],
    *,
    pack: Pack,
    options: DetectorOptions,
    limits: ReadLimits,
    room: Room,
    limit_s: float = LIMIT_S,
) -> TimedPhotos:
    """Time photos until `limit_s` has passed; at least two, if two can be read.

    The first photo is processed once beforehand, because the first use of the models takes longer.
    Photos that cannot be read are left out. Raises PackNotFound.
    """
    started = Moment.now()
    detector = load_detector(pack, options)
    warm_up_fingerprints()
    search = partial(_time_photo, detector=detector, limits=limits)
    next(_time_each(paths, search), None)
    warm = Moment.now()
    photos: list[TimedPhoto] = []
    for photo in _time_each(paths, search):
        photos.append(photo)
        if len(photos) >= FEWEST and time.perf_counter() - warm.wall_s > limit_s:
            break
    return TimedPhotos(
        photos=tuple(photos),
        warm_up_s=warm.wall_s - started.wall_s,
        cpus=room.cpus,
        detectors=room.detectors,
        on_gpu=detector.provider == "CUDA",
        others_busy=_find_others_busy(started, Moment.now()),
    )


def _find_others_busy(first: Moment, last: Moment) -> float:
    """Return the share of the machine's CPUs that other processes used between two moments."""
    capacity_s = (last.wall_s - first.wall_s) * (psutil.cpu_count() or 1)
    others_s = (last.machine_s - first.machine_s) - (last.own_s - first.own_s)
    return max(0.0, min(1.0, others_s / capacity_s)) if capacity_s > 0 else 0.0


def _time_each(paths: Sequence[str], search: Callable[[str], TimedPhoto]) -> Iterator[TimedPhoto]:
    for path in paths:
        try:
            yield search(path)
        except Exception:  # The per-photo boundary: a session will name the reason.
            continue


def _time_photo(path: str, *, detector: FaceDetector, limits: ReadLimits) -> TimedPhoto:
    begun = Moment.now()
    data, waited_s = within(limits.timeout_s, path, partial(_read_timed, path, limits))
    work = partial(make_record_and_image, data, path=path, max_pixels=limits.max_pixels)
    record, image = within(limits.timeout_s, path, work)
    if detector.pack.kind != BUNDLED:
        image = shrink(image, long_side_px=DECODE_LONG_SIDE_PX)
    read = Moment.now()
    (faces,) = detector.detect([PreparedPhoto(path, None, image)])
    searched = Moment.now()
    return TimedPhoto(
        size_bytes=len(data),
        pixels=record.width * record.height,
        read_s=read.own_s - begun.own_s,
        waited_s=waited_s,
        search_s=searched.own_s - read.own_s,
        search_wall_s=searched.wall_s - read.wall_s,
        faces=len(faces),
    )


def _read_timed(path: str, limits: ReadLimits) -> tuple[bytes, float]:
    """Return a file's bytes, and the seconds that this thread waited while it read them."""
    wall_s, own_s = time.perf_counter(), time.thread_time()
    data = read_photo(path, max_bytes=limits.max_bytes)
    waited_s = (time.perf_counter() - wall_s) - (time.thread_time() - own_s)
    return data, max(0.0, waited_s)


@ray.remote(max_retries=0, num_cpus=0)
def time_in_task(
    paths: Sequence[str],
    *,
    pack: Pack,
    options: DetectorOptions,
    limits: ReadLimits,
    detectors: int | None,
) -> TimedPhotos:
    """Run `time_photos` in a worker, for a session on all CPUs of the Ray cluster."""
    work_in_background()
    room = Room(max(1, int(ray.cluster_resources().get("CPU", 1))), detectors)
    return time_photos(paths, pack=pack, options=options, limits=limits, room=room)
