"""Photo libraries for benchmarks: a part of a folder, or a folder enlarged without duplicates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cluster.vision.sources.library_walk import walk_photos


def list_photos(folder: str, *, limit: int | None) -> list[str]:
    """Return the paths of the photos below `folder`, sorted, at most `limit`."""
    return sorted(found.path for found in walk_photos(folder))[:limit]


def make_library(photos: Sequence[str], target: Path, *, at_least: int) -> list[str]:
    """Fill `target` with `photos`, and with cropped variants until there are `at_least`.

    The photos are linked. A variant is cropped and saved again, so that neither its bytes nor its
    picture is a duplicate. Returns the new paths.
    """
    paths = [_link(photo, target / f"{n:06d}") for n, photo in enumerate(photos)]
    variant = 0
    while len(paths) < at_least:
        variant += 1
        for number, photo in enumerate(photos):
            if len(paths) >= at_least:
                break
            made = _crop(photo, target / f"{number:06d}-{variant:03d}.jpg", variant)
            if made is not None:
                paths.append(made)
    return paths


def _link(photo: str, target: Path) -> str:
    path = target.with_suffix(os.path.splitext(photo)[1])
    path.symlink_to(os.path.abspath(photo))
    return str(path)


def _crop(photo: str, target: Path, variant: int) -> str | None:
    try:
        with Image.open(photo) as image:
            width, height = image.size
            cut = 0.02 * variant
            left, top = int(width * cut * (variant % 2)), int(height * cut * ((variant // 2) % 2))
            box = (left, top, left + int(width * (1 - cut)), top + int(height * (1 - cut)))
            exif = image.info.get("exif") or b""
            image.convert("RGB").crop(box).save(target, quality=90, exif=exif)
    except (OSError, ValueError):
        return None
    return str(target)
