"""Regions written into an XMP packet are read again, and everything else in it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.errors import UnreadableXmp
from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.packet_elements import normalise_packet, parse_packet
from cluster.core.xmp.region_places import Picture
from cluster.core.xmp.region_reading import NamedRegion, clean_name, read_regions
from cluster.core.xmp.region_writing import edit_packet, is_own_packet, write_packet
from tests.unit.region_packets import BOX, FORMS, PICTURE, item, packet, regions

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
