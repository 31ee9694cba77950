"""Small pictures that tests draw, encode and read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cluster.core.errors import UnreadableImage
from cluster.vision.photos.images import open_image

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def draw(width: int = 240, height: int = 160) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    noise = np.random.default_rng(2).integers(0, 30, (height, width, 3))
    smooth = np.stack([40 + 170 * x, 30 + 150 * y, 200 - 150 * x * y], axis=2)
    return Image.fromarray((smooth + noise).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes, long_side_px: int | None = None) -> np.ndarray:
    return open_image(data, path="photo", long_side_px=long_side_px).pixels


def find_reason(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        open_image(data, path="photo")
    return caught.value.reason


def chunk(kind: bytes, content: bytes, check: int | None = None) -> bytes:
    right = zlib.crc32(kind + content)
    end = struct.pack(">I", right if check is None else check)
    return struct.pack(">I", len(content)) + kind + content + end


def make_exif(orientation: int) -> Image.Exif:
    """Return a new EXIF for each file, because Pillow removes the orientation when it saves."""
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif
