"""Files that other programs open are read, whatever their metadata and first bytes say."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from cluster.core.files.passed_over import PassedOverKind
from cluster.vision.photos.images import open_image
from cluster.vision.sources.file_kinds import find_format, find_kind
from tests.odd_pictures import draw, encode, find_reason, read


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


SEGMENTS = {
    "jfif": segment(0xE0, b"JFIF"),
    "exif": segment(0xE1, b"Exif\0\0MM"),
    "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff"),
    "icc": segment(0xE2, b"ICC_PROFILE\0\1\1ab"),
    "icc of no place": segment(0xE2, b"ICC_PROFILE\0"),
    "mpf": segment(0xE2, b"MPF\0MM\0*\0\0\xff\xff\0\0"),
    "short mpf": segment(0xE2, b"MPF\0"),
    "photoshop": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\xff\xff"),
    "short photoshop": segment(0xED, b"Photoshop 3.0\x008BIM"),
    "photoshop resolution": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\4abcd"),
    "adobe": segment(0xEE, b"Adobe"),
    "flashpix": segment(0xE2, b"FPXR"),
    "comment": segment(0xFE, b""),
    "length of zero": b"\xff\xec\0\0",
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_metadata_of_a_jpeg_does_not_decide_whether_it_is_read(name: str) -> None:
    plain = encode(draw(), "JPEG")
    for at in (2, plain.index(b"\xff\xdb"), plain.index(b"\xff\xda")):
        odd = plain[:at] + SEGMENTS[name] + plain[at:]
        assert np.array_equal(read(odd), read(plain))


@pytest.mark.parametrize("kind", [b"EXIF", b"ICCP", b"XMP ", b"ABCD"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_metadata_of_a_webp_does_not_decide_whether_it_is_read(
    kind: bytes, mode: str, lossless: bool
) -> None:
    picture = draw().convert(mode)
    plain = encode(picture, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0", lossless=lossless)
    odd = plain + kind + struct.pack("<I", 7) + b"broken!\0"
    longer = odd[:4] + struct.pack("<I", len(odd) + 99) + odd[8:]
    for data in (odd, longer, plain + kind + b"\xff\xff\xff\x7f"):
        assert np.array_equal(read(data), read(plain))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("tag", [0, 270, 282, 305, 306, 700, 33723, 34377, 34665, 34675, 40000])
def test_metadata_of_a_tiff_does_not_decide_whether_it_is_read(
    order: str, is_big: bool, tag: int
) -> None:
    pixels = np.asarray(draw())
    for kind, count, value in ((2, 9, 1 << 30), (5, 1, 0), (7, 1 << 28, 12), (99, 3, 3)):
        data = make_tiff(pixels, order=order, is_big=is_big, odd=(tag, kind, count, value))
        assert np.array_equal(read(data), pixels)


def make_tiff(
    pixels: np.ndarray, *, order: str, is_big: bool, odd: tuple[int, int, int, int]
) -> bytes:
    """Return a plain TIFF or BigTIFF with one meaningless entry, unless its tag is 0."""
    height, width = pixels.shape[:2]
    start = 16 if is_big else 8
    values = {256: width, 257: height, 259: 1, 262: 2, 273: start, 277: 3, 278: height}
    values |= {279: pixels.nbytes, 284: 1}
    entries = [(tag, 16 if is_big else 4, 1, value) for tag, value in values.items()]
    after = start + pixels.nbytes
    bits = struct.pack(f"{order}3H", 8, 8, 8)
    entries.append((258, 3, 3, int.from_bytes(bits + b"\0\0", "little" if order == "<" else "big")))
    if not is_big:
        entries[-1] = (258, 3, 3, after)
    entries = sorted([*entries, *([odd] if odd[0] else [])])
    number, offset = ("Q", "Q") if is_big else ("H", "I")
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if is_big else 42)
    head = mark + (struct.pack(f"{order}HH", 8, 0) if is_big else b"")
    head += struct.pack(order + offset, after + len(bits))
    packed = (struct.pack(f"{order}HH{offset}{offset}", *entry) for entry in entries)
    listed = struct.pack(order + number, len(entries)) + b"".join(packed) + bytes(8)
    return head + pixels.tobytes() + bits + listed


FTYP = b"\0\0\0\x20ftyp"


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"miaf", b"avis", b"MA1A", b"xxxx"])
def test_the_compatible_brands_say_that_a_file_is_an_avif(brand: bytes) -> None:
    plain = encode(draw(), "AVIF", speed=10)
    odd = plain[:8] + brand + plain[12:]
    assert np.array_equal(read(odd), read(plain))
    found = find_format(odd[:4096])
    assert found is not None
    assert found.name == "AVIF"


@pytest.mark.parametrize(
    "brand", b"mif1 miaf mif2 msf1 MiHB MiHE MiPr 1pic heim heis hevx xxxx".split()
)
def test_the_compatible_brands_say_that_a_file_is_a_heic(brand: bytes) -> None:
    plain = encode(draw(), "HEIF")
    odd = plain[:8] + brand + plain[12:]
    assert np.array_equal(read(odd), read(plain))
    assert find_kind(odd[:4096]) is None


@pytest.mark.parametrize(("kind", "name"), [("AVIF", "AVIF"), ("HEIF", "HEIC")])
def test_where_no_brand_is_known_the_boxes_tell_a_picture(kind: str, name: str) -> None:
    plain = encode(draw(), kind)
    size = int.from_bytes(plain[:4])
    odd = plain[:8] + b"new1\0\0\0\0" + b"new2" * ((size - 16) // 4) + plain[size:]
    found = find_format(odd[:4096])
    assert found is not None
    assert found.name == name
    assert read(odd).shape == (160, 240, 3)


@pytest.mark.parametrize("brand", [b"isom", b"qt  ", b"mp42", b"new1", b"M4V "])
def test_a_film_stays_a_film(brand: bytes) -> None:
    film = (
        FTYP + brand + b"\0\0\0\0isomiso2avc1mp41" + b"\0\0\0\x08free\0\0\0\x10moov\0\0\0\x08trak"
    )
    assert find_kind(film) is PassedOverKind.FILM
    assert find_reason(film).startswith("a file of kind video")


def add_aperture(size: tuple[int, int]) -> tuple[bytes, bytes]:
    """Return an AVIF without and with a clean aperture (`clap`) of this size in its middle."""
    filler = bytes(range(28))
    plain = encode(draw(), "AVIF", quality=95, icc_profile=filler)
    box = b"\0\0\0\x28colrprof" + filler
    assert box in plain
    numbers = struct.pack(">IIIIiIiI", size[0], 1, size[1], 1, 0, 1, 0, 1)
    cropped = bytearray(plain.replace(box, b"\0\0\0\x28clap" + numbers))
    start = plain.index(b"ipco") + 4
    kinds, at = [], start
    while plain[at : at + 8][4:] != b"ipma":
        kinds.append(plain[at + 4 : at + 8])
        at += int.from_bytes(plain[at : at + 4])
    place = 1 + kinds.index(b"colr")
    first = at + 8 + 4 + 4 + 2 + 1
    for one in range(first, first + plain[first - 1]):
        if plain[one] & 0x7F == place:
            cropped[one] = place | 0x80  # essential
    return plain, bytes(cropped)


@pytest.mark.parametrize("size", [(120, 80), (238, 160)])
def test_an_avif_is_cropped_to_its_clean_aperture(size: tuple[int, int]) -> None:
    plain, cropped = add_aperture(size)
    opened = open_image(cropped, path="photo")
    left, top = (240 - size[0]) // 2, (160 - size[1]) // 2
    assert (opened.width, opened.height) == size
    inside = read(plain)[top : top + size[1], left : left + size[0]]
    assert np.array_equal(opened.pixels, inside)
