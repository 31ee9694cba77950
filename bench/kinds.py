"""Measures reading raw photos and other kinds, compared with a JPEG of the same picture.

    python -m bench.kinds [--long-side PX] [--rounds N] [--raw FILE ...] [--json]

The picture is drawn here. A file of each kind is written into a temporary folder and read as in
training: bytes, digest, picture, fingerprint. The raw photos are a DNG with a preview in full
size, and one without. `--raw` also measures real files, each compared with its own preview.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from bench.made_raw import encode, make_dng
from cluster.vision.readers.raw_previews import extract_preview
from cluster.vision.relations.fingerprints import read_record, warm_up_fingerprints


def main() -> None:
    """Print the milliseconds that a file of each kind takes, and their ratio to the JPEG's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long-side", type=int, default=6000, metavar="PX")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--raw", nargs="*", default=[], metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    warm_up_fingerprints()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_kinds(Path(folder), options.long_side)
        result = measure(paths, rounds=options.rounds)
        for name in options.raw:
            result |= measure(write_preview(Path(name), Path(folder)), rounds=options.rounds)
    for kind, (milliseconds, ratio) in result.items():
        print(f"{kind:24} {milliseconds:9.1f} ms {ratio:8.2f} x")
    if options.json:
        told = {kind: {"ms": ms, "ratio": ratio} for kind, (ms, ratio) in result.items()}
        print(json.dumps(told))


def write_kinds(folder: Path, long_side_px: int) -> dict[str, Path]:
    """Write one picture as a file of each kind; return the paths by kind, the JPEG first."""
    picture = draw(long_side_px)
    jpeg = encode(picture, quality=90)
    pixels = np.asarray(picture)
    contents = {
        "jpeg": jpeg,
        "raw with a preview": make_dng(picture, preview=jpeg),
        "raw without one": make_dng(picture),
        "jpeg xl": bytes(imagecodecs.jpegxl_encode(pixels, distance=1.0)),
        "jpeg 2000": encode(picture, "JPEG2000", quality_mode="rates", quality_layers=[20]),
        "pnm": encode(picture, "PPM"),
        "png": encode(picture, "PNG", compress_level=1),
    }
    contents["png in hdr"] = name_hdr(contents["png"])
    paths = {kind: folder / kind for kind in contents}
    for kind, path in paths.items():
        path.write_bytes(contents[kind])
    return paths


def name_hdr(png: bytes) -> bytes:
    """Return the PNG with a cICP chunk that declares HDR colours: BT.2020 and PQ."""
    content = bytes([9, 16, 0, 1])
    check = zlib.crc32(b"cICP" + content).to_bytes(4)
    return png[:33] + len(content).to_bytes(4) + b"cICP" + content + check + png[33:]


def write_preview(raw: Path, folder: Path) -> dict[str, Path]:
    """Write the preview of a raw file into a separate file; return both paths by kind."""
    preview = folder / f"{raw.name}.jpg"
    preview.write_bytes(extract_preview(raw.read_bytes()) or b"")
    return {f"preview of {raw.name}": preview, raw.name: raw}


def measure(paths: dict[str, Path], *, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the best milliseconds of each kind, and their ratio to those of the first kind."""
    best = dict.fromkeys(paths, float("inf"))
    for _ in range(rounds):
        for kind, path in paths.items():
            started = time.perf_counter()
            read_record(str(path))
            best[kind] = min(best[kind], (time.perf_counter() - started) * 1000)
    first = best[next(iter(paths))]
    return {kind: (seconds, seconds / first) for kind, seconds in best.items()}


def draw(long_side_px: int) -> Image.Image:
    """Return a picture of 3 to 2 with the detail of a photograph: noise on top of shades."""
    width, height = long_side_px, long_side_px * 2 // 3
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    noise = np.random.default_rng(1).normal(0, 6, (height // 4, width // 4, 3))
    fine = noise.repeat(4, axis=0).repeat(4, axis=1)
    smooth = np.stack([40 + 170 * x, 30 + 150 * y, 200 - 150 * x * y], axis=2)
    smooth[: fine.shape[0], : fine.shape[1]] += fine
    return Image.fromarray(smooth.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
