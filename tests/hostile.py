"""Photos that are made to keep a decoder busy: few bytes, much work."""

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
"""31 million pixels: more than may be decoded beside another large one."""

MANY_SCANS = 20_000
"""With so many, a photo of SIDE_PX takes a decoder about a quarter of an hour."""


def make_photo(*, side_px: int = SIDE_PX, is_progressive: bool = False, mode: str = "L") -> bytes:
    """Return a JPEG of one colour."""
    out = io.BytesIO()
    picture = Image.new(mode, (side_px, side_px), "grey" if mode != "CMYK" else 0)
    picture.save(out, "JPEG", progressive=is_progressive)
    return out.getvalue()


def make_many_scans(count: int, *, side_px: int = SIDE_PX) -> bytes:
    """Return a grey JPEG whose last scan is there again and again, `count` in all.

    Each costs a decoder the whole picture: 1 ms for a million pixels, and 60 bytes.
    """
    photo = make_photo(side_px=side_px, is_progressive=True).removesuffix(END_OF_IMAGE)
    there = sum(marker == START_OF_SCAN for marker, _ in walk_segments(photo))
    last = photo[photo.rindex(SCAN) :]
    return photo + (count - there) * last + END_OF_IMAGE


def arrive(log: Path, kind: type, values: tuple[Any, ...]) -> Any:
    """Return the limits as they were; their arrival in a process is noted, and scans unlimited."""
    scans.MAX_SCANS = 10 * MANY_SCANS
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return kind(*values)


class Unlimited:
    """Limits that let photos of any number of scans through in the process which they are sent to.

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
