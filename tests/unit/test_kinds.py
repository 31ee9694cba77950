"""If the name of a file does not tell its kind, the structure of its header does."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cluster.core.files.formats import RAW_TIFF
from cluster.core.files.passed_over import PassedOver, PassedOverKind
from cluster.core.files.suffixes import is_photo_name
from cluster.vision.sources.file_kinds import find_format, find_kind, guess_format
from cluster.vision.sources.headers import HEAD_BYTES
from cluster.vision.sources.library_walk import walk_photos

Kind = PassedOverKind
pillow_heif.register_heif_opener()

WRITTEN = [
    *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
    *(("PNG", mode) for mode in ("RGB", "L", "1", "P")),
    *(("GIF", mode) for mode in ("P", "L", "1")),
    *(("BMP", mode) for mode in ("RGB", "L", "1")),
    *(("TIFF", mode) for mode in ("RGB", "L", "1")),
    *(("WEBP", "RGB"), ("HEIF", "RGB"), ("AVIF", "RGB"), ("JPEG2000", "RGB")),
]


def encode(format_: str, mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(buffer, format_)
    return buffer.getvalue()


def media(*brands: bytes) -> bytes:
    """The beginning of an ISO media file: its major brand, then the compatible ones."""
    box = brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", 8 + len(box)) + b"ftyp" + box + bytes(64)


def tiff(*tags: tuple[int, int], order: str = "<") -> bytes:
    """A TIFF whose directory holds these tags, each with one 32-bit value."""
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(f"{order}HIH", 42, 8, len(tags)) + entries + bytes(64)


@pytest.mark.parametrize(("format_", "mode"), WRITTEN)
@pytest.mark.parametrize("size", [(64, 48), (700, 500)])
def test_pictures_are_told_from_their_first_bytes(
    format_: str, mode: str, size: tuple[int, int]
) -> None:
    assert find_kind(encode(format_, mode, size)[:HEAD_BYTES]) is None


@pytest.mark.parametrize("brand", ["heic", "heim", "heis", "hevc", "hevx", "msf1", "avif", "avis"])
def test_any_brand_of_a_picture_makes_one(brand: str) -> None:
    assert find_kind(media(brand.encode())) is None
    assert find_kind(media(b"1pic", b"xxxx", brand.encode())) is None
    assert find_kind(media(b"xxxx", brand.encode())) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_is_told_from_a_raw_one(order: str) -> None:
    plain = ((256, 64), (257, 48), (259, 1), (262, 2))
    nef = ((254, 1), (256, 160), (257, 120), (271, 8), (330, 9))
    assert find_format(tiff(*plain, order=order)) is not RAW_TIFF
    for raw in ((*plain, (50706, 1)), ((256, 64), (262, 32803)), ((256, 64), (259, 34713)), nef):
        head = tiff(*raw, order=order)
        assert find_kind(head) is None
        assert find_format(head) is guess_format(head) is RAW_TIFF


@pytest.mark.parametrize(
    "head",
    [
        b"II*\0\x10\0\0\0CR\x02\0" + bytes(4) + tiff((256, 64))[8:],
        media(b"crx ", b"isom"),
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FOVb\0\0\x02\0",
        b"II\x1a\0\0\0HEAPCCDR",
    ],
)
def test_a_raw_file_is_a_photo_whatever_its_name(head: bytes) -> None:
    found = find_format(head)
    assert found is not None
    assert found.is_raw
    assert find_kind(head) is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (media(b"qt  "), Kind.FILM),
        (media(b"mp42", b"isom"), Kind.FILM),
        (b"RIFF\0\0\0\0AVI LIST", Kind.FILM),
        (b"\x1aE\xdf\xa3\x01\0\0\0", Kind.FILM),
        (b"\0\0\x01\xba\x44", Kind.FILM),
        ((b"G" + bytes(187)) * 5, Kind.FILM),
        (media(b"M4A "), Kind.AUDIO),
        (b"ID3\x03\0", Kind.AUDIO),
        (b"RIFF\0\0\0\0WAVEfmt ", Kind.AUDIO),
        (b"PK\x03\x04\x14\0", Kind.ARCHIVE),
        (b"\x1f\x8b\x08\0", Kind.ARCHIVE),
        (b"%PDF-1.7\n", Kind.DOCUMENT),
        (b"Dear Anna,\n", Kind.DOCUMENT),
        ("Grüße, 名前".encode()[:-1], Kind.DOCUMENT),
        (b"\xff\xfeB\0M\0", Kind.DOCUMENT),
        (b"", Kind.OTHER),
        (bytes(100), Kind.OTHER),
    ],
)
def test_what_is_no_picture_has_its_kind(head: bytes, kind: PassedOverKind) -> None:
    assert find_kind(head) is kind


@pytest.mark.parametrize(
    "start",
    [
        b"BM",
        b"BMW 320: oil change\n",
        b"GIF8",
        b"GIF89a is a format of 1989, and; !an old one\n",
        b"II*",
        b"MM",
        b"RIFF and others",
        b"P6 is a bus\n",
        b"8BPS",
    ],
)
def test_text_that_begins_like_a_picture_is_text(start: bytes) -> None:
    for length in (0, 20, 1000):
        assert find_kind(start + b"more, words; and! " * length) is Kind.DOCUMENT


@given(start=st.sampled_from([b"", b"BM", b"GIF89a", b"RIFF", b"MM", b"II"]), text=st.text())
def test_no_text_is_ever_a_photo(start: bytes, text: str) -> None:
    words = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
    assert find_kind((start + words.encode())[:HEAD_BYTES]) is not None


@given(head=st.binary(max_size=200), start=st.sampled_from([b"", b"II*\0", b"MM\0*", b"GIF89a"]))
def test_no_content_is_too_strange(head: bytes, start: bytes) -> None:
    find_kind(start + head)


@pytest.mark.parametrize(
    "name",
    [
        "photo",
        "IMG.0001",
        "photo.jpeg.1",
        "photo.jpg_large",
        "photo.jpg~",
        "photo.jpg ",
        "Party 12.05.2024",
        "Screenshot 2020-05-01 at 10.00.00",
    ],
)
def test_a_name_that_says_nothing_leaves_it_to_the_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(encode("JPEG"))
    (tmp_path / f"not a {name}").write_bytes(b"BM: beware of the dog\n")
    passed_over = PassedOver()
    (found,) = walk_photos(str(tmp_path), passed_over=passed_over)
    assert found.path == str(tmp_path / name)
    assert passed_over.to_json() == {"document": 1}


def test_every_shared_photo_is_told_by_its_content_too(shared_dir: Path) -> None:
    suffixes = (".jpg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".avif")
    for folder in ("camera", "formats", "group"):
        for path in (shared_dir / "photos" / folder).rglob("*"):
            if path.suffix.lower() in suffixes and is_photo_name(path.name):
                with path.open("rb") as file:
                    assert find_kind(file.read(HEAD_BYTES)) is None, path
