"""One table of formats: discovery and reading recognise a file by the same row."""

from __future__ import annotations

import io
import struct

import pillow_heif
import pytest
from PIL import Image

from cluster.core.errors import UnreadableImage
from cluster.core.files.formats import FORMATS, RAW_TIFF, Format, Signature
from cluster.core.files.suffixes import find_kind_of_name, is_photo_name
from cluster.vision.photos.content_names import describe_stranger, find_read_format
from cluster.vision.photos.images import open_image
from cluster.vision.sources.file_kinds import find_format, find_kind, guess_format
from cluster.vision.sources.headers import HEAD_BYTES

pillow_heif.register_heif_opener()

SUFFIXES = [(row, suffix) for row in FORMATS for suffix in sorted(row.suffixes)]
BRANDS = [(row, brand) for row in FORMATS for brand in sorted(row.brands)]
MAJOR_BRANDS = [(row, brand) for row in FORMATS for brand in sorted(row.major_brands)]
SIGNATURES = [(row, one) for row in FORMATS for one in row.signatures]
READ = [row for row in FORMATS if row.is_read]


def encode(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(out, kind, **options)
    return out.getvalue()


HEADS = {  # The bytes that weak signatures need, because other files may begin like these too.
    b"\xff\xd8\xff": encode("JPEG"),
    b"BM": encode("BMP"),
    b"WEBP": encode("WEBP"),
    b"GIF87a": encode("GIF"),
    b"GIF89a": b"GIF89a" + encode("GIF")[6:],
    b"II*\0": encode("TIFF"),
    b"MM\0*": b"MM\0*" + struct.pack(">IHHHII", 8, 1, 256, 4, 1, 64) + bytes(64),
    **{mark: mark + b"\n64 48\n255\n" for mark in (b"P4", b"P5", b"P6")},
    **{mark: mark + b"\n64 48\n-1.0\n" for mark in (b"PF", b"Pf")},
    b"P7": b"P7\nWIDTH 64\nHEIGHT 48\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
}


def head_with(signature: Signature) -> bytes:
    """The first bytes of a file with this signature."""
    made = bytes(signature.at) + signature.mark + bytes(64)
    return HEADS.get(signature.mark, made)[:HEAD_BYTES]


def media(*brands: bytes) -> bytes:
    box = brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", 8 + len(box)) + b"ftyp" + box + bytes(64)


def ids(case: object) -> str | None:
    return case.name if isinstance(case, Format) else None


def check_both_know(row: Format, head: bytes) -> None:
    """Check that discovery and reading find the same format, and handle the file accordingly."""
    assert find_format(head) is row
    assert guess_format(head) is row
    assert find_kind(head) is row.kind
    if row.is_read:
        assert find_read_format(head) is row
    else:
        assert find_read_format(head) is None
        assert f"of kind {row.name};" in describe_stranger(head)


@pytest.mark.parametrize(("row", "suffix"), SUFFIXES, ids=ids)
def test_a_suffix_tells_what_becomes_of_a_file(row: Format, suffix: str) -> None:
    for name in (f"a{suffix}", f"a{suffix.upper()}"):
        assert is_photo_name(name) is (row.kind is None)
        assert find_kind_of_name(name) is row.kind


def test_no_suffix_and_no_brand_is_in_two_rows() -> None:
    for found in (SUFFIXES, BRANDS, MAJOR_BRANDS):
        words = [word for _, word in found]
        assert len(words) == len(set(words))


def test_every_name_is_in_one_row() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize(("row", "signature"), SIGNATURES, ids=ids)
def test_a_signature_is_known_to_discovery_and_to_reading(
    row: Format, signature: Signature
) -> None:
    head = head_with(signature)
    if signature.decides:
        check_both_know(row, head)
    else:
        assert guess_format(head) is row


@pytest.mark.parametrize(("row", "brand"), BRANDS, ids=ids)
def test_a_brand_is_known_to_discovery_and_to_reading_wherever_it_stands(
    row: Format, brand: bytes
) -> None:
    for head in (media(brand), media(b"xxxx", brand), media(b"xxxx", b"isom", brand)):
        check_both_know(row, head)


@pytest.mark.parametrize(("row", "brand"), MAJOR_BRANDS, ids=ids)
def test_a_major_brand_counts_only_as_the_first(row: Format, brand: bytes) -> None:
    check_both_know(row, media(brand, b"isom"))
    assert find_format(media(b"isom", brand)) is not row


def test_a_raw_photo_that_lists_brands_of_pictures_is_raw() -> None:
    for head in (media(b"crx ", b"heic"), media(b"heic", b"crx ")):
        found = find_read_format(head)
        assert found is not None
        assert (found.name, found.is_raw) == ("Canon raw", True)
        assert find_kind(head) is None


@pytest.mark.parametrize(("kind", "name"), [("HEIF", "HEIC"), ("AVIF", "AVIF")])
def test_a_picture_is_read_whatever_its_major_brand(kind: str, name: str) -> None:
    data = encode(kind)
    coded = {brand for brand in next(row for row in READ if row.name == name).brands}
    others = {brand for row in READ for brand in row.brands if row.name == "HEIC"}
    generic = {brand for brand in others if brand[:3] not in (b"hei", b"hev")}
    for brand in generic | {b"xxxx"} | (coded - {b"avis"}):
        opened = open_image(data[:8] + brand + data[12:], path="photo")
        assert (opened.width, opened.height) == (64, 48)


def test_a_big_tiff_is_taken_in_either_byte_order_and_read_in_the_usual_one() -> None:
    """Pillow cannot read a big-endian one; the error says that the file is a TIFF."""
    little = encode("TIFF", big_tiff=True)
    assert find_kind(little[:HEAD_BYTES]) is None
    assert open_image(little, path="photo").width == 64
    big = b"MM\0+" + struct.pack(">HHQ", 8, 0, 16) + bytes(100)
    assert find_kind(big) is None
    with pytest.raises(UnreadableImage, match="a TIFF by its first bytes"):
        open_image(big, path="photo")


def test_every_row_that_is_read_can_be_told_by_its_content() -> None:
    assert all(row.signatures or row.brands for row in READ if row is not RAW_TIFF)


def test_what_is_read_is_said_in_one_sentence() -> None:
    said = describe_stranger(b"%PDF-1.7")
    assert said == (
        "a file of kind PDF; photos are read from JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, "
        "JPEG XL, JPEG 2000, PSD, PNM and camera raw"
    )
