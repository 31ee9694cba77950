"""Measures reading photos for training, compared with `imagehash.phash(Image.open(path))`.

    python -m bench.hashing --photos DIR [--workers N] [--json]

Both read the same files, which Pillow can open without plugins. Headcount computes two hashes, of
64 and 256 bits; its record also has the SHA-256, the size, the time and a thumbnail. The baseline
is a plain loop. Headcount runs on one worker, and on one worker for each core, as in a session.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import imagehash
from PIL import Image

from bench.libraries import list_photos
from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import DECODE_LONG_SIDE_PX, open_image
from cluster.vision.photos.metadata import PILLOW_ERRORS
from cluster.vision.relations.fingerprints import fingerprint, read_record
from cluster.vision.sources.photo_bytes import read_photo

ROUNDS = 3


def main() -> None:
    """Print the photos per second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", metavar="DIR", required=True)
    parser.add_argument("--limit", type=int, metavar="N", help="the maximum number of photos")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    paths = [path for path in list_photos(options.photos, limit=options.limit) if is_plain(path)]
    result = compare(paths, workers=options.workers)
    for name, value in result.items():
        print(f"{name:32} {value:10.2f}" if isinstance(value, float) else f"{name:32} {value:10}")
    if options.json:
        print(json.dumps(result))


def is_plain(path: str) -> bool:
    """Tell whether the baseline can open a photo."""
    try:
        imagehash.phash(Image.open(path))
    except PILLOW_ERRORS:
        return False
    return not path.lower().endswith((".heic", ".heif"))


def compare(paths: Sequence[str], *, workers: int) -> dict[str, float | int]:
    """Measure the baseline, one worker and `workers`; the best of three rounds counts."""
    seconds: dict[str, list[float]] = {"baseline": [], "one": [], "all": [], "records": []}
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(hash_photo, paths[: 2 * workers]))
        for _ in range(ROUNDS):
            seconds["baseline"].append(measure(lambda: [hash_plainly(path) for path in paths]))
            seconds["one"].append(measure(lambda: [hash_photo(path) for path in paths]))
            seconds["all"].append(measure(lambda: list(pool.map(hash_photo, paths))))
            seconds["records"].append(measure(lambda: list(pool.map(read_record, paths))))
    best = {name: min(rounds) for name, rounds in seconds.items()}
    return {
        "photos": len(paths),
        "workers": workers,
        "baseline_photos_per_s": len(paths) / best["baseline"],
        "one_worker_photos_per_s": len(paths) / best["one"],
        "all_workers_photos_per_s": len(paths) / best["all"],
        "ratio_one_worker": best["baseline"] / best["one"],
        "ratio_all_workers": best["baseline"] / best["all"],
        "ratio_whole_records": best["baseline"] / best["records"],
        "same_phash_as_full_size_share": sum(map(agrees, paths)) / max(1, len(paths)),
    }


def hash_photo(path: str) -> tuple[int, int]:
    """Return the pHash and the dHash of a photo, computed as in training."""
    image = open_image(read_photo(path), path=path, long_side_px=DECODE_LONG_SIDE_PX)
    return fingerprint(image)


def hash_plainly(path: str) -> imagehash.ImageHash:
    """Return the pHash of a photo, computed as in imagehash's documentation."""
    return imagehash.phash(Image.open(path))


def measure(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def agrees(path: str) -> bool:
    """Tell whether the reduced decode has the same pHash as the full size."""
    try:
        whole = Image.fromarray(open_image(read_photo(path), path=path).pixels)
        return hash_photo(path)[0] == int(str(imagehash.phash(whole)), 16)
    except UnreadableImage:
        return False


if __name__ == "__main__":
    main()
