"""Loads the pixels of a picture that Pillow has opened, even from a truncated or damaged file."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from cluster.core.errors import UnreadableImage
from cluster.vision.containers.png_chunks import share_there
from cluster.vision.photos.content_names import ends_early
from cluster.vision.photos.pixels import to_rgb
from cluster.vision.photos.truncated import find_readable, is_enough

_BITMAPS = ("BMP", "DIB")


def load_pixels(
    image: ImageFile.ImageFile, data: bytes, *, path: str, long_side_px: int | None
) -> Image.Image:
    """Return the loaded picture; `data` is the file that it was opened from.

    A JPEG is decoded at a fraction of its size if that leaves `long_side_px`. A JPEG or PNG that is
    nearly complete is used. Raises UnreadableImage if too much is missing, and Pillow's errors.
    """
    height = image.height
    _draft(image, long_side_px)
    try:
        image.load()
    except OSError as error:
        if image.format in ("JPEG", "MPO"):
            return _load_readable(data, error, path=path, long_side_px=long_side_px)
        if image.format == "PNG" and ends_early(error):
            share = share_there(data)
            if not is_enough(share, height=height):
                raise UnreadableImage(path, _say_share(share, is_cut=True)) from error
            image.tile = []  # Without tiles, Pillow shows the rows that it has.
            return image
        raise
    return _without_empty_alpha(image)


def reduce_picture(image: Image.Image, long_side_px: int | None) -> Image.Image:
    """Return the picture reduced by the largest whole factor that leaves `long_side_px`."""
    factor = 1 if long_side_px is None else max(image.size) // max(1, long_side_px)
    if factor <= 1:
        return image
    if image.mode not in ("L", "RGB", "RGBA", "LA", "CMYK"):
        image = to_rgb(image)
    return image.reduce((min(factor, image.width), min(factor, image.height)))


def _load_readable(
    data: bytes, error: OSError, *, path: str, long_side_px: int | None
) -> Image.Image:
    found = find_readable(data, partial(_decode_jpeg, long_side_px=long_side_px))
    if found is None:
        raise error
    with Image.open(io.BytesIO(found.data), formats=("JPEG",)) as image:
        if not is_enough(found.share, height=image.height):
            raise UnreadableImage(path, _say_share(found.share, is_cut=found.is_cut)) from error
        _draft(image, long_side_px)
        image.load()
        return image


def _decode_jpeg(data: bytes, *, long_side_px: int | None) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        _draft(image, long_side_px)
        return np.asarray(image)


def _say_share(share: float, *, is_cut: bool) -> str:
    if is_cut:
        reason = "the file ends too early"
        return f"{reason}: only {share * 100:.0f} % of the picture is there" if share else reason
    reason = "the picture is damaged"
    return f"{reason}: only {share * 100:.0f} % of it can be read" if share else reason


def _draft(image: ImageFile.ImageFile, long_side_px: int | None) -> None:
    """Let Pillow decode a JPEG at a fraction of its size; other formats ignore this."""
    long_side = max(image.size)
    if long_side_px is None or long_side_px >= long_side:
        return
    # Rounded down, so that only the long side decides.
    wanted = [max(1, side * long_side_px // long_side) for side in image.size]
    image.draft(None, (wanted[0], wanted[1]))


def _without_empty_alpha(image: Image.Image) -> Image.Image:
    """Return a BMP without its alpha if that is 0 everywhere, because most programs leave it unset.

    In other formats alpha is always set, so a fully transparent picture stays empty.
    """
    if image.mode != "RGBA" or getattr(image, "format", None) not in _BITMAPS:
        return image
    return image.convert("RGB") if image.getchannel("A").getextrema() == (0, 0) else image
