"""Times a detector on a few photos of a library before their turn, to estimate the time left."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from cluster.core.time_left.workload import Probe, TimedPhoto, summarise_probe
from cluster.vision.packs.detector import FaceDetector

PROBE_S = 3.0
"""Seconds after which a probe takes no further photo."""


def time_photos(detector: FaceDetector, paths: Sequence[str], *, reads: bool) -> Probe | None:
    """Search photos and return how long one takes; None if none of them could be searched.

    With `reads`, the time includes reading and decoding. No photo is begun after PROBE_S.
    """
    timed: list[TimedPhoto] = []
    started = time.perf_counter()
    for path in paths:
        if time.perf_counter() - started > PROBE_S:
            break
        with suppress(Exception):  # Face detection reports the reason later.
            timed.append(_time_photo(detector, path, reads=reads))
    detector.times.take()
    if not timed:
        return None
    is_on_gpu = detector.provider != "CPU"
    return summarise_probe(timed, cpus=os.cpu_count() or 1, is_on_gpu=is_on_gpu)


def _time_photo(detector: FaceDetector, path: str, *, reads: bool) -> TimedPhoto:
    cpu_s, passed_s = time.process_time(), time.perf_counter()
    photo = detector.prepare(path)
    if not reads:
        cpu_s, passed_s = time.process_time(), time.perf_counter()
    faces = detector.detect([photo])[0]
    return TimedPhoto(time.process_time() - cpu_s, time.perf_counter() - passed_s, len(faces))
