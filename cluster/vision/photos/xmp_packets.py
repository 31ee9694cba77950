"""Finds the XMP packets in a photo, and writes one into a JPEG without changing its picture.

JPEG: APP1 segments, with the extended XMP of Adobe's XMP Specification Part 3 (1.1.3.1). PNG: the
iTXt chunk of that name. WebP: the chunk "XMP ". TIFF, HEIC and AVIF: as Pillow finds it. Only
segment headers are read on the way, and no pixel is decoded.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image

import cluster.vision.photos.images  # noqa: F401 (it registers Pillow's plugins)
from cluster.core.errors import UnreadableXmp
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES
from cluster.vision.containers import png_chunks, webp_chunks
from cluster.vision.photos.content_names import READ_FORMATS
from cluster.vision.photos.metadata import PILLOW_ERRORS

STANDARD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
MAX_SEGMENT_BYTES = 0xFFFF - 2

_APP0, _APP1, _APP2, _SOS, _EOI, _FILL = 0xE0, 0xE1, 0xE2, 0xDA, 0xD9, 0xFF
_ALONE = {0x01, *range(0xD0, 0xD8)}
_PNG_XMP = b"XML:com.adobe.xmp\0"
_XMP_TAG = 700
MAX_SEGMENTS = 20_000
MOST_PACKETS = 8
"""The most packets of a PNG or WebP, which should have one. Thousands of compressed packets would
fill the memory."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a JPEG before its pixels: marker, offsets including the marker, and content."""

    marker: int
    start: int
    end: int
    content: bytes


@dataclass
class _Extension:
    """The pieces of an extended packet, by their place in it."""

    length: int
    pieces: dict[int, bytes] = field(default_factory=dict)

    def assemble(self) -> bytes | None:
        """Return the packet; None if a piece is missing or the packet is too long."""
        whole = b"".join(piece for _, piece in sorted(self.pieces.items()))
        return whole if len(whole) == self.length <= MAX_PACKET_BYTES else None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The XMP packets of a photo, unparsed.

    `turned` is the orientation of a HEIC before its reader turned it, which the reader does not
    keep.
    """

    packets: tuple[bytes, ...] = ()
    turned: int | None = None


def read_packets(file: BinaryIO) -> Embedded:
    """Return the XMP packets of a photo; none for a damaged file.

    `file` must be seekable and at its beginning.
    """
    head = file.read(12)
    file.seek(0)
    try:
        if head.startswith(b"\xff\xd8"):
            return Embedded(tuple(_read_jpeg(file)))
        if head.startswith(png_chunks.SIGNATURE):
            return Embedded(tuple(_read_png(file)))
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return Embedded(tuple(_read_webp(file)))
        return _read_by_pillow(file)
    except PILLOW_ERRORS:
        return Embedded()


def put_packet(data: bytes, packet: bytes) -> bytes:
    """Return a JPEG with this packet in place of its own; all other bytes stay.

    Raises UnreadableXmp if this would do harm: the packet is too long for a segment, the photo has
    extended XMP, or other pictures behind it would move.
    """
    content = STANDARD + packet
    if len(content) > MAX_SEGMENT_BYTES:
        raise UnreadableXmp("it would not fit into the photo")
    segments = list(list_segments(io.BytesIO(data)))
    if not segments:
        raise UnreadableXmp("the photo is not a complete JPEG")
    if any(_is(one, EXTENDED) for one in segments):
        raise UnreadableXmp("the photo has extended XMP, which would no longer fit")
    old = [one for one in segments if _is(one, STANDARD)]
    if len(old) > 1:
        raise UnreadableXmp("the photo has several packets")
    start = old[0].start if old else _find_place(segments)
    end = old[0].end if old else start
    pictures = [
        one.start for one in segments if one.marker == _APP2 and one.content[:4] == b"MPF\0"
    ]
    if any(at < start for at in pictures):
        raise UnreadableXmp("the photo holds further pictures, which would no longer be found")
    size = struct.pack(">H", len(content) + 2)
    return b"".join((data[:start], b"\xff\xe1", size, content, data[end:]))


def find_packet(data: bytes) -> bytes | None:
    """Return the packet in the APP1 segment of a JPEG, or None."""
    segments = (one for one in list_segments(io.BytesIO(data)) if _is(one, STANDARD))
    return next((one.content[len(STANDARD) :] for one in segments), None)


def list_segments(file: BinaryIO) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to its pixels, APP0 to APP2 with their contents."""
    file.seek(2)
    for _ in range(MAX_SEGMENTS):
        start = file.tell()
        marker = _read_marker(file)
        if marker is None or marker in (_SOS, _EOI):
            return
        if marker in _ALONE:
            continue
        size = file.read(2)
        length = int.from_bytes(size, "big") - 2
        if len(size) < 2 or length < 0:
            return
        begin = file.tell()
        content = file.read(length) if marker in (_APP0, _APP1, _APP2) else b""
        if content and len(content) < length:
            return
        file.seek(begin + length)
        yield Segment(marker, start, begin + length, content)


def _read_marker(file: BinaryIO) -> int | None:
    """Return the next marker after fill bytes; None if there is none."""
    if file.read(1) != b"\xff":
        return None
    while (byte := file.read(1)) == b"\xff":
        pass
    return byte[0] if byte else None


def _is(segment: Segment, signature: bytes) -> bool:
    return segment.marker == _APP1 and segment.content.startswith(signature)


def _find_place(segments: list[Segment]) -> int:
    """Return the place of a new packet: after JFIF and EXIF, which must come first."""
    place = segments[0].start
    for one in segments:
        is_first = one.marker == _APP0 or (
            one.marker == _APP1 and one.content.startswith(b"Exif\0")
        )
        if not is_first:
            break
        place = one.end
    return place


def _read_jpeg(file: BinaryIO) -> list[bytes]:
    packets: list[bytes] = []
    extensions: dict[bytes, _Extension] = {}
    for one in list_segments(file):
        if _is(one, STANDARD):
            packets.append(one.content[len(STANDARD) :])
        elif _is(one, EXTENDED):
            at = len(EXTENDED)
            guid, (length, offset) = (
                one.content[at : at + 32],
                struct.unpack(">II", one.content[at + 32 : at + 40]),
            )
            extension = extensions.setdefault(guid, _Extension(length))
            extension.pieces[offset] = one.content[at + 40 :]
    for guid, extension in extensions.items():
        # An extension without an announcement is a leftover of another program.
        whole = extension.assemble()
        if whole is not None and any(guid in packet for packet in packets):
            packets.append(whole)
    return packets


def _read_png(file: BinaryIO) -> list[bytes]:
    texts = png_chunks.read_chunks(file, b"iTXt", max_bytes=MAX_PACKET_BYTES)
    return list(itertools.islice((one for text in texts for one in _read_itxt(text)), MOST_PACKETS))


def _read_itxt(content: bytes) -> Iterator[bytes]:
    if not content.startswith(_PNG_XMP):
        return
    is_compressed = content[len(_PNG_XMP)] == 1
    # The language and the translated keyword each end with a zero byte.
    text = content[len(_PNG_XMP) + 2 :].split(b"\0", 2)[2]
    yield zlib.decompressobj().decompress(text, MAX_PACKET_BYTES) if is_compressed else text


def _read_webp(file: BinaryIO) -> list[bytes]:
    packets = webp_chunks.read_chunks(file, b"XMP ", max_bytes=MAX_PACKET_BYTES)
    return list(itertools.islice(packets, MOST_PACKETS))


def _read_by_pillow(file: BinaryIO) -> Embedded:
    with Image.open(file, formats=READ_FORMATS) as image:
        found = [image.info.get("xmp"), getattr(image, "tag_v2", {}).get(_XMP_TAG)]
        turned = image.info.get("original_orientation")
    packets = dict.fromkeys(bytes(one) for one in found if isinstance(one, bytes | bytearray))
    return Embedded(tuple(packets), turned if turned in range(1, 9) else None)
