"""Writes the named faces of a photo as an XMP packet, or into an existing packet.

Each face is written twice, as MWG-RS and as MP, because some programs read only one of them. The
boxes are fractions of the stored picture, as MWG's guidelines require. In a packet of another
program only these two properties are changed; everything else stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from cluster.core.errors import UnreadableXmp
from cluster.core.identity.faces import SAME_PLACE
from cluster.core.identity.people import fold_name
from cluster.core.xmp.packet_elements import Element, normalise_packet, parse_packet
from cluster.core.xmp.packet_values import RDF, list_descriptions
from cluster.core.xmp.region_matching import is_same_face
from cluster.core.xmp.region_places import Frame, Picture, find_frame, make_stored
from cluster.core.xmp.region_reading import (
    FACE,
    MP_REGIONS,
    REGIONS,
    NamedRegion,
    WrittenRegion,
    clean_name,
    read_packet,
)

TOOLKIT = "Headcount"
"""The x:xmptk of a packet that only Headcount wrote, so that it may be replaced as a whole."""

_META = "adobe:ns:meta/"
_ID = "W5M0MpCehiHzreSzNTczkc9d"
"""The id of every XMP packet (ISO 16684-1, 7.3.2)."""

_HEAD = f'<?xpacket begin="\ufeff" id="{_ID}"?>\n'
_TAIL = '\n<?xpacket end="w"?>\n'

_NAMESPACES = """\
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmlns:MP="http://ns.microsoft.com/photo/1.2/"
    xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
    xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#\""""


@dataclass(frozen=True, slots=True)
class Edited:
    """A packet with regions. `kept` are existing names that stay although ours differ."""

    packet: bytes
    kept: tuple[str, ...] = ()


def write_packet(regions: Sequence[NamedRegion], picture: Picture) -> bytes:
    """Return a new packet with these regions, in UTF-8; the same faces give the same bytes."""
    written = [_to_written(region, picture) for region in regions]
    body = _describe(written, picture)
    meta = f'<x:xmpmeta xmlns:x="{_META}" x:xmptk="{TOOLKIT}">\n'
    rdf = f'<rdf:RDF xmlns:rdf="{RDF}">\n{body}</rdf:RDF>\n</x:xmpmeta>'
    return (_HEAD + meta + rdf + _TAIL).encode()


def is_own_packet(packet: bytes) -> bool:
    """Tell whether only Headcount wrote a packet. Raises UnreadableXmp."""
    root = parse_packet(normalise_packet(packet))
    return root.attributes.get(f"{_META} xmptk") == TOOLKIT


def edit_packet(
    packet: bytes, regions: Sequence[NamedRegion], picture: Picture, *, replaces_names: bool = False
) -> Edited:
    """Return a packet with these regions in place of its own.

    Regions of the packet stay where none of ours is: pets, bar codes, and faces without a name
    here. Another name of the packet for a face also stays, unless `replaces_names`. Raises
    UnreadableXmp for a packet that cannot be read or has no rdf:RDF, and, unless `replaces_names`,
    for one whose regions belong to a picture of another shape.
    """
    xml = normalise_packet(packet)
    rdf = _find_rdf(parse_packet(xml))
    if rdf is None:
        raise UnreadableXmp("it holds no rdf:RDF")
    mine = [_to_written(region, picture) for region in regions]
    kept, names = list[WrittenRegion](), list[str]()
    for there in _list_stored(packet, picture, drops_others=replaces_names):
        here = next((one for one in mine if _is_about(there, one)), None)
        if here is None:
            kept.append(there)
        elif not replaces_names and _differ(there, here):
            kept.append(there)
            names.append(there.name or "")
            mine.remove(here)
    body = _describe([*mine, *kept], picture).encode()
    return Edited(_HEAD.encode() + _splice(xml, rdf, body) + _TAIL.encode(), tuple(names))


def _list_stored(packet: bytes, picture: Picture, *, drops_others: bool) -> list[WrittenRegion]:
    """Return the regions of a packet, in fractions of the stored picture, without repetitions."""
    written = read_packet(packet)
    frame = find_frame(written.applied, picture)
    if frame is Frame.OTHER and written.regions and not drops_others:
        raise UnreadableXmp("its regions belong to a picture of another shape")
    if frame is Frame.OTHER:
        return []
    stored: list[WrittenRegion] = []
    for one in written.regions:
        if frame is Frame.UPRIGHT:
            one = replace(one, box=make_stored(one.box, picture.orientation))
        if not any(_is_twice(known, one) for known in stored):
            stored.append(one)
    return stored


def _is_twice(one: WrittenRegion, other: WrittenRegion) -> bool:
    """Tell whether two regions are the same one, written as MWG-RS and as MP."""
    return one.kind == other.kind and one.box.overlap(other.box) >= SAME_PLACE


def _is_about(there: WrittenRegion, mine: WrittenRegion) -> bool:
    """Tell whether an existing region, perhaps with a rough box, shows the same face as ours."""
    return there.kind == FACE and is_same_face(there.box, mine.box)


def _differ(there: WrittenRegion, here: WrittenRegion) -> bool:
    """Tell whether an existing region has a name that differs from ours."""
    name = clean_name(there.name)
    return name is not None and fold_name(name) != fold_name(here.name or "")


def _to_written(region: NamedRegion, picture: Picture) -> WrittenRegion:
    return WrittenRegion(region.name, make_stored(region.box, picture.orientation))


def _find_rdf(root: Element) -> Element | None:
    if root.name == f"{RDF} RDF":
        return root
    return next((found for child in root.children if (found := _find_rdf(child))), None)


def _splice(xml: bytes, rdf: Element, body: bytes) -> bytes:
    """Return the bytes of a packet without its regions and its wrapper, with `body` at the end."""
    end = xml.rfind(b"</", rdf.start, rdf.end)
    if end < 0:
        raise UnreadableXmp("its rdf:RDF is empty")
    while xml[end - 1 : end] in (b" ", b"\t"):
        end -= 1
    parts, at = list[bytes](), 0
    for start, stop in [*sorted(_list_cuts(xml, rdf)), (end, end)]:
        parts.append(xml[at:start])
        at = stop
    whole = b"".join([*parts, body, xml[at:]])
    if whole.startswith(b"<?xpacket begin"):
        whole = whole[whole.index(b"?>") + 2 :]
    last = whole.rfind(b"<?xpacket end")
    return (whole if last < 0 else whole[:last]).strip()


def _list_cuts(xml: bytes, rdf: Element) -> Iterator[tuple[int, int]]:
    """Yield the places of the regions; if a description has no other content, its whole lines.

    So writing the same regions again gives the same bytes.
    """
    for description in list_descriptions(rdf):
        old = [child for child in description.children if child.name in (REGIONS, MP_REGIONS)]
        is_all = len(old) == len(description.children) > 0
        if is_all and set(description.attributes) <= {f"{RDF} about"}:
            start, end = description.start, description.end
            while xml[start - 1 : start] in (b" ", b"\t"):
                start -= 1
            yield start, end + (xml[end : end + 1] == b"\n")
        else:
            yield from ((child.start, child.end) for child in old)


def _describe(regions: Iterable[WrittenRegion], picture: Picture) -> str:
    """Return a description with both properties; an empty text without regions."""
    regions = sorted(regions, key=lambda one: (one.box.left, one.box.top, one.name or ""))
    if not regions:
        return ""
    width, height = picture.stored_size
    areas = "".join(map(_describe_area, regions))
    rectangles = "".join(_describe_rectangle(one) for one in regions if one.kind == FACE)
    return f"""\
 <rdf:Description rdf:about=""{_NAMESPACES} xmlns:rdf="{RDF}">
  <mwg-rs:Regions rdf:parseType="Resource">
   <mwg-rs:AppliedToDimensions stDim:w="{width:.0f}" stDim:h="{height:.0f}" stDim:unit="pixel"/>
   <mwg-rs:RegionList>
    <rdf:Bag>
{areas}    </rdf:Bag>
   </mwg-rs:RegionList>
  </mwg-rs:Regions>
  <MP:RegionInfo rdf:parseType="Resource">
   <MPRI:Regions>
    <rdf:Bag>
{rectangles}    </rdf:Bag>
   </MPRI:Regions>
  </MP:RegionInfo>
 </rdf:Description>
"""


def _describe_area(region: WrittenRegion) -> str:
    box = region.box
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    name = "" if region.name is None else f"<mwg-rs:Name>{_text(region.name)}</mwg-rs:Name>"
    more = region.description
    note = "" if more is None else f"<mwg-rs:Description>{_text(more)}</mwg-rs:Description>"
    sides = f'stArea:x="{across:.6f}" stArea:y="{down:.6f}"'
    size = f'stArea:w="{box.width:.6f}" stArea:h="{box.height:.6f}"'
    return (
        f'     <rdf:li rdf:parseType="Resource">{name}{note}'
        f"<mwg-rs:Type>{_text(region.kind)}</mwg-rs:Type>"
        f'<mwg-rs:Area {sides} {size} stArea:unit="normalized"/></rdf:li>\n'
    )


def _describe_rectangle(region: WrittenRegion) -> str:
    box = region.box
    rectangle = f"{box.left:.6f}, {box.top:.6f}, {box.width:.6f}, {box.height:.6f}"
    known = region.name
    name = f"<MPReg:PersonDisplayName>{_text(known)}</MPReg:PersonDisplayName>" if known else ""
    return (
        f'     <rdf:li rdf:parseType="Resource">{name}'
        f"<MPReg:Rectangle>{rectangle}</MPReg:Rectangle></rdf:li>\n"
    )


def _text(text: str) -> str:
    """Return a text as XML, with a space for each character that XML 1.0 does not allow."""
    return escape("".join(one if one >= " " and one not in "\ufffe\uffff" else " " for one in text))
