"""Reads the face regions of a photo from its XMP packets: MWG-RS and Microsoft's.

MWG-RS: Guidelines for Handling Image Metadata 2.0 of the Metadata Working Group, section 5.9; a
region is its centre and size. MP: Microsoft's "People Tagging" schema; a region is its upper left
corner and size. Both are fractions of the picture.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cluster.core.errors import UnreadableXmp
from cluster.core.identity.faces import SAME_PLACE, BoundingBox
from cluster.core.identity.people import MAX_NAME_CHARACTERS
from cluster.core.xmp.packet_elements import normalise_packet, parse_packet
from cluster.core.xmp.packet_values import (
    Struct,
    Value,
    find_struct,
    find_text,
    list_structs,
    read_structs,
)
from cluster.core.xmp.region_matching import is_same_face
from cluster.core.xmp.region_places import Frame, Picture, clip, find_frame, make_upright

MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
AREA = "http://ns.adobe.com/xmp/sType/Area#"
DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
MP = "http://ns.microsoft.com/photo/1.2/"
MP_INFO = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
MP_REGION = "http://ns.microsoft.com/photo/1.2/t/Region#"
REGIONS, MP_REGIONS = f"{MWG} Regions", f"{MP} RegionInfo"

FACE = "Face"
MOST_REGIONS = 500
"""More faces than anybody tags in a photo. Without a limit, a packet of a few MB could keep a core
busy for days, because each region is compared with all others."""


@dataclass(frozen=True, slots=True)
class WrittenRegion:
    """A region as written: a box in fractions of the picture in which it was measured.

    `kind` is the type of MWG-RS; Face for a region of MP or one without a type.
    """

    name: str | None
    box: BoundingBox
    kind: str = FACE
    description: str | None = None


@dataclass(slots=True)
class WrittenRegions:
    """The regions of one packet, the size of their picture, and the number of unreadable boxes."""

    regions: list[WrittenRegion] = field(default_factory=list)
    applied: tuple[float, float] | None = None
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class NamedRegion:
    """A name, and the box of a face in fractions of the upright picture."""

    name: str
    box: BoundingBox


@dataclass(frozen=True, slots=True)
class PhotoRegions:
    """The named faces of a photo, and the number of regions that were left out, by reason.

    `unnamed` regions have no valid name. `cropped` ones were measured in a picture of another
    shape. `unreadable` ones have no valid box. `faults` are the reasons why whole packets could not
    be read.
    """

    regions: tuple[NamedRegion, ...] = ()
    unnamed: int = 0
    cropped: int = 0
    unreadable: int = 0
    faults: tuple[str, ...] = ()


def read_regions(packets: Sequence[bytes], picture: Picture) -> PhotoRegions:
    """Return the named faces of all packets of a photo.

    If two regions are in the same place, the one of the earlier packet counts.
    """
    named: list[NamedRegion] = []
    unnamed = cropped = unreadable = 0
    faults: list[str] = []
    for packet in packets:
        try:
            written = read_packet(packet)
        except UnreadableXmp as error:
            faults.append(error.reason)
            continue
        unreadable += written.unreadable
        frame, earlier = find_frame(written.applied, picture), len(named)
        for region in written.regions:
            name = clean_name(region.name)
            if region.kind != FACE:
                continue
            if name is None:
                unnamed += 1
            elif frame is Frame.OTHER:
                cropped += 1
            else:
                placed = NamedRegion(name, _place(region.box, frame, picture))
                _add(named, placed, earlier=earlier)
    return PhotoRegions(tuple(named), unnamed, cropped, unreadable, tuple(faults))


def read_packet(packet: bytes) -> WrittenRegions:
    """Return the regions of one packet, those of MWG-RS before those of MP.

    Raises UnreadableXmp. A packet without regions is not parsed, so its faults go unnoticed.
    """
    written = WrittenRegions()
    xml = normalise_packet(packet)
    if MWG.encode() not in xml and MP.encode() not in xml:
        return written
    structs = read_structs(parse_packet(xml))
    for struct in structs:
        _read_mwg(find_struct(struct.get(REGIONS)), written)
    for struct in structs:
        _read_mp(find_struct(struct.get(MP_REGIONS)), written)
    if len(written.regions) > 2 * MOST_REGIONS:  # Many programs write each face in both schemas.
        raise UnreadableXmp(f"it holds more than {MOST_REGIONS:,} faces")
    return written


def has_regions(packet: bytes) -> bool:
    """Tell whether a packet may have regions, without parsing it; a broken packet may."""
    try:
        xml = normalise_packet(packet)
    except UnreadableXmp:
        return True
    return MWG.encode() in xml or MP.encode() in xml


def clean_name(name: str | None) -> str | None:
    """Return a name without surrounding space; None if it is empty, too long or unprintable."""
    if name is None:
        return None
    name = " ".join(unicodedata.normalize("NFC", name).split())
    is_bad = any(unicodedata.category(one) in ("Cc", "Cs", "Cn") for one in name)
    return None if is_bad or not 0 < len(name) <= MAX_NAME_CHARACTERS else name


def _add(named: list[NamedRegion], region: NamedRegion, *, earlier: int) -> None:
    """Add a region, unless another is in its place; boxes of the first `earlier` may be rough."""
    if any(is_same_face(region.box, known.box) for known in named[:earlier]):
        return
    if all(region.box.overlap(known.box) < SAME_PLACE for known in named[earlier:]):
        named.append(region)


def _place(box: BoundingBox, frame: Frame, picture: Picture) -> BoundingBox:
    return make_upright(box, picture.orientation) if frame is Frame.STORED else box


def _read_mwg(regions: Struct | None, written: WrittenRegions) -> None:
    if regions is None:
        return
    applied = _read_size(find_struct(regions.get(f"{MWG} AppliedToDimensions")))
    written.applied = written.applied or applied
    for region in list_structs(regions.get(f"{MWG} RegionList")):
        box = _read_area(find_struct(region.get(f"{MWG} Area")), applied)
        if box is None:
            written.unreadable += 1
            continue
        written.regions.append(
            WrittenRegion(
                find_text(region.get(f"{MWG} Name")),
                box,
                (find_text(region.get(f"{MWG} Type")) or FACE).capitalize(),
                find_text(region.get(f"{MWG} Description")),
            )
        )


def _read_mp(regions: Struct | None, written: WrittenRegions) -> None:
    if regions is None:
        return
    for region in list_structs(regions.get(f"{MP_INFO} Regions")):
        rectangle = find_text(region.get(f"{MP_REGION} Rectangle"))
        if rectangle is None:
            continue  # A person who is in the photo, but has no region.
        box = _read_rectangle(rectangle)
        if box is None:
            written.unreadable += 1
        else:
            name = find_text(region.get(f"{MP_REGION} PersonDisplayName"))
            written.regions.append(WrittenRegion(name, box))


def _read_size(size: Struct | None) -> tuple[float, float] | None:
    if size is None:
        return None
    width, height = (_read_number(size.get(f"{DIMENSIONS} {side}")) for side in "wh")
    return None if not width or not height or min(width, height) <= 0 else (width, height)


def _read_area(area: Struct | None, applied: tuple[float, float] | None) -> BoundingBox | None:
    """Return a box in fractions; a circle is the square around it."""
    if area is None:
        return None
    x, y, w, h, d = (_read_number(area.get(f"{AREA} {side}")) for side in "xywhd")
    is_pixels = (find_text(area.get(f"{AREA} unit")) or "").startswith("pixel")
    if applied is not None and d is not None and (w is None or h is None):
        across = 1.0 if is_pixels else min(applied)
        w, h = (d * across, d * across) if is_pixels else (d * across / side for side in applied)
    if x is None or y is None or w is None or h is None or (is_pixels and applied is None):
        return None
    if is_pixels and applied is not None:
        x, w, y, h = x / applied[0], w / applied[0], y / applied[1], h / applied[1]
    return _check(BoundingBox(x - w / 2, y - h / 2, x + w / 2, y + h / 2))


def _read_rectangle(text: str) -> BoundingBox | None:
    numbers = list(_read_numbers(text))
    if len(numbers) != 4:
        return None
    left, top, width, height = numbers
    return _check(BoundingBox(left, top, left + width, top + height))


def _read_numbers(text: str) -> Iterator[float]:
    return (number for part in text.split(",") if (number := _read_number(part)) is not None)


def _read_number(value: Value | None) -> float | None:
    text = find_text(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check(box: BoundingBox) -> BoundingBox | None:
    """Return the part within the picture; None for a box that is empty or outside."""
    inside = clip(box)
    return inside if inside.area > 0 else None
