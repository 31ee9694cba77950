"""A small picture, files that hold it, and checks of what is read from them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import OpenedImage, open_image

SIZE = (240, 160)


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture without symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    red, green, blue = 40 + 200 * x, 30 + 180 * y, 200 - 150 * x * y
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


PIXELS = np.asarray(picture())


def opened(data: bytes, **options: int) -> OpenedImage:
    return open_image(data, path="photo", **options)


def reason(data: bytes, **options: int) -> str:
    with pytest.raises(UnreadableImage) as caught:
        opened(data, **options)
    return caught.value.reason


def check_like(data: bytes, expected: Image.Image, *, most: float = 1.0) -> None:
    found = opened(data)
    assert (found.width, found.height) == expected.size
    wanted = np.asarray(expected.convert("RGB")).astype(float)
    assert np.abs(found.pixels.astype(float) - wanted).mean() <= most


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def exif_block(*, orientation: int = 1, time: str = "2020:02:03 04:05:06") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = time
    return exif.tobytes().removeprefix(b"Exif\0\0")


def jp2(image: Image.Image, kind: str = "JPEG2000", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
