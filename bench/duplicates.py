"""Measures how many copies are found as duplicates, and how many people are lost to duplicates.

    python -m bench.duplicates --photos DIR --heads DIR [--limit N] [--series N] [--json]

Copies of the photos in the first folder are saved in other formats, qualities and sizes, and with
other metadata. The second folder has a folder for each person with pictures of 250 x 250 pixels,
cropped as in Labeled Faces in the Wild. A series simulates a fixed camera: six people, one after
the other, at the same place of a photo, with heads of 60 to 220 pixels in 1,200. If two photos of a
series count as duplicates, a person is lost. Half of the series have no noise. In half of them, all
heads have the mean and the spread of the first head's colours. Some are dark.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from bench.libraries import list_photos
from cluster.core.errors import UnreadableImage
from cluster.core.pictures.duplicates import Fingerprint, are_alike, are_duplicates
from cluster.vision.photos.images import DECODE_LONG_SIDE_PX, open_image
from cluster.vision.relations.fingerprints import make_record
from cluster.vision.sources.photo_bytes import read_photo

PEOPLE_IN_SERIES = 6
CAMERA_LONG_SIDE_PX = 1200
HEAD_SIDES_PX = (60, 60, 80, 120, 160, 220)
QUALITIES = (40, 60, 80, 95)


def main() -> None:
    """Print the share of copies that were found, and the share of people that were lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", metavar="DIR", required=True)
    parser.add_argument("--heads", metavar="DIR", help="a folder of portraits for each person")
    parser.add_argument("--pack", help="not used: nothing is detected")
    parser.add_argument(
        "--limit", type=int, default=200, metavar="N", help="the maximum number of photos"
    )
    parser.add_argument("--series", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    paths = list_photos(options.photos, limit=None)
    chosen = [paths[i] for i in rng.permutation(len(paths))[: options.limit]]
    result = measure_copies(chosen)
    if options.heads:
        result |= measure_people(chosen, options.heads, series=options.series, rng=rng)
    for name, value in result.items():
        print(f"{name:36} {value:10.4f}" if isinstance(value, float) else f"{name:36} {value:10}")
    if options.json:
        print(json.dumps(result))


def measure_copies(paths: Sequence[str]) -> dict[str, float | int]:
    """Return the share of copies that are found as duplicates, in all and by kind."""
    copies, found = Counter[str](), Counter[str]()
    for path in paths:
        try:
            data = read_photo(path)
            original = take(data)
            picture = Image.fromarray(open_image(data, path=path).pixels)
        except UnreadableImage:
            continue
        for kind, copy in list_copies(picture):
            copies[kind] += 1
            found[kind] += are_duplicates(original, take(copy))
    shares = {f"found_share_{kind}": found[kind] / copies[kind] for kind in copies}
    total = copies.total()
    return {"copies": total, **shares, "found_share": found.total() / max(1, total)}


def list_copies(picture: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield copies of a photo: the kind and the bytes of each."""
    for quality in QUALITIES:
        yield f"jpeg_{quality}", encode(picture, "JPEG", quality=quality)
    yield "webp_80", encode(picture, "WEBP", quality=80, method=2)
    yield "png", encode(picture, "PNG", compress_level=1)
    yield "heic_60", encode(picture, "HEIF", quality=60)
    longest = max(picture.size)
    for name, share in (
        ("1/2", 1 / 2),
        ("1/3", 1 / 3),
        ("1200", 1200 / longest),
        ("640", 640 / longest),
    ):
        if share < 1:
            size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
            small = picture.resize(size, Image.Resampling.LANCZOS)
            yield f"size_{name}", encode(small, "JPEG", quality=85)


def measure_people(
    paths: Sequence[str], heads: str, *, series: int, rng: np.random.Generator
) -> dict[str, float | int]:
    """Return the share of pairs of people in front of one camera that count as duplicates."""
    people = sorted(path for path in Path(heads).iterdir() if path.is_dir())
    pairs = alike = lost = 0
    for place in list_places(paths, series=series, rng=rng):
        chosen = [people[i] for i in rng.permutation(len(people))[:PEOPLE_IN_SERIES]]
        photos = [take(data) for data in list_series(place, chosen, rng=rng)]
        for one, other in itertools.combinations(photos, 2):
            pairs += 1
            alike += are_alike(one, other)
            lost += are_duplicates(one, other)
    share = lost / max(1, pairs)
    return {"pairs": pairs, "pairs_alike": alike, "pairs_lost": lost, "lost_share": share}


def list_places(
    paths: Sequence[str], *, series: int, rng: np.random.Generator
) -> Iterator[Image.Image]:
    """Yield up to `series` photos with a long side of 1,200 pixels, as backgrounds."""
    found = 0
    for i in rng.permutation(len(paths) * (1 + series // max(1, len(paths)))):
        try:
            path = paths[i % len(paths)]
            pixels = open_image(read_photo(path), path=path, long_side_px=1200).pixels
        except UnreadableImage:
            continue
        place = Image.fromarray(pixels)
        place.thumbnail((CAMERA_LONG_SIDE_PX, CAMERA_LONG_SIDE_PX))
        if found < series and max(place.size) == CAMERA_LONG_SIDE_PX and min(place.size) > 300:
            found += 1
            yield place


def list_series(
    place: Image.Image, people: Sequence[Path], *, rng: np.random.Generator
) -> Iterator[bytes]:
    """Yield a JPEG of each person, all at the same spot of a place and by the same camera."""
    side, quality = int(rng.choice(HEAD_SIDES_PX)), int(rng.choice((75, 85, 90, 95)))
    light, noise = float(rng.choice((1, 1, 0.5, 0.25))), float(rng.choice((0, 4)))
    is_matched = bool(rng.integers(2))
    x = int(rng.integers(0, place.width - side))
    y = int(rng.integers(0, place.height - side * 19 // 15))
    first = None
    for person in people:
        head = cut_head(min(person.iterdir()), side)
        first = head if first is None else first
        if is_matched:
            spread = np.maximum(head.std((0, 1)), 1)
            head = (head - head.mean((0, 1))) / spread * first.std((0, 1)) + first.mean((0, 1))
        photo = place.copy()
        pasted = Image.fromarray(head.clip(0, 255).astype(np.uint8))
        mask = Image.new("L", pasted.size, 0)
        ImageDraw.Draw(mask).ellipse((2, 2, pasted.width - 2, pasted.height - 2), fill=255)
        photo.paste(pasted, (x, y), mask.filter(ImageFilter.GaussianBlur(3)))
        seen = np.asarray(photo) * light + rng.normal(0, noise, (photo.height, photo.width, 3))
        yield encode(Image.fromarray(seen.clip(0, 255).astype(np.uint8)), "JPEG", quality=quality)


def cut_head(path: Path, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return a head of `side` pixels in width, from a picture of 250 x 250."""
    head = Image.open(path).convert("RGB").crop((50, 30, 200, 220))
    return np.asarray(head.resize((side, side * 19 // 15), Image.Resampling.LANCZOS), np.float64)


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return the bytes of a picture, saved by Pillow in the format `kind`."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def take(data: bytes) -> Fingerprint:
    """Return the fingerprint of a file's bytes, made as in a session."""
    image = open_image(data, path="photo", long_side_px=DECODE_LONG_SIDE_PX)
    record = make_record(data, image)
    return Fingerprint(
        image_id=0,
        path="photo",
        modified_ns=0,
        width=record.width,
        height=record.height,
        sha256=record.sha256,
        phash=record.phash,
        dhash=record.dhash,
        content=record.content,
        blocks=record.blocks,
    )


if __name__ == "__main__":
    main()
