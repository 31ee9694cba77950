"""Face regions in XMP: every way in which programs write them, and every way to attack a reader."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cluster.core.errors import UnreadableXmp
from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES, normalise_packet, parse_packet
from cluster.core.xmp.region_choices import Group, Wish, choose_names
from cluster.core.xmp.region_matching import match_regions
from cluster.core.xmp.region_places import Frame, Picture, find_frame, make_stored, make_upright
from cluster.core.xmp.region_reading import NamedRegion, clean_name, read_packet, read_regions
from cluster.core.xmp.region_writing import edit_packet, is_own_packet, write_packet
from cluster.core.xmp.sidecar_names import list_sidecars, name_mirrors
from cluster.vision.photos.xmp_packets import find_packet, put_packet, read_packets

PICTURE = Picture(400, 300)
BOX = BoundingBox(0.1, 0.2, 0.3, 0.5)

HEAD = """<x:xmpmeta xmlns:x="adobe:ns:meta/"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"
  xmlns:d="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
  xmlns:a="http://ns.adobe.com/xmp/sType/Area#"
  xmlns:MP="http://ns.microsoft.com/photo/1.2/"
  xmlns:i="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
  xmlns:m="http://ns.microsoft.com/photo/1.2/t/Region#"><rdf:RDF>"""
TAIL = "</rdf:RDF></x:xmpmeta>"
AREA = 'a:x="0.2" a:y="0.35" a:w="0.2" a:h="0.3" a:unit="normalized"'
AREA_ELEMENTS = "<a:x>0.2</a:x><a:y>0.35</a:y><a:w>0.2</a:w><a:h>0.3</a:h>"
SIZE = '<r:AppliedToDimensions d:w="400" d:h="300" d:unit="pixel"/>'


def packet(body: str) -> bytes:
    return (HEAD + body + TAIL).encode()


def regions(items: str, *, size: str = SIZE) -> bytes:
    """A packet with these rdf:li elements."""
    return packet(
        f'<rdf:Description rdf:about=""><r:Regions rdf:parseType="Resource">{size}<r:RegionList>'
        f"<rdf:Bag>{items}</rdf:Bag></r:RegionList></r:Regions></rdf:Description>"
    )


def item(name: str = "Ann", kind: str = "Face", area: str = AREA) -> str:
    inner = f'<rdf:Description r:Name="{name}" r:Type="{kind}"><r:Area {area}/></rdf:Description>'
    return f"<rdf:li>{inner}</rdf:li>"


FORMS = {
    "attributes in a description (digiKam, Picasa)": regions(item()),
    "parseType Resource with elements (exiftool)": regions(
        '<rdf:li rdf:parseType="Resource"><r:Area rdf:parseType="Resource">'
        f"{AREA_ELEMENTS}<a:unit>normalized</a:unit></r:Area><r:Name>Ann</r:Name>"
        "<r:Type>Face</r:Type></rdf:li>"
    ),
    "a description in each place (Lightroom)": packet(
        '<rdf:Description rdf:about=""><r:Regions><rdf:Description>'
        '<r:AppliedToDimensions><rdf:Description d:w="400" d:h="300" d:unit="pixel"/>'
        "</r:AppliedToDimensions><r:RegionList><rdf:Seq><rdf:li><rdf:Description>"
        f"<r:Area><rdf:Description>{AREA_ELEMENTS}</rdf:Description></r:Area>"
        "<r:Name>Ann</r:Name><r:Type>Face</r:Type></rdf:Description></rdf:li></rdf:Seq>"
        "</r:RegionList></rdf:Description></r:Regions></rdf:Description>"
    ),
    "attributes of the item itself": regions(
        f'<rdf:li r:Name="Ann" r:Type="Face" rdf:parseType="Resource"><r:Area {AREA}/></rdf:li>'
    ),
    "without rdf:Description around it": packet(
        f'<rdf:Description><r:Regions r:x="1"><rdf:Description><r:RegionList><rdf:Bag>{item()}'
        "</rdf:Bag></r:RegionList></rdf:Description></r:Regions></rdf:Description>"
    ),
    "a language for the name": regions(
        f'<rdf:li rdf:parseType="Resource"><r:Name xml:lang="en"> Ann\n</r:Name><r:Area {AREA}/>'
        "</rdf:li>"
    ),
    "pixels": regions(
        item(area='a:x="80" a:y="105" a:w="80" a:h="90" a:unit="pixel"'),
    ),
    "Microsoft, elements": packet(
        '<rdf:Description><MP:RegionInfo rdf:parseType="Resource"><i:Regions><rdf:Bag>'
        '<rdf:li rdf:parseType="Resource"><m:Rectangle>0.1, 0.2, 0.2, 0.3</m:Rectangle>'
        "<m:PersonDisplayName>Ann</m:PersonDisplayName></rdf:li></rdf:Bag></i:Regions>"
        "</MP:RegionInfo></rdf:Description>"
    ),
    "Microsoft, attributes": packet(
        "<rdf:Description><MP:RegionInfo><rdf:Description><i:Regions><rdf:Bag>"
        '<rdf:li><rdf:Description m:Rectangle="0.1,0.2,0.2,0.3" m:PersonDisplayName="Ann" '
        'm:PersonEmailDigest=""/></rdf:li></rdf:Bag></i:Regions></rdf:Description>'
        "</MP:RegionInfo></rdf:Description>"
    ),
    "rdf:RDF alone": b"<rdf:RDF" + regions(item()).split(b"<x:xmpmeta", 1)[1]
    .replace(b"><rdf:RDF>", b">", 1)
    .replace(b"xmlns:x=", b"xmlns:y=", 1)
    .replace(b"</x:xmpmeta>", b""),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_region_is_read_however_it_is_written(form: str) -> None:
    found = read_regions([FORMS[form]], PICTURE)
    assert found.faults == ()
    ((name, box),) = [(one.name, one.box) for one in found.regions]
    assert name == "Ann"
    assert box.overlap(BOX) > 0.999


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("schema", ["mwg", "mp"])
def test_a_region_is_in_the_same_place_in_each_orientation(orientation: int, schema: str) -> None:
    picture = Picture(400, 300, orientation)
    stored = make_stored(BOX, orientation)
    whole = write_packet([NamedRegion("Ann", BOX)], picture).decode()
    cut = ("<MP:RegionInfo", "</MP:RegionInfo>") if schema == "mwg" else ("<mwg-rs:R", "s:Regions>")
    start, end = whole.index(cut[0]), whole.index(cut[1]) + len(cut[1])
    alone = (whole[:start] + whole[end:]).encode()
    (written,) = read_packet(alone).regions
    assert written.box.overlap(stored) > 0.999
    (read,) = read_regions([alone], picture).regions
    assert read.box.overlap(BOX) >= 0.9
    assert make_upright(stored, orientation).overlap(BOX) > 0.999


def test_dimensions_tell_what_regions_were_measured_in() -> None:
    turned, upright = Picture(300, 400, 6), Picture(400, 300, 1)
    assert find_frame((400, 300), turned) is Frame.STORED
    assert find_frame((300, 400), turned) is Frame.UPRIGHT
    assert find_frame((200, 150), turned) is Frame.STORED  # Resized since.
    assert find_frame((400, 299), upright) is Frame.STORED
    assert find_frame((300, 300), upright) is Frame.OTHER  # Cropped since.
    assert find_frame((300, 400), upright) is Frame.OTHER
    assert find_frame(None, turned) is Frame.STORED
    assert find_frame((100, 100), Picture(200, 200, 6)) is Frame.STORED


def test_regions_of_a_cropped_picture_are_counted_and_left_out() -> None:
    found = read_regions([regions(item())], Picture(200, 300))
    assert (found.regions, found.cropped) == ((), 1)


def test_more_than_ten_regions_are_read() -> None:
    items = "".join(
        item(f"P{n}", area=f'a:x="{n / 50 + 0.01}" a:y="0.5" a:w="0.01" a:h="0.01"')
        for n in range(40)
    )
    found = read_regions([regions(items)], PICTURE)
    assert [one.name for one in found.regions] == [f"P{n}" for n in range(40)]


def test_only_named_faces_are_people() -> None:
    items = item(kind="Pet") + item(kind="BarCode") + item(name="  ") + item(name="x" * 201)
    found = read_regions([regions(items)], PICTURE)
    assert (found.regions, found.unnamed) == ((), 2)


@pytest.mark.parametrize(
    "area",
    [
        'a:x="NaN" a:y="0.5" a:w="0.1" a:h="0.1"',
        'a:x="1e999" a:y="0.5" a:w="0.1" a:h="0.1"',
        'a:x="0.5" a:y="0.5" a:w="0" a:h="0.1"',
        'a:x="0.5" a:y="0.5" a:w="-0.1" a:h="0.1"',
        'a:x="7" a:y="0.5" a:w="0.1" a:h="0.1"',
        'a:x="0.5" a:y="0.5"',
        'a:x="a" a:y="b" a:w="c" a:h="d"',
    ],
)
def test_a_region_that_is_no_box_is_counted(area: str) -> None:
    assert read_regions([regions(item(area=area))], PICTURE).unreadable == 1


def test_a_circle_is_the_square_around_it() -> None:
    found = read_regions([regions(item(area='a:x="0.5" a:y="0.5" a:d="0.2"'))], PICTURE)
    box = found.regions[0].box
    assert (box.width * 400, box.height * 300) == (pytest.approx(60), pytest.approx(60))


def test_the_first_packet_holds_where_two_name_one_place() -> None:
    found = read_regions([regions(item("Ann")), regions(item("Bob"))], PICTURE)
    assert [one.name for one in found.regions] == ["Ann"]


def test_rough_and_exact_boxes_of_one_face_are_one_region() -> None:
    rough = regions(item("Ann", area='a:x="0.2" a:y="0.35" a:w="0.4" a:h="0.6"'))
    found = read_regions([rough, regions(item("Ann"))], PICTURE)
    assert len(found.regions) == 1
    edited = edit_packet(rough, [NamedRegion("Ann", BOX)], PICTURE)
    assert edited.kept == ()
    assert len(read_packet(edited.packet).regions) == 2  # MWG-RS and MP.


def laugh() -> bytes:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE x [<!ENTITY l0 "lol">{lines}]>'
    return doctype.encode() + regions(item("&l9;"))


HOSTILE = {
    "billion laughs": laugh(),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    + regions(item("&e;")),
    "external document type": b'<!DOCTYPE x SYSTEM "http://localhost/x.dtd">' + regions(item()),
    "undeclared entity": regions(item("&nbsp;")),
    "too deep": packet("<r:a>" * 200 + "</r:a>" * 200),
    "too many": packet("<r:a/>" * 300_001),
    "more faces than anybody tags": regions(item() * 1_001),
    "not closed": regions(item())[:-20],
    "two roots": regions(item()) + regions(item()),
    "no root": b"<?xpacket r='http://www.metadataworkinggroup.com/schemas/regions/'?>",
    "too long": regions(item()) + b" " * MAX_PACKET_BYTES,
    "not UTF-8": regions(item("Ann")).replace(b"Ann", b"\xff\xfeAnn"),
    "half a character of UTF-16": b"\xff\xfe" + regions(item()).decode().encode("utf-16-le") + b"x",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_packet_is_a_fault_of_its_photo(attack: str) -> None:
    found = read_regions([HOSTILE[attack], regions(item("Bob"))], PICTURE)
    assert len(found.faults) == 1
    assert [one.name for one in found.regions] == ["Bob"]


@pytest.mark.parametrize(
    ("encode", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("utf-16-be", ""),
        ("utf-32", ""),
        ("utf-8", '<?xml version="1.0" encoding="UTF-16"?>'),
        ("utf-16", '<?xml version="1.0" encoding="UTF-8"?>'),
        ("iso-8859-1", '<?xml version="1.0" encoding="ISO-8859-1"?>'),
        ("cp1252", "<?xml version='1.0' encoding='windows-1252'?>"),
    ],
)
def test_a_name_is_right_whatever_the_encoding_says(encode: str, declared: str) -> None:
    text = declared + regions(item("Zoë")).decode()
    found = read_regions([text.encode(encode) + b"\0" * 8], PICTURE)
    assert [one.name for one in found.regions] == ["Zoë"]


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(clean_name)


@given(
    called=st.lists(names, min_size=1, max_size=12),
    orientation=st.integers(1, 8),
    size=st.tuples(st.integers(50, 9000), st.integers(50, 9000)),
)
def test_what_is_written_is_read_again(
    called: list[str], orientation: int, size: tuple[int, int]
) -> None:
    picture = Picture(*size, orientation)
    mine = [
        NamedRegion(name, BoundingBox(n / 12, 0.25, (n + 0.9) / 12, 0.75))
        for n, name in enumerate(called)
    ]
    whole = write_packet(mine, picture)
    found = sorted(read_regions([whole], picture).regions, key=lambda one: one.box.left)
    assert [one.name for one in found] == [clean_name(name) for name in called]
    for before, after in zip(mine, found, strict=True):
        assert after.box.overlap(before.box) > 0.99
    assert is_own_packet(whole)


def test_writing_twice_gives_the_same_bytes_and_keeps_all_else() -> None:
    theirs = packet(
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a/b">'
        "\n <!-- a comment -->\n <dc:subject><rdf:Bag><rdf:li>x &amp; y</rdf:li></rdf:Bag>"
        "</dc:subject></rdf:Description>\n "
    )
    once = edit_packet(theirs, [NamedRegion("Ann", BOX)], PICTURE).packet
    again = edit_packet(once, [NamedRegion("Ann", BOX)], PICTURE)
    assert (again.packet, again.kept) == (once, ())
    for part in (b"<!-- a comment -->", b"x &amp; y", b'dc:format="a/b"'):
        assert part in once
    other = edit_packet(once, [NamedRegion("Bob", BoundingBox(0.6, 0.6, 0.8, 0.8))], PICTURE)
    assert [one.name for one in read_regions([other.packet], PICTURE).regions] == ["Ann", "Bob"]
    assert not is_own_packet(once)


@pytest.mark.parametrize("form", FORMS)
def test_regions_of_each_form_can_be_replaced(form: str) -> None:
    edited = edit_packet(FORMS[form], [NamedRegion("Bob", BOX)], PICTURE, replaces_names=True)
    assert [one.name for one in read_regions([edited.packet], PICTURE).regions] == ["Bob"]
    kept = edit_packet(FORMS[form], [NamedRegion("Bob", BOX)], PICTURE)
    assert kept.kept == ("Ann",)
    assert [one.name for one in read_regions([kept.packet], PICTURE).regions] == ["Ann"]
    assert parse_packet(normalise_packet(edited.packet)).children


def test_regions_of_another_shape_are_not_lost_by_writing() -> None:
    with pytest.raises(UnreadableXmp, match="another shape"):
        edit_packet(regions(item()), [], Picture(200, 300))


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


def test_a_rough_box_is_that_of_the_face_in_its_middle() -> None:
    face = BoundingBox(0.4, 0.4, 0.6, 0.6)
    assert match_regions([face], [BoundingBox(0.3, 0.3, 0.7, 0.7)]) == {0: 0}
    assert match_regions([face], [BoundingBox(0.0, 0.0, 1.0, 1.0)]) == {}
    beside = BoundingBox(0.58, 0.4, 0.78, 0.6)
    assert match_regions([face, beside], [beside, face]) == {0: 1, 1: 0}


def test_a_group_gets_no_name_against_a_user() -> None:
    wishes = [Wish(0, "ann", 7), Wish(1, "ann", 7), Wish(2, "bob", 7, is_placed=True)]
    chosen = choose_names(wishes, {7: Group(9, lost_its_name=False)}, [])
    assert (dict(chosen.names), chosen.refused) == ({7: "ann"}, {2})
    lost = choose_names(wishes, {7: Group(9, lost_its_name=True)}, [])
    assert (dict(lost.names), dict(lost.moves)) == ({}, {0: "ann", 1: "ann"})
    assert dict(choose_names(wishes, {7: Group(9, lost_its_name=False)}, ["ann"]).names) == {}
    one = [Wish(0, "ann", 7)]
    assert dict(choose_names(one, {7: Group(30, lost_its_name=False)}, []).names) == {}


def test_sidecars_are_looked_for_as_programs_name_them() -> None:
    assert list_sidecars("/p.q/a.JPG", is_url=False) == [
        "/p.q/a.JPG.xmp", "/p.q/a.JPG.XMP", "/p.q/a.xmp", "/p.q/a.XMP"
    ]  # fmt: skip
    assert list_sidecars("/p.q/a", is_url=False) == ["/p.q/a.xmp", "/p.q/a.XMP"]
    assert list_sidecars("s3://b/a.jpg", is_url=True) == ["s3://b/a.jpg.xmp", "s3://b/a.xmp"]
    assert name_mirrors(["/b/x", "/a/x", "s3://c/"]) == {
        "/a/x": "x", "/b/x": "x-2", "s3://c/": "c"
    }  # fmt: skip


@pytest.mark.shared
def test_real_sidecars_are_read_and_edited_without_loss(shared_dir: Path) -> None:
    sidecars = sorted((shared_dir / "photos" / "formats").glob("*.xmp"))
    assert sidecars
    for path in sidecars:
        data = path.read_bytes()
        assert read_regions([data], PICTURE).faults == (), path
        parse_packet(normalise_packet(data))
        edited = edit_packet(data, [NamedRegion("Ann", BOX)], PICTURE).packet
        assert [one.name for one in read_regions([edited], PICTURE).regions] == ["Ann"]
        assert edit_packet(edited, [NamedRegion("Ann", BOX)], PICTURE).packet == edited
        before = data.decode().split("<rdf:RDF")[1].split("</rdf:RDF>")[0]
        assert before.rstrip() in edited.decode()
