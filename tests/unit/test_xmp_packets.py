"""XMP packets are found in each format of photos, and put into JPEGs."""

from __future__ import annotations

import io
import struct
import zlib

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cluster.core.errors import UnreadableXmp
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES
from cluster.core.xmp.region_reading import read_regions
from cluster.vision.photos.xmp_packets import find_packet, put_packet, read_packets
from tests.unit.region_packets import PICTURE, item, packet, regions


def save(kind: str, xmp: bytes) -> bytes:
    image, out = Image.new("RGB", (40, 30), "red"), io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(out, xmp=xmp)
    elif kind.startswith("PNG"):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=kind == "PNG compressed")
        image.save(out, "PNG", pnginfo=info)
    elif kind == "TIFF":
        image.save(out, "TIFF", tiffinfo={700: xmp})
    else:
        image.save(out, kind, xmp=xmp)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG compressed", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_packet_is_found_in_each_format(kind: str) -> None:
    whole = regions(item("Zoë"))
    (found,) = read_packets(io.BytesIO(save(kind, whole))).packets
    assert found.rstrip(b"\0") == whole
    assert read_packets(io.BytesIO(save(kind, whole)[:200])).packets in ((), (whole,))


def extend(data: bytes, packet: bytes, guid: bytes, *, order: int = 1, lost: int = 0) -> bytes:
    """A JPEG with extended XMP in pieces of 100 bytes."""
    signature = b"http://ns.adobe.com/xmp/extension/\0"
    pieces = []
    for at in range(0, len(packet), 100):
        content = signature + guid + struct.pack(">II", len(packet), at) + packet[at : at + 100]
        pieces.append(b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content)
    return data[:2] + b"".join(pieces[lost:][::order]) + data[2:]


def test_extended_xmp_is_read_when_it_is_whole_and_announced() -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    main = packet(
        '<rdf:Description xmlns:n="http://ns.adobe.com/xmp/note/" '
        f'n:HasExtendedXMP="{guid.decode()}"/>'
    )
    whole = regions(item("Zoë"))
    data = save("JPEG", main)
    for order in (1, -1):
        found = read_packets(io.BytesIO(extend(data, whole, guid, order=order))).packets
        assert found == (main, whole)
    assert read_packets(io.BytesIO(extend(data, whole, guid, lost=1))).packets == (main,)
    assert read_packets(io.BytesIO(extend(data, whole, guid[::-1]))).packets == (main,)
    with pytest.raises(UnreadableXmp, match="extended"):
        put_packet(extend(data, whole, guid), whole)


def test_a_compressed_packet_that_swells_is_cut() -> None:
    bomb = zlib.compress(b" " * (MAX_PACKET_BYTES * 4))
    content = b"XML:com.adobe.xmp\0\x01\0\0\0" + bomb
    chunk = struct.pack(">I4s", len(content), b"iTXt") + content + bytes(4)
    png = save("PNG", b"<a/>")
    found = read_packets(io.BytesIO(png[:33] + chunk + png[33:])).packets
    assert max(map(len, found)) <= MAX_PACKET_BYTES


def test_a_packet_is_put_into_a_jpeg_and_nothing_else_changes() -> None:
    whole = regions(item())
    image, out = Image.new("RGB", (40, 30), "red"), io.BytesIO()
    exif = Image.Exif()
    exif[271] = "maker"
    image.save(out, "JPEG", exif=exif, comment=b"mine", icc_profile=b"profile")
    data = out.getvalue()
    once = put_packet(data, whole)
    assert find_packet(once) == whole
    assert find_packet(data) is None
    assert once.replace(b"\xff\xe1" + struct.pack(">H", len(whole) + 31)
        + b"http://ns.adobe.com/xap/1.0/\0" + whole, b"") == data  # fmt: skip
    assert put_packet(once, whole) == once
    assert find_packet(put_packet(once, b"<b/>")) == b"<b/>"
    with Image.open(io.BytesIO(once)) as after, Image.open(io.BytesIO(data)) as before:
        assert after.tobytes() == before.tobytes()
        assert after.getexif()[271] == "maker"


def test_a_packet_that_does_not_fit_or_would_do_harm_is_refused() -> None:
    data = save("JPEG", b"<a/>")
    with pytest.raises(UnreadableXmp, match="fit"):
        put_packet(data, b" " * 65_510)
    pictures = b"\xff\xe2\x00\x08MPF\0" + bytes(2)
    with pytest.raises(UnreadableXmp, match="further pictures"):
        put_packet(data[:2] + pictures + data[2:], b"<b/>")
    with pytest.raises(UnreadableXmp, match="JPEG"):
        put_packet(b"\xff\xd8\xff", b"<b/>")


@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_damage_to_a_photo_is_an_error(noise: bytes, at: int) -> None:
    data = save("JPEG", regions(item()))
    read_packets(io.BytesIO(data[:at] + noise + data[at:]))
    read_packets(io.BytesIO(noise))
    read_regions([noise], PICTURE)
