"""Metadata of a PNG affects neither whether it is read nor its pixels."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from cluster.vision.photos.images import open_image
from tests.odd_pictures import SRGB, chunk, draw, encode, find_reason, make_exif, read

LONG = np.random.default_rng(3).integers(32, 126, 1_200_000, dtype=np.uint8).tobytes()
PADDED = SRGB + bytes(1_200_000)
LARGE = {
    "text": chunk(b"zTXt", b"workflow\0\0" + zlib.compress(LONG)),
    "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
    "icc": chunk(b"iCCP", b"a\0\0" + zlib.compress(struct.pack(">I", len(PADDED)) + PADDED[4:])),
    "bomb": chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(200_000_000))),
    "many texts": b"".join([chunk(b"tEXt", b"a\0" + bytes([65]) * 900_000)] * 80),
}
WRONG = {
    "pHYs": chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1), 7),
    "tEXt": chunk(b"tEXt", b"Comment\0hello", 7),
    "gAMA": chunk(b"gAMA", struct.pack(">I", 45455), 7),
    "iCCP": chunk(b"iCCP", b"icc\0\0" + zlib.compress(SRGB), 7),
    "eXIf": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\1\0\0\0\0\0\0", 7),
    "tRNS": chunk(b"tRNS", bytes(6), 7),
    "short gAMA": chunk(b"gAMA", b"\0"),
    "short cHRM": chunk(b"cHRM", b"\0\1\2"),
    "short pHYs": chunk(b"pHYs", b"\0"),
    "empty sRGB": chunk(b"sRGB", b""),
    "acTL": chunk(b"acTL", b"\0\0"),
    "fcTL": chunk(b"fcTL", b"\0\0\0\7"),
}


@pytest.mark.parametrize("name", [*LARGE, *WRONG])
def test_metadata_of_a_png_does_not_decide_whether_it_is_read(name: str) -> None:
    plain = encode(draw(), "PNG")
    for at in (33, plain.index(b"IDAT") - 4, len(plain) - 12):
        odd = plain[:at] + (LARGE | WRONG)[name] + plain[at:]
        assert np.array_equal(read(odd), read(plain))


def test_a_png_keeps_the_sound_metadata_beside_the_unsound() -> None:
    plain = encode(draw(), "PNG", exif=make_exif(6))
    odd = plain[:33] + WRONG["pHYs"] + plain[33:]
    assert open_image(odd, path="photo").orientation == 6
    assert np.array_equal(read(odd), read(plain))


def test_a_png_says_that_the_checksum_of_its_header_is_wrong() -> None:
    plain = bytearray(encode(draw(), "PNG"))
    plain[30] ^= 1
    assert find_reason(bytes(plain)).endswith("(the checksum of its header is wrong)")
