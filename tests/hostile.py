"""Photos made to keep a decoder busy: few bytes, much work."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from PIL import Image

from cluster.tasks.ingest import ReadLimits
from cluster.vision.packs.detector_options import DetectorOptions
from cluster.vision.photos import scans
from cluster.vision.photos.scans import START_OF_SCAN, walk_segments

END_OF_IMAGE = b"\xff\xd9"
SCAN = bytes([0xFF, START_OF_SCAN])
SIDE_PX = 5600
"""31 million pixels, too many to be decoded beside another large photo."""

MANY_SCANS = 20_000
"""With this many scans, a photo of SIDE_PX keeps a decoder busy for about a quarter of an hour."""


def make_photo(*, side_px: int = SIDE_PX, is_progressive: bool = False, mode: str = "L") -> bytes:
    """Return a JPEG of one colour."""
    out = io.BytesIO()
    picture = Image.new(mode, (side_px, side_px), "grey" if mode != "CMYK" else 0)
    picture.save(out, "JPEG", progressive=is_progressive)
    return out.getvalue()


def make_many_scans(count: int, *, side_px: int = SIDE_PX) -> bytes:
    """Return a grey JPEG that repeats its last scan, with `count` scans in all.

    For each, a decoder goes through the whole picture: 1 ms per million pixels, for 60 bytes.
    """
    photo = make_photo(side_px=side_px, is_progressive=True).removesuffix(END_OF_IMAGE)
    there = sum(marker == START_OF_SCAN for marker, _ in walk_segments(photo))
    last = photo[photo.rindex(SCAN) :]
    return photo + (count - there) * last + END_OF_IMAGE


def arrive(log: Path, kind: type, values: tuple[Any, ...]) -> Any:
    """Return the same limits, after noting this process in `log` and lifting its limit of scans."""
    scans.MAX_SCANS = 10 * MANY_SCANS
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return kind(*values)


class Unlimited:
    """Limits that allow any number of scans in each process to which they are sent.

    `log` gets a line with the id of each such process.
    """

    def __init__(self, limits: ReadLimits | DetectorOptions, log: Path) -> None:
        self._limits, self._log = limits, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._limits, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        kind = type(self._limits)
        values = tuple(getattr(self._limits, field.name) for field in fields(kind))
        return arrive, (self._log, kind, values)
