"""Generates photos: small JPEGs of different pictures, some with faces of the demo library."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from jobs.demo import draw_demo_files

SIZE_PX = (400, 300)
MOST_FACES = 2
IN_FOLDER = 500
WITH_FACES = 3
"""Every third photo has faces."""


def make_photos(count: int, target: Path, *, seed: int = 1) -> None:
    """Write `count` photos below `target`, in folders of 500. `seed` determines the photos."""
    faces = list(_list_faces())
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        path = target / f"{number // IN_FOLDER:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = _draw_background(draw)
        if number % WITH_FACES == 0:
            for _ in range(draw.randint(1, MOST_FACES)):
                _paste_face(picture, draw.choice(faces), draw)
        picture.save(path, quality=85)


def _list_faces() -> Iterator[Image.Image]:
    """Yield the portraits and the astronaut of the demo library."""
    for file in draw_demo_files():
        if file.path.startswith("portraits/") or "astronaut" in file.path:
            with Image.open(io.BytesIO(file.content)) as picture:
                yield picture.convert("RGB")


def _draw_background(draw: random.Random) -> Image.Image:
    """Return soft, random blots of colour, so that no two photos have similar hashes."""
    blots = Image.frombytes("RGB", (8, 6), draw.randbytes(8 * 6 * 3))
    return blots.resize(SIZE_PX, Image.Resampling.BICUBIC)


def _paste_face(picture: Image.Image, face: Image.Image, draw: random.Random) -> None:
    side = draw.randint(120, 200)
    place = (draw.randint(0, SIZE_PX[0] - side), draw.randint(0, SIZE_PX[1] - side))
    picture.paste(face.resize((side, side), Image.Resampling.BICUBIC), place)
