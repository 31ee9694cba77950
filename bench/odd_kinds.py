"""More files that are odd and not damaged: other colours, other layouts, and the newer kinds.

As in bench/odd_files.py, each must give the pixels of the plain file; if colours are converted,
within MOST_LEVELS.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random

import numpy as np
from PIL import Image

from bench.made_films import TITLE

MOST_LEVELS = 3
"""The largest difference that the rounding of two conversions may make."""

_TO_P3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])
"""From linear sRGB to linear Display P3 (CSS Color 4, 10.9)."""

_P3, _LIKE_SRGB = 12, 13
_BOXES = (b"free", b"skip", b"uuid", b"xml ", b"jumb", b"Exif", b"brob")
_JXL = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "
_RESOURCES = (1005, 1006, 1028, 1033, 1036, 1044, 1050, 1058, 1060, 4000, 10000)


def name_colours(data: bytes, random: Random) -> bytes:
    """Store a PNG's picture in Display P3, which only the code points of a cICP chunk declare."""
    with Image.open(io.BytesIO(data)) as image:
        coded = np.asarray(image.convert("RGB")) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4) @ _TO_P3.T
    wide = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    out = io.BytesIO()
    Image.fromarray((wide * 255 + 0.5).astype(np.uint8)).save(out, "PNG")
    content = bytes([_P3, random.choice((1, 6, _LIKE_SRGB)), 0, 1])
    check = struct.pack(">I", zlib.crc32(b"cICP" + content))
    piece = struct.pack(">I", 4) + b"cICP" + content + check
    return out.getvalue()[:33] + piece + out.getvalue()[33:]


def clear_alpha(data: bytes, random: Random) -> bytes:
    """Store a BMP of 24 bits with 32 bits and an unset alpha channel."""
    with Image.open(io.BytesIO(data)) as image:
        rgb = np.asarray(image.convert("RGB"))
    pixels = np.zeros((*rgb.shape[:2], 4), np.uint8)
    pixels[..., :3] = rgb[..., ::-1]
    is_downwards = random.random() < 0.5
    body = (pixels if is_downwards else pixels[::-1]).tobytes()
    size = random.choice((108, 124))
    height = -len(rgb) if is_downwards else len(rgb)
    head = struct.pack("<IiiHHIIiiII", size, rgb.shape[1], height, 1, 32, 3, len(body), 0, 0, 0, 0)
    head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    whole = 14 + size + len(body)
    return b"BM" + struct.pack("<IHHI", whole, 0, 0, 14 + size) + head.ljust(size, b"\0") + body


def change_layout(data: bytes, random: Random) -> bytes:
    """Store a TIFF's picture with the offsets of BigTIFF, in either byte order."""
    with Image.open(io.BytesIO(data)) as image:
        rgb = np.asarray(image.convert("RGB"))
    order = random.choice("<>")
    values = {256: rgb.shape[1], 257: rgb.shape[0], 259: 1, 262: 2, 273: 16, 277: 3}
    values |= {278: rgb.shape[0], 279: rgb.nbytes, 284: 1}
    packed = {tag: struct.pack(f"{order}HHQQ", tag, 16, 1, one) for tag, one in values.items()}
    packed[258] = struct.pack(f"{order}HHQHHHxx", 258, 3, 3, 8, 8, 8)
    listed = b"".join(packed[tag] for tag in sorted(packed))
    at = 16 + rgb.nbytes
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, at)
    return head + rgb.tobytes() + struct.pack(f"{order}Q", len(packed)) + listed + bytes(8)


def add_boxes(data: bytes, random: Random) -> bytes:
    """Put a JPEG XL into a container, with boxes of nonsense around it."""
    before, after = (b"".join(_draw_boxes(random)) for _ in range(2))
    return _JXL + before + _box(b"jxlc", data) + after


def add_last_boxes(data: bytes, random: Random) -> bytes:
    """Append boxes of nonsense to a JPEG 2000 or an MP4."""
    return data + b"".join(_draw_boxes(random))


def _draw_boxes(random: Random) -> list[bytes]:
    count = random.randint(0, 3)
    # Boxes of the kind uuid begin with an identifier of 16 bytes.
    sizes = [random.randrange(16, 90) for _ in range(count)]
    return [_box(random.choice(_BOXES), random.randbytes(size)) for size in sizes]


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def add_resources(data: bytes, random: Random) -> bytes:
    """Add resources of nonsense to a PSD without any."""
    listed = b""
    for number in random.sample(_RESOURCES, random.randint(1, 4)):
        content = random.randbytes(2 * random.randrange(100))
        listed += b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content
    return data[:30] + struct.pack(">I", len(listed)) + listed + data[34:]


def add_comments(data: bytes, random: Random) -> bytes:
    """Add comments to the header of a PNM."""
    words = bytes(random.choice(b"abc #P6 0123456789") for _ in range(random.randrange(60)))
    return data[:2] + b"\n#" + words + b"\n" + data[3:]


def spoil_title(data: bytes, random: Random) -> bytes:
    """Write the title of a film in another encoding, or as noise."""
    latin = "ÄÖÜ é ñ ß".encode("latin-1")
    noise = bytes(random.randrange(1, 256) for _ in TITLE)
    return data.replace(TITLE, random.choice((latin.ljust(len(TITLE)), noise)))


KINDS: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "name_colours": name_colours,
    "clear_alpha": clear_alpha,
    "change_layout": change_layout,
    "add_boxes": add_boxes,
    "add_last_boxes": add_last_boxes,
    "add_resources": add_resources,
    "add_comments": add_comments,
    "spoil_title": spoil_title,
}
CONVERTING = frozenset({"name_colours"})
"""The families whose pixels may differ by MOST_LEVELS."""

KINDS_OF: Mapping[str, tuple[str, ...]] = {
    "png rgb": ("name_colours",),
    "bmp": ("clear_alpha",),
    "tiff": ("change_layout",),
    "jpeg xl": ("add_boxes",),
    "jpeg xl lossless": ("add_boxes",),
    "jpeg 2000": ("add_last_boxes",),
    "film mp4": ("spoil_title", "add_last_boxes"),
    "film mkv": ("spoil_title",),
    "film avi": ("spoil_title",),
    "psd": ("add_resources",),
    "pnm": ("add_comments",),
}
"""The families of each photo of bench/mutated.py."""
