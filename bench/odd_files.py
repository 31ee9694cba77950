"""Generates files that are odd and not damaged: they must give the pixels of the plain file.

There is one function for each family: meaningless metadata, an unusual first brand, a JPEG without
its end marker or with a trailer. None of them changes the pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random

_JPEG_NAMES = (
    b"JFIF", b"JFXX\0", b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0", b"FPXR\0",
    b"Photoshop 3.0\x008BIM", b"http://ns.adobe.com/xap/1.0/\0", b"Adobe",
    b"AROT", b"JP\0\1", b"Ducky", b"",
)  # fmt: skip
_PNG_NAMES = (
    b"pHYs tEXt zTXt iTXt iCCP gAMA cHRM sRGB sBIT bKGD hIST sPLT tIME eXIf caBX cICP iDOT vpAg"
).split()
_WEBP_NAMES = (b"ICCP", b"EXIF", b"XMP ", b"JUNK", b"META")
_TIFF_TAGS = (269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 333, 700, 33432, 33723, 34377)
_TIFF_MORE = (34665, 34675, 34853, 37724, 40092, 42112, 50341, 59932, 65000)
_BRANDS = b"mif1 mif2 msf1 miaf MA1A MA1B 1pic MiHB MiHE xxxx heim unif".split()
_PACKED = (b"zTXt", b"iTXt", b"iCCP")


def add_segments(data: bytes, random: Random) -> bytes:
    """Add APPn segments and comments with nonsense in them to a JPEG."""
    scan = data.index(b"\xff\xda")
    for _ in range(random.randint(1, 4)):
        name = random.choice(_JPEG_NAMES)
        # Too short for the markers that decide about colours.
        most = 4 if name in (b"Adobe", b"JFIF") else 400
        content = name + random.randbytes(random.randrange(most))
        marker = random.choice((*range(0xE0, 0xF0), 0xFE))
        piece = bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
        at = random.choice((2, scan))
        data, scan = data[:at] + piece + data[at:], scan + len(piece)
    return data


def lose_end(data: bytes, random: Random) -> bytes:
    """Remove the end marker of a JPEG and add a trailer, or only add a trailer."""
    whole = random.random() < 0.3 or not data.endswith(b"\xff\xd9")
    trailer = random.randbytes(random.choice((0, 1, 2, 50, 3000)))
    return (data if whole else data[:-2]) + trailer


def add_chunks(data: bytes, random: Random) -> bytes:
    """Add chunks with nonsense, large texts and wrong checksums to a PNG."""
    for _ in range(random.randint(1, 4)):
        name, content = random.choice(_PNG_NAMES), random.randbytes(random.choice((0, 1, 9, 300)))
        if name in _PACKED:
            size = random.choice((10, 1 << 20, 1 << 22))
            content = b"a\0\0" + zlib.compress(bytes(size)) if random.random() < 0.5 else content
        check = zlib.crc32(name + content) ^ random.choice((0, 0, 7))
        piece = struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
        at = random.choice((33, data.index(b"IDAT") - 4, len(data) - 12))
        data = data[:at] + piece + data[at:]
    return data


def add_riff_chunks(data: bytes, random: Random) -> bytes:
    """Add chunks with nonsense to a WebP, and give it a wrong size."""
    for _ in range(random.randint(0, 3)):
        content = random.randbytes(random.choice((0, 2, 20, 400)))
        data += random.choice(_WEBP_NAMES) + struct.pack("<I", len(content)) + content
    size = len(data) - 8 + random.choice((0, 0, 2, 1000))
    return data[:4] + struct.pack("<I", size) + data[8:]


def add_entries(data: bytes, random: Random) -> bytes:
    """Rewrite the directory of a little-endian TIFF, with entries of nonsense."""
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    entries = {
        struct.unpack_from("<H", data, at)[0]: data[at : at + 12]
        for at in range(start + 2, start + 2 + 12 * count, 12)
    }
    for tag in random.sample((*_TIFF_TAGS, *_TIFF_MORE), random.randint(1, 5)):
        kind, number = random.choice((*range(1, 14), 99)), random.choice((0, 1, 7, 9999, 1 << 31))
        entries[tag] = struct.pack("<HHII", tag, kind, number, random.getrandbits(32))
    listed = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    body = data + bytes(len(data) % 2)
    return body[:4] + struct.pack("<I", len(body)) + body[8:] + listed + bytes(4)


def add_extensions(data: bytes, random: Random) -> bytes:
    """Add comments and applications with nonsense to a GIF."""
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    content = random.randbytes(random.randint(1, 255))
    block = bytes([len(content)]) + content + b"\0"
    piece = random.choice((b"\x21\xfe", b"\x21\xff\x0bNETSCAPE2.0", b"\x21\xff\x0bICCRGBG1012"))
    return data[:start] + piece + block + data[start:]


def set_reserved(data: bytes, random: Random) -> bytes:
    """Write nonsense to the fields of a BMP that readers ignore: size, reserved, resolution."""
    dots = random.randbytes(8)
    return data[:2] + random.randbytes(8) + data[10:38] + dots + data[46:]


def set_brand(data: bytes, random: Random) -> bytes:
    """Give a HEIC or AVIF another first brand and version, and meaningless boxes at its end."""
    brand, version = random.choice(_BRANDS), random.randbytes(4)
    size = random.choice((0, 8, 40))
    kind = random.choice((b"free", b"skip", b"uuid", b"mpvd"))
    end = struct.pack(">I", size + 8) + kind + bytes(size) if size else b""
    return data[:8] + brand + version + data[16:] + end


FAMILIES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "add_segments": add_segments,
    "lose_end": lose_end,
    "add_chunks": add_chunks,
    "add_riff_chunks": add_riff_chunks,
    "add_entries": add_entries,
    "add_extensions": add_extensions,
    "set_reserved": set_reserved,
    "set_brand": set_brand,
}

FAMILIES_OF: Mapping[str, tuple[str, ...]] = {
    "jpeg progressive": ("add_segments", "lose_end"),
    "jpeg restarts": ("add_segments", "lose_end"),
    "jpeg grey": ("add_segments", "lose_end"),
    "jpeg cmyk": ("add_segments", "lose_end"),
    "png palette": ("add_chunks",),
    "png 16 bit": ("add_chunks",),
    "png bits": ("add_chunks",),
    "webp lossless": ("add_riff_chunks",),
    "webp": ("add_riff_chunks",),
    "tiff": ("add_entries",),
    "tiff lzw": ("add_entries",),
    "tiff deflate": ("add_entries",),
    "tiff jpeg": ("add_entries",),
    "tiff group 4": ("add_entries",),
    "bmp": ("set_reserved",),
    "bmp palette": ("set_reserved",),
    "gif": ("add_extensions",),
    "heic alpha": ("set_brand",),
    "heic": ("set_brand",),
    "avif": ("set_brand",),
}
"""The families of each photo of bench/mutated.py; EXIF that turns a photo may be lost."""
