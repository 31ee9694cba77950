"""Measures how the size of a photo adds to its work, for cluster/core/time_left/workload.py.

    python -m bench.eta_costs --photos DIR --pack FOLDER [--limit N] [--json]

Photos of the folder, large photos as cameras make them, and large PNGs are timed in one process,
as a session reads and searches them. The CPU time of reading is fitted by a fixed part and a part
for the root of the bytes, that of searching by a fixed part and a part for each pixel (Theil-Sen:
the median of the slopes between pairs, which is robust against outliers). The output is the size at
which both parts are equal: 0 without a fixed part, and `inf` without growth.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from bench.libraries import list_photos
from cluster.core.time_left.dry_times import TimedPhoto
from cluster.core.time_left.workload import BYTES_PER_UNIT, PIXELS_PER_UNIT
from cluster.tasks.ingest import ReadLimits
from cluster.tasks.probing import Room, time_photos
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import resolve_pack

LIMITS = ReadLimits(max_bytes=1 << 30, max_pixels=500_000_000)
SIDES_PX = ((2000, 1500), (4000, 3000), (6000, 4000))


def main() -> None:
    """Time, fit, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of photos")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--limit", type=int, default=60, help="the maximum number of photos")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        paths = [*list_photos(options.photos, limit=options.limit), *make_large(Path(folder))]
        timed = time_photos(
            paths,
            pack=resolve_pack(options.pack),
            options=DetectorOptions(),
            limits=LIMITS,
            room=Room(1),
            limit_s=float("inf"),
        ).photos
    found = {
        "bytes_per_unit": fit([one.size_bytes**0.5 for one in timed], [one.read_s for one in timed])
        ** 2,
        "pixels_per_unit": fit([one.pixels for one in timed], [one.search_s for one in timed]),
    }
    print(f"{len(timed)} photos; in use: {BYTES_PER_UNIT} bytes, {PIXELS_PER_UNIT} pixels")
    for name, unit in found.items():
        print(f"{name:<16}{unit:>14,.0f}")
    print_groups(timed)
    if options.json:
        print(json.dumps(found))


def make_large(folder: Path) -> list[str]:
    """Make large JPEGs with noise, as cameras do, and PNGs without noise; return their paths."""
    paths = []
    random = np.random.default_rng(1)
    for number, (width, height) in enumerate(SIDES_PX * 3):
        shade = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
        plain = np.repeat(shade[..., None], 3, axis=2).astype(np.float32)
        noisy = plain + random.normal(0, 2 + 4 * (number // 3), plain.shape).astype(np.float32)
        for pixels, name in ((noisy, f"{number}.jpg"), (plain, f"{number}.png")):
            path = folder / name
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=92)
            paths.append(str(path))
    return paths


def fit(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the size whose variable part costs as much as the fixed part; `inf` without growth."""
    x, y = np.asarray(sizes, float), np.asarray(seconds, float)
    low, high = np.triu_indices(len(x), 1)
    apart = np.abs(x[high] - x[low]) > 0.05 * (x.max() - x.min())
    slope = float(np.median((y[high] - y[low])[apart] / (x[high] - x[low])[apart]))
    fixed = float(np.median(y - slope * x))
    return max(0.0, fixed) / slope if slope > 0 else float("inf")


def print_groups(timed: Sequence[TimedPhoto]) -> None:
    """Print the median costs of photos of about the same number of bytes."""
    print(f"{'bytes from':>12}{'photos':>8}{'pixels':>12}{'read ms':>9}{'search ms':>11}")
    edges = [0, 30_000, 200_000, 1_000_000, 4_000_000, 12_000_000, float("inf")]
    for low, high in itertools.pairwise(edges):
        group = [one for one in timed if low <= one.size_bytes < high]
        if group:
            print(
                f"{low:>12,.0f}{len(group):>8}{median(one.pixels for one in group):>12,.0f}"
                f"{1e3 * median(one.read_s for one in group):>9.1f}"
                f"{1e3 * median(one.search_s for one in group):>11.1f}"
            )


if __name__ == "__main__":
    main()
