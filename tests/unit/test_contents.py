"""A picture's digest follows its pixels: no metadata changes it, and every other picture does."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.data import astronaut

from cluster.vision.photos.images import open_image
from cluster.vision.relations.content_digests import digest_content

PICTURE = Image.fromarray(astronaut()[:240, :320])
OTHER = Image.fromarray(astronaut()[1:241, :320])
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encode(kind: str, picture: Image.Image = PICTURE, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def digest(data: bytes) -> bytes:
    return digest_content(data, open_image(data, path="picture", long_side_px=640))


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "A description"
    return tags.tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


JPEG, PNG, WEBP = encode("JPEG"), encode("PNG"), encode("WEBP")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "GIF", "BMP"])
def test_another_picture_has_another_digest(kind: str) -> None:
    one, other = digest(encode(kind)), digest(encode(kind, OTHER))
    assert len(one) == 32
    assert one == digest(encode(kind))
    assert one != other


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_writing_exif_changes_no_digest(kind: str, orientation: int) -> None:
    """For AVIF, Pillow turns the tag into irot and imir; libheif turns a HEIC itself."""
    if kind == "HEIF" and orientation != 1:
        pytest.skip("pillow-heif writes the orientation as irot and imir, which libheif applies")
    assert digest(encode(kind, exif=exif(orientation))) == digest(encode(kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_writing_a_profile_of_colours_changes_no_digest(kind: str) -> None:
    assert digest(encode(kind, icc_profile=ICC)) == digest(encode(kind))


ADDED: dict[str, Callable[[bytes], bytes]] = {
    "xmp": lambda data: segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>") + data,
    "iptc": lambda data: segment(0xED, b"Photoshop 3.0\x008BIM" + bytes(20)) + data,
    "a thumbnail": lambda data: segment(0xE1, b"Exif\0\0" + JPEG[:2000]) + data,
    "a comment": lambda data: segment(0xFE, b"made by hand") + data,
    "fill bytes": lambda data: b"\xff\xff\xff" + data,
    "a trailer": lambda data: data + b"MotionPhoto_Data" + JPEG,
    "fill before the end": lambda data: data[:-2] + b"\xff\xff" + data[-2:],
    "no end": lambda data: data[:-2],
}


@pytest.mark.parametrize("what", ADDED)
def test_what_is_put_into_a_jpeg_changes_no_digest(what: str) -> None:
    assert digest(JPEG[:2] + ADDED[what](JPEG[2:])) == digest(JPEG)


def test_a_jpeg_without_its_jfif_header_keeps_its_digest() -> None:
    size = struct.unpack(">H", JPEG[4:6])[0]
    assert JPEG[6:10] == b"JFIF"
    assert digest(JPEG[:2] + JPEG[4 + size :]) == digest(JPEG)


def test_tables_may_stand_in_another_order() -> None:
    """Some tools write all tables into one segment, others write a segment for each."""
    size = struct.unpack(">H", JPEG[4:6])[0]
    at = 4 + size
    first, second = JPEG[at : at + 69], JPEG[at + 69 : at + 138]
    assert first[:2] == second[:2] == b"\xff\xdb"
    merged = segment(0xDB, second[4:] + first[4:])
    assert digest(JPEG[:at] + merged + JPEG[at + 138 :]) == digest(JPEG)


def test_adobes_mark_decides_about_colours() -> None:
    """Without JFIF's segment, a decoder takes the components as RGB if Adobe's segment says so."""
    size = struct.unpack(">H", JPEG[4:6])[0]
    plain = JPEG[:2] + JPEG[4 + size :]
    mark = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    assert digest(plain[:2] + mark + plain[2:]) != digest(plain)


@pytest.mark.parametrize("quality", [30, 95])
def test_a_progressive_jpeg_is_digested_to_its_last_scan(quality: int) -> None:
    data = encode("JPEG", progressive=True, quality=quality)
    changed = data[:-40] + bytes([data[-40] ^ 0x10]) + data[-39:]
    assert digest(segment_after_start(data)) == digest(data)
    assert digest(changed) != digest(data)


def segment_after_start(data: bytes) -> bytes:
    return data[:2] + segment(0xE5, b"anything") + data[2:]


def test_only_the_first_picture_of_several_counts() -> None:
    out = io.BytesIO()
    PICTURE.save(out, "MPO", save_all=True, append_images=[OTHER])
    other = io.BytesIO()
    PICTURE.save(other, "MPO", save_all=True, append_images=[PICTURE])
    assert digest(out.getvalue()) == digest(other.getvalue()) == digest(JPEG)


def test_a_png_may_be_cut_into_other_chunks() -> None:
    start = PNG.index(b"IDAT") - 4
    size = struct.unpack(">I", PNG[start : start + 4])[0]
    pixels = PNG[start + 8 : start + 8 + size]
    cut = b"".join(chunk(b"IDAT", pixels[n : n + 999]) for n in range(0, len(pixels), 999))
    text = chunk(b"tEXt", b"Comment\0hello") + chunk(b"gAMA", struct.pack(">I", 45455))
    assert digest(PNG[:start] + text + cut + PNG[start + 12 + size :]) == digest(PNG)


def test_transparency_decides_about_a_png() -> None:
    start = PNG.index(b"IDAT") - 4
    colour = np.asarray(PICTURE)[0, 0]
    clear = chunk(b"tRNS", struct.pack(">HHH", *(int(one) for one in colour)))
    assert digest(PNG[:start] + clear + PNG[start:]) != digest(PNG)


def test_the_first_frame_of_a_webp_counts() -> None:
    pictures = [encode("WEBP", save_all=True, append_images=[frame]) for frame in (OTHER, PICTURE)]
    assert digest(pictures[0]) != digest(encode("WEBP", OTHER, save_all=True))


def test_an_alpha_channel_decides_about_a_webp() -> None:
    clear = PICTURE.copy()
    clear.putalpha(
        Image.fromarray(np.tile(np.arange(320, dtype=np.uint16) // 2, (240, 1)).astype(np.uint8))
    )
    assert digest(encode("WEBP", clear)) != digest(WEBP)


def test_the_same_pixels_in_another_kind_have_another_digest() -> None:
    assert digest(PNG) != digest(encode("WEBP", lossless=True))
    assert digest(encode("TIFF")) == digest(encode("BMP")), "both are digested as decoded"


@pytest.mark.parametrize("data", [JPEG[:20], PNG[:40], WEBP[:12], b""])
def test_what_cannot_be_walked_is_digested_as_it_was_decoded(data: bytes) -> None:
    image = open_image(encode("BMP"), path="picture")
    assert digest_content(data, image) == digest(encode("BMP"))
