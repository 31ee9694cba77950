"""Pictures that are no duplicates of each other, made fast."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image


def make_pictures(folder: Path, count: int, *, seed: int = 1, side: int = 48) -> None:
    """Write `count` pictures of `side` pixels, each of its own 36 random patches."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    for number in range(count):
        picture = Image.frombytes("RGB", (6, 6), draw.randbytes(108))
        picture.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number:05d}.jpg")
