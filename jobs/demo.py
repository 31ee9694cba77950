"""`python -m jobs.demo DIR` creates a small photo library for a first look at Headcount.

The library has some sixty files, cut from sample pictures in installed packages: six people who
appear eight times or more, exact and rescaled copies, photos without a face, a short film of two of
the people, a truncated photo, and a text file with the name of a photo. Nothing is downloaded. The
files are always the same, so a second call changes nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from jobs.demo_film import draw_film
from jobs.running.command import as_command

_EXIF_ORIENTATION = 0x0112
_EXIF_DATE_TIME = 0x0132
_FIRST_PHOTO = datetime(2019, 6, 15, 14, 0, tzinfo=UTC)

PEOPLE_BOXES = (
    (56, 261, 169, 398),
    (270, 145, 372, 270),
    (464, 266, 573, 415),
    (745, 342, 847, 480),
    (906, 59, 1011, 206),
    (1130, 273, 1227, 401),
)
"""The faces in InsightFace's t1.jpg (1280 x 886), from left to right: (left, top, right, bottom) in
pixels, as `insightface.app.FaceAnalysis` finds them with SCRFD, rounded."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parameters by which one photo of a person is cut.

    `margin` around the face, and `shift` of the face within the photo, are in heights of the face;
    `side_px` is the side of the square photo.
    """

    name: str
    margin: float
    shift: tuple[float, float]
    side_px: int
    flip: bool = False
    turn_degrees: float = 0.0
    brightness: float = 1.0
    contrast: float = 1.0
    suffix: str = ".jpg"


RECIPES = (
    Recipe("close", 0.35, (0.0, 0.0), 480),
    Recipe("left", 0.55, (0.12, 0.05), 640),
    Recipe("right", 0.55, (-0.14, -0.05), 560, flip=True),
    Recipe("bright", 0.45, (0.05, 0.10), 600, brightness=1.3),
    Recipe("dark", 0.60, (-0.08, 0.12), 720, brightness=0.6, suffix=".png"),
    Recipe("tilted", 0.50, (0.0, -0.1), 640, turn_degrees=8.0),
    Recipe("soft", 0.40, (0.08, 0.0), 420, flip=True, contrast=0.7, suffix=".webp"),
)
IN_FILM = (0, 3)
"""The people of PEOPLE_BOXES who are in the film, in the order of its scenes."""

GROUPS = {
    "everybody.jpg": (0, 0, 1280, 886),
    "left half.jpg": (0, 60, 640, 600),
    "right half.jpg": (660, 0, 1280, 620),
}
"""Photos of groups: parts of t1.jpg that show six, three and three people."""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file of the demo library: its path within the library, and its bytes."""

    path: str
    content: bytes


def make_demo_library(root: Path) -> int:
    """Write the demo library below `root`; return how many files were missing or different."""
    written = 0
    for number, file in enumerate(draw_demo_files()):
        path = root / file.path
        modified = (_FIRST_PHOTO + timedelta(hours=number)).timestamp()
        if path.is_file() and path.read_bytes() == file.content:
            if path.stat().st_mtime == modified:
                continue
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        os.utime(path, (modified, modified))
        written += 1
    return written


def draw_demo_files() -> Iterator[DemoFile]:
    """Yield the files in the order of their times; copies come after their originals."""
    with Image.open(_find_sample("insightface", "data/images/t1.jpg")) as picture:
        party = picture.convert("RGB")
    portraits = list(_draw_portraits(party))
    yield from portraits
    yield from _draw_groups(party)
    yield from _draw_strangers()
    yield from _copy(portraits)
    yield from _spoil(portraits)
    yield DemoFile("films/two of them.webm", draw_film(party, [PEOPLE_BOXES[n] for n in IN_FILM]))


def _draw_portraits(party: Image.Image) -> Iterator[DemoFile]:
    for person, box in enumerate(PEOPLE_BOXES, start=1):
        for recipe in RECIPES:
            picture = _cut(party, box, recipe)
            name = f"portraits/person {person} {recipe.name}{recipe.suffix}"
            yield DemoFile(name, _encode(picture, recipe.suffix))


def _cut(party: Image.Image, box: tuple[int, int, int, int], recipe: Recipe) -> Image.Image:
    left, top, right, bottom = box
    height = bottom - top
    reach = height * (0.5 + recipe.margin)
    centre_x = min(max((left + right) / 2 - recipe.shift[0] * height, reach), party.width - reach)
    centre_y = min(max((top + bottom) / 2 - recipe.shift[1] * height, reach), party.height - reach)
    turned = party
    if recipe.turn_degrees:
        turned = party.rotate(
            recipe.turn_degrees, Image.Resampling.BICUBIC, center=(centre_x, centre_y)
        )
    picture = turned.resize(
        (recipe.side_px, recipe.side_px),
        Image.Resampling.LANCZOS,
        box=(centre_x - reach, centre_y - reach, centre_x + reach, centre_y + reach),
    )
    if recipe.flip:
        picture = ImageOps.mirror(picture)
    picture = ImageEnhance.Brightness(picture).enhance(recipe.brightness)
    return ImageEnhance.Contrast(picture).enhance(recipe.contrast)


def _draw_groups(party: Image.Image) -> Iterator[DemoFile]:
    for name, box in GROUPS.items():
        picture = party.crop(box)
        yield DemoFile(f"party/{name}", _encode(picture, ".jpg"))
    # A camera held sideways stores turned pixels and the orientation in the EXIF block.
    sideways = ImageOps.mirror(party).transpose(Image.Transpose.ROTATE_90)
    yield DemoFile("party/held sideways.jpg", _encode(sideways, ".jpg", orientation=6))


def _draw_strangers() -> Iterator[DemoFile]:
    """Yield a photo of a person who appears only once, and three photos without a face."""
    for sample in ("astronaut.png", "coffee.png", "rocket.jpg"):
        with Image.open(_find_sample("skimage", f"data/{sample}")) as picture:
            name = f"travel/{Path(sample).stem}.jpg"
            yield DemoFile(name, _encode(picture.convert("RGB"), ".jpg"))
    dusk = ImageOps.colorize(Image.linear_gradient("L").resize((800, 600)), "navy", "wheat")
    yield DemoFile("travel/sky.png", _encode(dusk, ".png"))


def _copy(portraits: list[DemoFile]) -> Iterator[DemoFile]:
    """Yield exact copies of four portraits and rescaled copies of four others."""
    for portrait in portraits[:28:7]:
        yield DemoFile(f"copies/copy of {Path(portrait.path).name}", portrait.content)
    for portrait in portraits[1:29:7]:
        with Image.open(io.BytesIO(portrait.content)) as picture:
            smaller = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4))
        yield DemoFile(f"copies/small {Path(portrait.path).stem}.jpg", _encode(smaller, ".jpg"))


def _spoil(portraits: list[DemoFile]) -> Iterator[DemoFile]:
    """Yield a truncated photo, and a text file with the suffix of a photo."""
    whole = portraits[0].content
    yield DemoFile("damaged/cut in half.jpg", whole[: len(whole) // 2])
    yield DemoFile("damaged/shopping list.jpg", b"bread, milk, film for the camera\n")


def _encode(picture: Image.Image, suffix: str, *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    exif[_EXIF_DATE_TIME] = f"{_FIRST_PHOTO:%Y:%m:%d %H:%M:%S}"
    out = io.BytesIO()
    picture.save(out, Image.registered_extensions()[suffix], quality=90, exif=exif)
    return out.getvalue()


def _find_sample(package: str, path: str) -> Path:
    """Return the path of a file in an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The package {package} is not installed.")
    return Path(spec.origin).parent / path


def main() -> int:
    """Create the demo library in the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m jobs.demo", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of the library")
    folder: Path = parser.parse_args().folder
    written = make_demo_library(folder)
    print(f"Demo library: {folder} ({written} files written)")
    return 0


if __name__ == "__main__":
    sys.exit(as_command(main))
