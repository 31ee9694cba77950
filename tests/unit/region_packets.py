"""XMP packets with face regions, as programs write them."""

from __future__ import annotations

from cluster.core.identity.faces import BoundingBox
from cluster.core.xmp.region_places import Picture

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
