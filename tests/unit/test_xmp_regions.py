"""Face regions in XMP are read as all programs write them, and no packet harms the reader."""

from __future__ import annotations

import pytest

from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.packet_elements import MAX_PACKET_BYTES
from cluster.core.xmp.region_choices import Group, Wish, choose_names
from cluster.core.xmp.region_matching import match_regions
from cluster.core.xmp.region_places import Frame, Picture, find_frame, make_stored, make_upright
from cluster.core.xmp.region_reading import NamedRegion, read_packet, read_regions
from cluster.core.xmp.region_writing import edit_packet, write_packet
from cluster.core.xmp.sidecar_names import list_sidecars, name_mirrors
from tests.unit.region_packets import BOX, FORMS, PICTURE, item, packet, regions


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
