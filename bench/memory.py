"""Measures the growth of the workers' peak memory with the library, from 500 to 2,000 photos.

    python -m bench.memory --photos DIR --pack FOLDER [--sizes 500,2000] [--json]

The peak is the largest resident memory of a worker process of training, and of a detector, sampled
five times a second during a session. There is one session for each size, and the first size is the
baseline.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from collections import defaultdict
from pathlib import Path

import psutil

from bench.libraries import list_photos, make_library
from bench.session import run_headcount

WATCHED = {"ray::train": "training_mb", "ray::FaceDetectorActor": "detector_mb"}
INTERVAL_S = 0.2


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--sizes", default="500,2000", help="photos in each session")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    figures = {size: measure(options.photos, options.pack, photos=size) for size in sizes}
    for size, peaks in figures.items():
        print(size, "photos:", peaks)
    first, last = figures[sizes[0]], figures[sizes[-1]]
    growth = {name: round(last[name] / first[name], 3) for name in first}
    print("growth:", growth)
    if options.json:
        print(json.dumps({"peaks": figures, "growth": growth}))


def measure(folder: str, pack: str, *, photos: int) -> dict[str, float]:
    """Run a session over `photos` photos and return the peaks in megabytes."""
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as place:
        library = Path(place) / "library"
        library.mkdir()
        make_library(list_photos(folder, limit=photos), library, at_least=photos)
        peaks: dict[str, float] = defaultdict(float)
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(peaks, ended))
        watcher.start()
        try:
            run_headcount(library, Path(place) / "data", pack, read=lambda *_: None)
        finally:
            ended.set()
            watcher.join()
    return {name: round(peak / 1e6, 1) for name, peak in peaks.items()}


def watch(peaks: dict[str, float], ended: threading.Event) -> None:
    """Record the peak resident memory of each kind of worker, in bytes, until `ended`."""
    while not ended.wait(INTERVAL_S):
        for process in psutil.process_iter(["cmdline", "memory_info"]):
            title = " ".join(process.info["cmdline"] or ())
            for start, name in WATCHED.items():
                if title.startswith(start):
                    peaks[name] = max(peaks[name], process.info["memory_info"].rss)


if __name__ == "__main__":
    main()
